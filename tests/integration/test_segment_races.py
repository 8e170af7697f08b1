"""Races between writes, refreshes, erasures and reads of members.

Races of backfills and of time are in `test_segment_backfill`.
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
from customers.core.model.customer_filter import CustomerFilter
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
    Races,
    feed_of,
    interrupt,
    open_races,
)
from tests.support.storage_steps import a_stored_customer, failing_transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def races(url: str, tenant: str) -> AsyncIterator[Races]:
    async with open_races(url, tenant) as races:
        yield races


async def test_an_order_recorded_while_pending_changes_are_applied_is_applied_later(
    races: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    await races.backfill(segment := await races.publish(ONE_ORDER))
    customer = await a_stored_customer(races.storage, races.tenant)
    await races.record_order(customer)
    interrupt(
        monkeypatch,
        PostgresMemberships,
        "with_pending_changes",
        lambda: races.record_order(customer),
    )
    await races.apply_pending_changes()
    assert len(await pending_changes_of(races.storage, customer)) == 1
    await races.check_members()
    await races.apply_pending_changes()
    assert await feed_of(races, segment, customer) == ["entered by order", "left by order"]
    await races.check_members()


async def test_a_pending_change_committed_late_with_a_low_number_is_applied_later(
    races: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    await races.backfill(segment := await races.publish(ADAS))
    late = await a_stored_customer(races.storage, races.tenant, first_name="Eve")
    is_written, may_commit = asyncio.Event(), asyncio.Event()

    async def rename() -> None:
        async with races.storage.transaction(races.tenant) as tx:
            await tx.customers.save(
                evolve(await tx.customers.get_for_update(late.id), first_name="Ada")
            )
            is_written.set()
            await may_commit.wait()

    async def commit() -> None:
        may_commit.set()
        await renaming

    renaming = asyncio.create_task(rename())
    await is_written.wait()
    other = await a_stored_customer(races.storage, races.tenant)
    interrupt(monkeypatch, PostgresMemberships, "with_pending_changes", commit)
    await races.apply_pending_changes()
    assert [
        candidate.customer.id for candidate in await pending_candidates(races.storage, races.tenant)
    ] == [late.id]
    await races.apply_pending_changes()
    assert await feed_of(races, segment, late) == ["entered by customer"]
    assert await feed_of(races, segment, other) == ["entered by customer"]
    await races.check_members()


async def test_the_second_of_two_refreshes_has_nothing_to_apply(races: Races) -> None:
    await races.backfill(segment := await races.publish(ADAS))
    crowd = [await a_stored_customer(races.storage, races.tenant) for _ in range(3)]
    async with membership_transaction(races.storage, races.tenant) as tx:
        await refresh.apply_pending_batch(tx)
        second = await races.until_blocked(races.apply_pending_changes())
    await second
    feed = await changes(races.storage, segment)
    assert sorted(change.customer_id for change in feed) == [customer.id for customer in crowd]
    assert (await refresh_state_of(races.storage, segment)).member_count == 3
    await races.check_members()


async def test_the_membership_lock_of_a_new_tenant_excludes_other_transactions(
    races: Races,
) -> None:
    holds, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with membership_transaction(races.storage, races.tenant):
            holds.set()
            await may_end.wait()

    async def lock() -> None:
        async with membership_transaction(races.storage, races.tenant):
            pass

    async with membership_transaction(races.storage, races.tenant):
        second = await races.until_blocked(hold())
    await holds.wait()
    third = await races.until_blocked(lock())
    assert not third.done()
    may_end.set()
    await asyncio.gather(second, third)


async def test_a_change_is_not_in_the_feed_before_changes_with_lower_numbers(races: Races) -> None:
    await races.backfill(segment := await races.publish(ADAS))
    new, old = [await a_stored_customer(races.storage, races.tenant) for _ in range(2)]
    await store_members(races.storage, segment, old)
    (first,) = await changes(races.storage, segment)
    came_back = [a_change(segment, old, entered=entered) for entered in (False, True)]
    async with membership_transaction(races.storage, races.tenant) as tx:
        await tx.memberships.apply([a_change(segment, new)])
        second = await races.until_blocked(apply_changes(races.storage, races.tenant, came_back))
        assert list(await changes(races.storage, segment, first.sequence)) == []
    await second
    feed = await changes(races.storage, segment, first.sequence)
    assert [change.customer_id for change in feed] == [new.id, old.id, old.id]


async def test_a_reader_of_the_feed_misses_no_change_under_concurrent_refreshes(
    races: Races,
) -> None:
    await races.backfill(segment := await races.publish(ONE_ORDER))
    crowd = [await a_stored_customer(races.storage, races.tenant) for _ in range(6)]

    async def order_twice(customer: Customer) -> None:
        for _ in range(2):
            await races.record_order(customer)
            await races.apply_pending_changes()

    ordering = asyncio.gather(*(order_twice(customer) for customer in crowd))
    read, is_over = list[SequencedChange](), False
    while not is_over:
        has_ended = ordering.done()
        more = await changes(races.storage, segment, read[-1].sequence if read else 0, 3)
        read += more
        is_over = has_ended and not more
    assert read == list(await changes(races.storage, segment))
    for customer in crowd:
        assert await feed_of(races, segment, customer) == ["entered by order", "left by order"]
    await races.check_members()


async def test_an_order_that_waits_for_a_change_stores_the_changed_customer_as_before(
    races: Races,
) -> None:
    await races.backfill(segment := await races.publish(ADAS_WITH_ORDERS))
    customer = await a_stored_customer(races.storage, races.tenant, first_name="Eve")
    await races.apply_pending_changes()
    async with races.storage.transaction(races.tenant) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.customers.save(renamed := evolve(customer, first_name="Ada", version=2))
        counting = await races.until_blocked(races.record_order(customer))
    await counting
    pending_changes = await pending_changes_of(races.storage, customer)
    assert [pending_change.before for pending_change in pending_changes] == [customer, renamed]
    await races.apply_pending_changes()
    assert await feed_of(races, segment, customer) == ["entered by order"]
    await races.check_members()


async def test_a_change_that_waits_for_an_order_stores_the_customer_with_the_order_as_before(
    races: Races,
) -> None:
    await races.backfill(segment := await races.publish(ADAS_WITH_ORDERS))
    customer = await a_stored_customer(races.storage, races.tenant)
    await races.apply_pending_changes()
    async with failing_transaction(races.storage, races.tenant) as tx:
        await tx.orders.claim("contested", customer.id)
        counting = await races.until_blocked(races.record_order(customer, order_id="contested"))
        renaming = await races.until_blocked(races.rename(customer, "Eve"))
    await asyncio.gather(counting, renaming)
    pending_changes = await pending_changes_of(races.storage, customer)
    counted = customer.with_statistics(some_statistics(), now=NOW)
    assert [pending_change.before for pending_change in pending_changes] == [customer, counted]
    await races.apply_pending_changes()
    assert await feed_of(races, segment, customer) == ["entered by order", "left by customer"]
    await races.check_members()


async def test_an_erasure_applies_the_change_it_waited_for_and_leaves_no_pending_change(
    races: Races,
) -> None:
    await races.backfill(segment := await races.publish(ADAS))
    customer = await a_stored_customer(races.storage, races.tenant, first_name="Eve")
    async with races.storage.transaction(races.tenant) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.customers.save(evolve(customer, first_name="Ada", version=2))
        erasing = await races.until_blocked(races.erase_customer(customer))
    await erasing
    assert await pending_candidates(races.storage, races.tenant) == []
    assert await feed_of(races, segment, customer) == ["entered by customer", "left by customer"]
    await races.check_members()


async def test_a_change_during_an_erasure_stores_nothing_of_the_customer(
    races: Races, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await races.backfill(segment := await races.publish(ADAS))
    customer = await a_stored_customer(races.storage, races.tenant)
    late = list[asyncio.Task[None]]()

    async def rename() -> None:
        late.append(await races.until_blocked(races.rename(customer, "Eve")))

    interrupt(monkeypatch, PostgresMemberships, "with_pending_changes", rename)
    await races.erase_customer(customer)
    with pytest.raises(CustomerNotFound):
        await late[0]
    sql = "SELECT before FROM customer_segment_pending_changes WHERE tenant_id = $1"
    assert await rows(url, sql, races.tenant) == []
    assert await feed_of(races, segment, customer) == ["entered by customer", "left by customer"]
    await races.check_members()


@pytest.mark.parametrize(
    ("repository", "method"),
    [
        (PostgresSegments, "get"),
        (PostgresMemberships, "refresh_states"),
        (PostgresMemberships, "stale_candidates"),
    ],
)
async def test_a_read_is_consistent_when_a_refresh_runs_between_its_statements(
    races: Races, monkeypatch: pytest.MonkeyPatch, repository: type, method: str
) -> None:
    await races.backfill(segment := await races.publish(ADAS))
    ada, bob = [await a_stored_customer(races.storage, races.tenant) for _ in range(2)]

    async def rename_and_refresh() -> None:
        await races.rename(ada, "Eve")
        await races.apply_pending_changes()

    interrupt(monkeypatch, repository, method, rename_and_refresh)
    page = await races.segments.members(
        races.tenant, segment.id, CustomerFilter(), CustomerSort(), Page()
    )
    assert (list(page.customers), page.total) == ([bob, ada], 2)
    await races.check_members()
