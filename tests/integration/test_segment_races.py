"""Members of segments whoever writes, settles, erases and reads at once: one race after the other.

How builds and time race with writes is in `test_segment_rounds`.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from attrs import evolve

from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.adapters.postgres.segments.segments import PostgresSegments
from customers.core.errors import CustomerNotFound
from customers.core.membership import refresh
from customers.core.model.customer import Customer
from customers.core.model.membership import SequencedChange
from customers.core.model.query import CustomerSort, Page
from tests.support.builders import NOW, some_statistics
from tests.support.databases import rows
from tests.support.membership_steps import (
    a_change,
    apply_changes,
    changes,
    membership_transaction,
    pending_candidates,
    pending_changes_of,
    refresh_state_of,
    store_members,
)
from tests.support.segment_races import (
    ADAS,
    ADAS_WITH_ORDERS,
    ONE_ORDER,
    Arena,
    meanwhile,
    opened,
    turns,
)
from tests.support.storage_steps import a_stored_customer, failing_transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def arena(url: str, tenant: str) -> AsyncIterator[Arena]:
    async with opened(url, tenant) as arena:
        yield arena


async def test_an_order_between_reading_marks_and_settling_them_is_settled_later(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arena.build(segment := await arena.publish(ONE_ORDER))
    customer = await a_stored_customer(arena.storage, arena.tenant)
    await arena.count(customer)
    meanwhile(
        monkeypatch, PostgresMemberships, "with_pending_changes", lambda: arena.count(customer)
    )
    await arena.settle()
    assert len(await pending_changes_of(arena.storage, customer)) == 1
    await arena.is_right()
    await arena.settle()
    assert await turns(arena, segment, customer) == ["entered by order", "left by order"]
    await arena.is_right()


async def test_a_mark_with_a_low_number_that_is_committed_late_is_settled_later(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arena.build(segment := await arena.publish(ADAS))
    late = await a_stored_customer(arena.storage, arena.tenant, first_name="Eve")
    has_left_its_mark, may_commit = asyncio.Event(), asyncio.Event()

    async def rename() -> None:
        async with arena.storage.transaction(arena.tenant) as tx:
            await tx.customers.save(
                evolve(await tx.customers.get_for_update(late.id), first_name="Ada")
            )
            has_left_its_mark.set()
            await may_commit.wait()

    async def commit() -> None:
        may_commit.set()
        await renaming

    renaming = asyncio.create_task(rename())
    await has_left_its_mark.wait()
    other = await a_stored_customer(arena.storage, arena.tenant)
    meanwhile(monkeypatch, PostgresMemberships, "with_pending_changes", commit)
    await arena.settle()
    assert [
        candidate.customer.id for candidate in await pending_candidates(arena.storage, arena.tenant)
    ] == [late.id]
    await arena.settle()
    assert await turns(arena, segment, late) == ["entered by customer"]
    assert await turns(arena, segment, other) == ["entered by customer"]
    await arena.is_right()


async def test_of_two_who_settle_at_once_the_second_finds_nothing_left(arena: Arena) -> None:
    await arena.build(segment := await arena.publish(ADAS))
    crowd = [await a_stored_customer(arena.storage, arena.tenant) for _ in range(3)]
    async with membership_transaction(arena.storage, arena.tenant) as tx:
        await refresh.apply_pending_batch(tx)
        second = await arena.background_tasks(arena.settle())
    await second
    told = await changes(arena.storage, segment)
    assert sorted(each.customer_id for each in told) == [each.id for each in crowd]
    assert (await refresh_state_of(arena.storage, segment)).member_count == 3
    await arena.is_right()


async def test_who_locks_the_members_of_a_new_tenant_keeps_out_others(arena: Arena) -> None:
    holds, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with membership_transaction(arena.storage, arena.tenant):
            holds.set()
            await may_end.wait()

    async def lock() -> None:
        async with membership_transaction(arena.storage, arena.tenant):
            pass

    async with membership_transaction(arena.storage, arena.tenant):
        second = await arena.background_tasks(hold())
    await holds.wait()
    third = await arena.background_tasks(lock())
    assert not third.done()
    may_end.set()
    await asyncio.gather(second, third)


async def test_a_reader_of_the_feed_is_told_nothing_before_what_has_a_lower_number(
    arena: Arena,
) -> None:
    await arena.build(segment := await arena.publish(ADAS))
    new, old = [await a_stored_customer(arena.storage, arena.tenant) for _ in range(2)]
    await store_members(arena.storage, segment, old)
    (first,) = await changes(arena.storage, segment)
    came_back = [a_change(segment, old, entered=each) for each in (False, True)]
    async with membership_transaction(arena.storage, arena.tenant) as tx:
        await tx.memberships.apply([a_change(segment, new)])
        second = await arena.background_tasks(apply_changes(arena.storage, arena.tenant, came_back))
        assert list(await changes(arena.storage, segment, first.sequence)) == []
    await second
    told = await changes(arena.storage, segment, first.sequence)
    assert [each.customer_id for each in told] == [new.id, old.id, old.id]


async def test_a_reader_of_the_feed_misses_nothing_while_many_settle(arena: Arena) -> None:
    await arena.build(segment := await arena.publish(ONE_ORDER))
    crowd = [await a_stored_customer(arena.storage, arena.tenant) for _ in range(6)]

    async def order_twice(customer: Customer) -> None:
        for _ in range(2):
            await arena.count(customer)
            await arena.settle()

    ordering = asyncio.gather(*(order_twice(each) for each in crowd))
    read, is_over = list[SequencedChange](), False
    while not is_over:
        has_ended = ordering.done()
        more = await changes(arena.storage, segment, read[-1].sequence if read else 0, 3)
        read += more
        is_over = has_ended and not more
    assert read == list(await changes(arena.storage, segment))
    for each in crowd:
        assert await turns(arena, segment, each) == ["entered by order", "left by order"]
    await arena.is_right()


async def test_an_order_that_waits_for_a_change_leaves_what_the_change_has_made(
    arena: Arena,
) -> None:
    await arena.build(segment := await arena.publish(ADAS_WITH_ORDERS))
    customer = await a_stored_customer(arena.storage, arena.tenant, first_name="Eve")
    await arena.settle()
    async with arena.storage.transaction(arena.tenant) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.customers.save(renamed := evolve(customer, first_name="Ada", version=2))
        counting = await arena.background_tasks(arena.count(customer))
    await counting
    pending_changes = await pending_changes_of(arena.storage, customer)
    assert [pending_change.before for pending_change in pending_changes] == [customer, renamed]
    await arena.settle()
    assert await turns(arena, segment, customer) == ["entered by order"]
    await arena.is_right()


async def test_a_change_that_waits_for_an_order_leaves_what_the_order_has_made(
    arena: Arena,
) -> None:
    await arena.build(segment := await arena.publish(ADAS_WITH_ORDERS))
    customer = await a_stored_customer(arena.storage, arena.tenant)
    await arena.settle()
    async with failing_transaction(arena.storage, arena.tenant) as tx:
        await tx.orders.claim("contested", customer.id)
        counting = await arena.background_tasks(arena.count(customer, order_id="contested"))
        renaming = await arena.background_tasks(arena.rename(customer, "Eve"))
    await asyncio.gather(counting, renaming)
    pending_changes = await pending_changes_of(arena.storage, customer)
    counted = customer.with_statistics(some_statistics(), now=NOW)
    assert [pending_change.before for pending_change in pending_changes] == [customer, counted]
    await arena.settle()
    assert await turns(arena, segment, customer) == ["entered by order", "left by customer"]
    await arena.is_right()


async def test_an_erasure_settles_the_change_it_has_waited_for_and_leaves_no_mark(
    arena: Arena,
) -> None:
    await arena.build(segment := await arena.publish(ADAS))
    customer = await a_stored_customer(arena.storage, arena.tenant, first_name="Eve")
    async with arena.storage.transaction(arena.tenant) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.customers.save(evolve(customer, first_name="Ada", version=2))
        erasing = await arena.background_tasks(arena.forget(customer))
    await erasing
    assert await pending_candidates(arena.storage, arena.tenant) == []
    assert await turns(arena, segment, customer) == ["entered by customer", "left by customer"]
    await arena.is_right()


async def test_a_change_that_comes_while_a_customer_is_erased_leaves_nothing_of_them(
    arena: Arena, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arena.build(segment := await arena.publish(ADAS))
    customer = await a_stored_customer(arena.storage, arena.tenant)
    late = list[asyncio.Task[None]]()

    async def rename() -> None:
        late.append(await arena.background_tasks(arena.rename(customer, "Eve")))

    meanwhile(monkeypatch, PostgresMemberships, "with_pending_changes", rename)
    await arena.forget(customer)
    with pytest.raises(CustomerNotFound):
        await late[0]
    sql = "SELECT before FROM customer_segment_pending_changes WHERE tenant_id = $1"
    assert await rows(url, sql, arena.tenant) == []
    assert await turns(arena, segment, customer) == ["entered by customer", "left by customer"]
    await arena.is_right()


@pytest.mark.parametrize(
    ("repository", "method"),
    [
        (PostgresSegments, "get"),
        (PostgresMemberships, "refresh_states"),
        (PostgresMemberships, "stale_candidates"),
    ],
)
async def test_a_read_is_of_one_moment_whoever_settles_between_its_statements(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, repository: type, method: str
) -> None:
    await arena.build(segment := await arena.publish(ADAS))
    ada, bob = [await a_stored_customer(arena.storage, arena.tenant) for _ in range(2)]

    async def go_on() -> None:
        await arena.rename(ada, "Eve")
        await arena.settle()

    meanwhile(monkeypatch, repository, method, go_on)
    page = await arena.segments.members(arena.tenant, segment.id, CustomerSort(), Page())
    assert (list(page.customers), page.total) == ([bob, ada], 2)
    await arena.is_right()
