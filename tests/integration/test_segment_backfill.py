"""Races between writes and backfills or passes through time, and between sweepers.

Backfills and passes scan two customers a step here. Other races are in `test_segment_races`.
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
from customers.adapters.postgres.segments import capture
from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.adapters.postgres.segments.segments import PostgresSegments
from customers.core.membership import refresh
from customers.core.model.customer import Customer
from customers.core.services.sweeper import Sweeper
from tests.support.builders import NOW, a_customer, a_tenant, an_id, later
from tests.support.membership_steps import (
    pending_candidates,
    refresh_state_of,
    set_capture,
    stored_members,
)
from tests.support.segment_races import ADAS, ONE_ORDER, Races, feed_of, interrupt, open_races
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
FOR_A_DAY_AFTER_A_MONTH = (
    '[{"field": "days_since_created", "operator": "between", "value": [30, 31]}]'
)
SECOND_SWEEPER = an_id()


@pytest_asyncio.fixture(loop_scope="session")
async def races(url: str, tenant: str) -> AsyncIterator[Races]:
    async with open_races(url, tenant) as races:
        yield races


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of two customers; a publication takes no step and does not wait for the barrier."""
    for name in ("MAX_SCANNED_PER_STEP", "MAX_CROSSED_PER_STEP"):
        monkeypatch.setattr(refresh, name, 2)
    for name in ("MAX_STEPS_PER_REQUEST", "MAX_SECONDS_TO_WAIT"):
        monkeypatch.setattr(refresh, name, 0)


async def test_a_backfill_waits_for_a_change_that_began_before_its_rule(races: Races) -> None:
    ada, eve = [
        await a_stored_customer(races.storage, races.tenant, first_name=name)
        for name in ("Ada", "Eve")
    ]
    async with races.storage.transaction(races.tenant) as tx:
        for customer, name in ((ada, "Eve"), (eve, "Ada")):
            current = await tx.customers.get_for_update(customer.id)
            await tx.customers.save(evolve(current, first_name=name))
        await tx.customers.add(a_customer(tenant_id=races.tenant))
        segment = await asyncio.create_task(races.publish(ADAS))
        assert not await races.refresh_step(segment)
        assert not (await refresh_state_of(races.storage, segment)).is_ready
        await races.check_members()
    await races.check_members()
    await races.backfill(segment)
    await races.check_members()


async def test_a_backfill_waits_for_an_order_recorded_while_its_rule_changes(races: Races) -> None:
    customer = await a_stored_customer(races.storage, races.tenant)
    await races.backfill(segment := await races.publish(ADAS))
    async with races.storage.transaction(races.tenant) as tx:
        await tx.customers.get_for_update(customer.id)  # which writes nothing
        counting = await races.until_blocked(races.record_order(customer))
        await asyncio.create_task(races.change_rules(segment, ONE_ORDER))
        assert not await races.refresh_step(segment)
    await counting
    assert await pending_candidates(races.storage, races.tenant) == []
    await races.backfill(segment)
    assert (await refresh_state_of(races.storage, segment)).member_count == 1
    await races.check_members()


async def rename_in_another_program(
    url: str, customer: Customer, application_name: str
) -> asyncpg.Connection:
    """Another program's connection, in whose open transaction a customer has been changed."""
    settings = {"application_name": application_name}
    connection = await asyncpg.connect(url, server_settings=settings)
    await connection.execute("BEGIN")
    sql = "UPDATE customers SET first_name = 'Other' WHERE tenant_id = $1 AND id = $2"
    await connection.execute(sql, customer.tenant_id, customer.id)
    return connection


async def test_an_open_transaction_of_another_tenant_does_not_hold_up_a_backfill(
    races: Races,
) -> None:
    other = await a_stored_customer(races.storage, a_tenant())
    async with races.storage.transaction(other.tenant_id) as tx:
        current = await tx.customers.get_for_update(other.id)
        await tx.customers.save(evolve(current, first_name="Other"))
        segment = await asyncio.create_task(races.publish(ADAS))
        await asyncio.create_task(races.backfill(segment))


async def test_an_idle_transaction_of_another_program_does_not_hold_up_a_backfill(
    races: Races, url: str
) -> None:
    other = await a_stored_customer(races.storage, a_tenant())
    connection = await rename_in_another_program(url, other, "psql")
    await races.backfill(await races.publish(ADAS))
    await connection.close()


async def test_a_backfill_waits_for_a_transaction_of_an_older_release(
    races: Races, url: str
) -> None:
    customer = await a_stored_customer(races.storage, races.tenant)
    connection = await rename_in_another_program(url, customer, races.tenant)
    segment = await races.publish(ADAS)
    assert not await races.storage.wait_for_capture_barrier(races.tenant, segment.id, 0.1)
    await connection.close()
    await races.backfill(segment)


async def fail() -> None:
    raise ConnectionError


