"""Members of segments that are built, or that time moves, whoever writes meanwhile; and who sweeps.

Rounds go through customers in steps of two here. Other races are in `test_segment_races`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio
from attrs import evolve
from sqlalchemy import select, true

from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.segments import refresh_states
from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.adapters.postgres.segments.segments import PostgresSegments
from customers.core.membership import refresh
from customers.core.services.sweeper import Sweeper
from tests.support.builders import NOW, a_customer, a_tenant, an_id, later
from tests.support.membership_steps import (
    pending_candidates,
    refresh_state_of,
    set_capture,
    stored_members,
)
from tests.support.segment_races import ADAS, ONE_ORDER, Arena, meanwhile, opened, turns
from tests.support.storage_steps import (
    LONG_LEASE,
    SHORT_LEASE,
    a_stored_customer,
    acquire_lease,
    add_customers,
    get_customer,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

A_MONTH_OLD = '[{"field": "days_since_created", "operator": "gte", "value": 30}]'
NEW_THIS_MONTH = '[{"field": "created_at", "operator": "within_last_days", "value": 30}]'
A_MONTH_AND_NO_MORE = '[{"field": "days_since_created", "operator": "between", "value": [30, 31]}]'
TWO = an_id()


@pytest_asyncio.fixture(loop_scope="session")
async def arena(url: str, tenant: str) -> AsyncIterator[Arena]:
    async with opened(url, tenant) as arena:
        yield arena


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of two customers, and nobody who publishes takes one, or waits for others."""
    for name in ("MAX_SCANNED_PER_STEP", "MAX_CROSSED_PER_STEP"):
        monkeypatch.setattr(refresh, name, 2)
    for name in ("MAX_STEPS_PER_REQUEST", "MAX_SECONDS_TO_WAIT"):
        monkeypatch.setattr(refresh, name, 0)


async def test_a_build_waits_for_a_change_that_began_before_its_rule(arena: Arena) -> None:
    ada, eve = [
        await a_stored_customer(arena.storage, arena.tenant, first_name=name)
        for name in ("Ada", "Eve")
    ]
    async with arena.storage.transaction(arena.tenant) as tx:
        for each, name in ((ada, "Eve"), (eve, "Ada")):
            await tx.customers.save(
                evolve(await tx.customers.get_for_update(each.id), first_name=name)
            )
        await tx.customers.add(a_customer(tenant_id=arena.tenant))
        segment = await asyncio.create_task(arena.publish(ADAS))
        assert not await arena.refresh_step(segment)
        assert not (await refresh_state_of(arena.storage, segment)).is_ready
        await arena.is_right()
    await arena.is_right()
    await arena.build(segment)
    await arena.is_right()


async def test_a_build_waits_for_an_order_that_is_being_counted_while_its_rule_changes(
    arena: Arena,
) -> None:
    customer = await a_stored_customer(arena.storage, arena.tenant)
    await arena.build(segment := await arena.publish(ADAS))
    async with arena.storage.transaction(arena.tenant) as tx:
        await tx.customers.get_for_update(customer.id)  # which writes nothing
        counting = await arena.background_tasks(arena.count(customer))
        await asyncio.create_task(arena.give_rules(segment, ONE_ORDER))
        assert not await arena.refresh_step(segment)
    await counting
    assert await pending_candidates(arena.storage, arena.tenant) == []
    await arena.build(segment)
    assert (await refresh_state_of(arena.storage, segment)).member_count == 1
    await arena.is_right()


async def killed() -> None:
    raise ConnectionError


async def test_a_halted_build_is_gone_on_with_by_another_whoever_has_changed(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = [
        await a_stored_customer(arena.storage, arena.tenant, first_name=name)
        for name in ("Ada", "Eve", "Eve", "Ada", "Ada", "Eve", "Ada")
    ]
    segment = await arena.publish(ADAS)
    assert await arena.storage.wait_for_capture_barrier(arena.tenant, segment.id, 30)
    assert await arena.refresh_step(segment)
    meanwhile(monkeypatch, PostgresMemberships, "apply", killed)
    with pytest.raises(ConnectionError):
        await arena.refresh_step(segment)
    assert (await refresh_state_of(arena.storage, segment)).cursor == crowd[1].id
    arena.clock.forward(seconds=1)
    for number, name in ((0, "Eve"), (1, "Ada"), (4, "Eve"), (5, "Ada")):
        await arena.rename(crowd[number], name)
    await arena.customers.delete(arena.tenant, crowd[3].id, versions=None)
    await arena.is_right()
    await arena.settle()
    await arena.rename(crowd[2], "Ada")
    await arena.build(segment)
    await arena.is_right()
    await arena.settle()
    assert await turns(arena, segment, crowd[2]) == ["entered by customer"]
    await arena.is_right()


async def test_a_write_that_does_not_know_of_a_rule_may_carry_its_customer_past_the_moment(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly = NOW - timedelta(days=30) + timedelta(milliseconds=3)
    customer = a_customer(tenant_id=arena.tenant, created_at=nearly)
    await add_customers(arena.storage, customer)
    segment = await arena.publish("[]")

    async def order() -> None:
        arena.clock.forward(seconds=0.01)
        await arena.count(customer)

    meanwhile(monkeypatch, PostgresSegments, "save", order)
    await arena.give_rules(segment, A_MONTH_OLD)
    await arena.build(segment)
    arena.clock.forward(days=3)
    while await arena.refresh_step(segment):
        await arena.is_right()
    await arena.is_right()
    assert await stored_members(arena.storage, segment) == [
        await get_customer(arena.storage, customer)
    ]


async def test_who_seems_to_write_for_longer_than_they_do_does_not_keep_a_build_that_may_begin(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await a_stored_customer(arena.storage, arena.tenant, first_name="Ada")
    segment = await arena.publish(ADAS)
    assert await arena.storage.wait_for_capture_barrier(arena.tenant, segment.id, 30)
    monkeypatch.setattr(refresh_states, "_IS_OLDER", Statement.of(select(true())))
    assert not await arena.refresh_step(segment)
    assert await stored_members(arena.storage, segment) == [customer]
    await arena.give_rules(segment, ONE_ORDER)
    assert not await arena.storage.wait_for_capture_barrier(arena.tenant, segment.id, 0)


async def test_time_moves_customers_at_both_ends_of_what_has_gone(arena: Arena) -> None:
    ends = [moment - timedelta(days=30) for moment in (NOW, later(days=1))]
    instants = [timedelta(microseconds=each) for each in (-2, -1, 0, 1, 2)]
    dates = [end + instant for end in ends for instant in instants]
    crowd = [a_customer(tenant_id=arena.tenant, created_at=each) for each in dates]
    await add_customers(arena.storage, *crowd)
    segments = [await arena.publish(rules) for rules in (A_MONTH_OLD, NEW_THIS_MONTH)]
    for each in segments:
        await arena.build(each)
    arena.clock.forward(days=1)
    await arena.is_right()
    for each in segments:
        while await arena.refresh_step(each):
            await arena.is_right()
    old, new = [await stored_members(arena.storage, each) for each in segments]
    assert (old, new) == (crowd[:8], crowd[7:])


@pytest.mark.parametrize("days", [1.5, 5], ids=["halfway", "past"])
async def test_a_round_through_time_tells_all_once_whoever_is_changed_meanwhile(
    arena: Arena, days: float
) -> None:
    crowd = [
        await a_stored_customer(arena.storage, arena.tenant, created_at=later(days=-29))
        for _ in range(6)
    ]
    await arena.build(segment := await arena.publish(A_MONTH_AND_NO_MORE))
    arena.clock.forward(days=days)
    assert await arena.refresh_step(segment)
    assert (await refresh_state_of(arena.storage, segment)).cursor == crowd[1].id
    arena.clock.moment = later(days=6)
    for number in (0, 3):
        await arena.rename(crowd[number], "Eve")
    await arena.is_right()
    await arena.settle()
    await arena.rename(crowd[4], "Eve")
    while await arena.refresh_step(segment):
        await arena.is_right()
    for each in crowd:
        assert await turns(arena, segment, each) == ["entered by time", "left by time"]


async def test_a_sweeper_that_has_lost_its_lease_leaves_the_rest_to_the_other(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty)
    async with opened(empty, a_tenant()) as arena:
        for each in (tenants := sorted(a_tenant() for _ in range(2))):
            await set_capture(arena.storage, each)
            await a_stored_customer(arena.storage, each)
        one, two = [Sweeper(arena.storage, arena.clock, each) for each in (an_id(), TWO)]
        meanwhile(
            monkeypatch, PostgresMemberships, "apply", lambda: acquire_lease(arena.storage, TWO)
        )
        assert await one.refresh(SHORT_LEASE) is None
        assert await arena.storage.tenants_to_refresh() == tenants[1:]
        assert await two.refresh(LONG_LEASE) is not None
        assert await arena.storage.tenants_to_refresh() == []


async def test_of_two_who_wait_for_a_lease_that_has_run_out_one_gets_it(empty: str) -> None:
    await migrate(empty)
    connection = await asyncpg.connect(empty)
    async with opened(empty, a_tenant()) as arena:
        assert await arena.storage.lease(an_id(), LONG_LEASE)
        async with connection.transaction():
            await connection.execute("UPDATE sweeper SET until = now() - interval '1 second'")
            asking = [
                await arena.background_tasks(arena.storage.lease(an_id(), LONG_LEASE))
                for _ in range(2)
            ]
        assert sorted(await asyncio.gather(*asking)) == [False, True]
    await connection.close()