async def test_a_killed_backfill_continues_correctly_after_changes(
    races: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = [
        await a_stored_customer(races.storage, races.tenant, first_name=name)
        for name in ("Ada", "Eve", "Eve", "Ada", "Ada", "Eve", "Ada")
    ]
    segment = await races.publish(ADAS)
    assert await races.storage.wait_for_capture_barrier(races.tenant, segment.id, 30)
    assert await races.refresh_step(segment)
    interrupt(monkeypatch, PostgresMemberships, "apply", fail)
    with pytest.raises(ConnectionError):
        await races.refresh_step(segment)
    assert (await refresh_state_of(races.storage, segment)).cursor == crowd[1].id
    races.clock.forward(seconds=1)
    for number, name in ((0, "Eve"), (1, "Ada"), (4, "Eve"), (5, "Ada")):
        await races.rename(crowd[number], name)
    await races.customers.delete(races.tenant, crowd[3].id, versions=None)
    await races.check_members()
    await races.apply_pending_changes()
    await races.rename(crowd[2], "Ada")
    await races.backfill(segment)
    await races.check_members()
    await races.apply_pending_changes()
    assert await feed_of(races, segment, crowd[2]) == ["entered by customer"]
    await races.check_members()


async def test_an_order_during_a_change_of_rules_may_be_later_than_the_backfill(
    races: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    almost_a_month_ago = NOW - timedelta(days=30) + timedelta(milliseconds=3)
    customer = a_customer(tenant_id=races.tenant, created_at=almost_a_month_ago)
    await add_customers(races.storage, customer)
    segment = await races.publish("[]")

    async def order() -> None:
        races.clock.forward(seconds=0.01)
        await races.record_order(customer)

    interrupt(monkeypatch, PostgresSegments, "save", order)
    await races.change_rules(segment, A_MONTH_OLD)
    await races.backfill(segment)
    races.clock.forward(days=3)
    while await races.refresh_step(segment):
        await races.check_members()
    await races.check_members()
    assert await stored_members(races.storage, segment) == [
        await get_customer(races.storage, customer)
    ]


async def test_a_passed_capture_barrier_stays_passed_for_the_backfill(
    races: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await a_stored_customer(races.storage, races.tenant, first_name="Ada")
    segment = await races.publish(ADAS)
    assert await races.storage.wait_for_capture_barrier(races.tenant, segment.id, 30)
    monkeypatch.setattr(capture, "HAS_OLDER_WRITE", Statement.of(select(true())))
    assert not await races.refresh_step(segment)
    assert await stored_members(races.storage, segment) == [customer]
    await races.change_rules(segment, ONE_ORDER)
    assert not await races.storage.wait_for_capture_barrier(races.tenant, segment.id, 0)


async def test_time_moves_customers_at_both_ends_of_a_pass(races: Races) -> None:
    ends = [moment - timedelta(days=30) for moment in (NOW, later(days=1))]
    offsets = [timedelta(microseconds=offset) for offset in (-2, -1, 0, 1, 2)]
    dates = [end + offset for end in ends for offset in offsets]
    crowd = [a_customer(tenant_id=races.tenant, created_at=date) for date in dates]
    await add_customers(races.storage, *crowd)
    segments = [await races.publish(rules) for rules in (A_MONTH_OLD, NEW_THIS_MONTH)]
    for segment in segments:
        await races.backfill(segment)
    races.clock.forward(days=1)
    await races.check_members()
    for segment in segments:
        while await races.refresh_step(segment):
            await races.check_members()
    old, new = [await stored_members(races.storage, segment) for segment in segments]
    assert (old, new) == (crowd[:8], crowd[7:])


@pytest.mark.parametrize("days", [1.5, 5], ids=["halfway", "past"])
async def test_a_pass_through_time_records_each_change_once_despite_other_writes(
    races: Races, days: float
) -> None:
    crowd = [
        await a_stored_customer(races.storage, races.tenant, created_at=later(days=-29))
        for _ in range(6)
    ]
    await races.backfill(segment := await races.publish(FOR_A_DAY_AFTER_A_MONTH))
    races.clock.forward(days=days)
    assert await races.refresh_step(segment)
    assert (await refresh_state_of(races.storage, segment)).cursor == crowd[1].id
    races.clock.moment = later(days=6)
    for number in (0, 3):
        await races.rename(crowd[number], "Eve")
    await races.check_members()
    await races.apply_pending_changes()
    await races.rename(crowd[4], "Eve")
    while await races.refresh_step(segment):
        await races.check_members()
    for customer in crowd:
        assert await feed_of(races, segment, customer) == ["entered by time", "left by time"]


async def test_a_sweeper_that_loses_its_lease_leaves_the_other_tenants_to_the_next(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty)
    async with open_races(empty, a_tenant()) as races:
        for tenant in (tenants := sorted(a_tenant() for _ in range(2))):
            await set_capture(races.storage, tenant)
            await a_stored_customer(races.storage, tenant)
        first, second = [
            Sweeper(races.storage, races.clock, holder) for holder in (an_id(), SECOND_SWEEPER)
        ]
        interrupt(
            monkeypatch,
            PostgresMemberships,
            "apply",
            lambda: acquire_lease(races.storage, SECOND_SWEEPER),
        )
        assert await first.refresh(SHORT_LEASE) is None
        assert await races.storage.tenants_to_refresh() == tenants[1:]
        assert await second.refresh(LONG_LEASE) is not None
        assert await races.storage.tenants_to_refresh() == []


async def test_one_of_two_waiting_holders_gets_an_expired_lease(empty: str) -> None:
    await migrate(empty)
    connection = await asyncpg.connect(empty)
    async with open_races(empty, a_tenant()) as races:
        assert await races.storage.lease(an_id(), LONG_LEASE)
        async with connection.transaction():
            await connection.execute("UPDATE sweeper SET until = now() - interval '1 second'")
            leases = [
                await races.until_blocked(races.storage.lease(an_id(), LONG_LEASE))
                for _ in range(2)
            ]
        assert sorted(await asyncio.gather(*leases)) == [False, True]
    await connection.close()
