"""What every storage promises of marks: which changes of customers leave one, and what it tells."""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import EmailTaken
from customers.core.model.customer import Customer
from customers.core.model.membership import Cause, RefreshState
from customers.core.ports.storage import Storage
from tests.contract.customer_writes import both_ways
from tests.contract.customers import EVERYTHING
from tests.contract.membership_steps import (
    ids,
    marked,
    marks_of,
    members_locked,
    stand,
    watch,
)
from tests.contract.record_order import record_order
from tests.contract.segments import a_kept_segment
from tests.contract.steps import (
    a_kept_customer,
    abandoned,
    delete,
    enter,
    keep,
    save,
    stored,
)
from tests.support.builders import NOW, a_customer, an_entry, an_id, later, some_statistics

TOMORROW = later(days=1, microseconds=1)


def told(pending_changes: Any) -> list[tuple[datetime, Cause, Customer | None]]:
    """All but the numbers, which rise."""
    numbers = [pending_change.number for pending_change in pending_changes]
    assert numbers == sorted(set(numbers))
    return [
        (pending_change.at, pending_change.cause, pending_change.before)
        for pending_change in pending_changes
    ]


def a_whole_customer(tenant: str) -> Customer:
    return a_customer(tenant_id=tenant, **EVERYTHING)


class MarkContract:
    @both_ways
    async def test_a_new_customer_leaves_a_mark_that_nobody_was_there(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        await watch(storage, tenant)
        customer = a_customer(tenant_id=tenant, updated_at=TOMORROW)
        assert await add(storage, customer)
        assert told(await marks_of(storage, customer)) == [(TOMORROW, Cause.CUSTOMER, None)]

    async def test_each_saving_leaves_a_mark_of_who_the_customer_was(
        self, storage: Storage, tenant: str
    ) -> None:
        await keep(storage, plain := a_customer(tenant_id=tenant))
        await watch(storage, tenant)
        full = evolve(plain, **EVERYTHING)
        deleted = evolve(full, deleted_at=TOMORROW, version=8)
        restored = evolve(deleted, deleted_at=None, updated_at=TOMORROW, version=9)
        for value in (full, deleted, restored):
            await save(storage, value)
        assert told(await marks_of(storage, plain)) == [
            (full.updated_at, Cause.CUSTOMER, plain),
            (deleted.updated_at, Cause.CUSTOMER, full),
            (TOMORROW, Cause.CUSTOMER, deleted),
        ]

    async def test_a_deletion_is_a_change_of_a_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        await watch(storage, tenant, orders=False)
        await delete(storage, customer, TOMORROW)
        assert told(await marks_of(storage, customer)) == [(TOMORROW, Cause.CUSTOMER, customer)]

    async def test_an_order_is_the_cause_where_only_statistics_have_changed(
        self, storage: Storage, tenant: str
    ) -> None:
        await keep(storage, before := a_whole_customer(tenant))
        await watch(storage, tenant)
        updated = before.with_statistics(some_statistics("99.99", 4), now=TOMORROW)
        renamed = evolve(updated, statistics=before.statistics, first_name="Eve", version=9)
        for value in (updated, renamed):
            await save(storage, value)
        causes = [pending_change.cause for pending_change in await marks_of(storage, before)]
        assert causes == [Cause.ORDER, Cause.CUSTOMER]

    async def test_an_order_counted_in_one_step_leaves_a_mark(
        self, storage: Storage, tenant: str
    ) -> None:
        await keep(storage, before := a_whole_customer(tenant))
        await watch(storage, tenant)
        first = await record_order(storage, tenant, an_entry(before), later(days=2))
        second = await record_order(storage, tenant, an_entry(before), later(days=1))
        assert told(await marks_of(storage, before)) == [
            (first.updated_at, Cause.ORDER, before),
            (second.updated_at, Cause.ORDER, first),
        ]

    async def test_a_step_that_is_not_taken_leaves_no_mark(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        await enter(storage, customer, entry := an_entry(customer))
        await watch(storage, tenant)
        twin = a_customer(tenant_id=tenant, email=customer.email)
        assert not await storage.autocommit(tenant).add_customer(twin)
        assert await record_order(storage, tenant, entry) is None
        assert await record_order(storage, tenant, an_entry(twin)) is None
        assert await marked(storage, tenant) == []

    async def test_what_is_rolled_back_or_refused_leaves_no_mark(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        await watch(storage, tenant)
        async with abandoned(storage, tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            await tx.customers.get_for_update(ada.id)
            await tx.customers.save(evolve(ada, first_name="Other"))
        with pytest.raises(EmailTaken):
            await save(storage, evolve(ada, email=bob.email))
        assert await marked(storage, tenant) == []

    async def test_many_orders_at_once_leave_a_story_without_gap(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        await watch(storage, tenant)
        entries = [an_entry(customer, total_amount=Decimal(price)) for price in range(1, 11)]
        updated = await asyncio.gather(*(record_order(storage, tenant, entry) for entry in entries))
        after = sorted(updated, key=lambda customer: customer.version)
        pending_changes = await marks_of(storage, customer)
        assert [pending_change.before for pending_change in pending_changes] == [
            customer,
            *after[:-1],
        ]
        assert await stored(storage, customer) == after[-1]


class WatchingContract:
    @pytest.mark.parametrize("customers", [False, True], ids=["", "customers"])
    @pytest.mark.parametrize("orders", [False, True], ids=["", "orders"])
    async def test_only_what_is_watched_leaves_marks(
        self, storage: Storage, tenant: str, customers: bool, orders: bool
    ) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        await watch(storage, tenant, customers=customers, orders=orders)
        await keep(storage, new := a_customer(tenant_id=tenant))
        await save(storage, evolve(ada, first_name="Other"))
        await record_order(storage, tenant, an_entry(bob))
        await enter(storage, eve, an_entry(eve))
        changed_ids = {candidate.customer.id for candidate in await marked(storage, tenant)}
        assert changed_ids == (ids([new, ada]) if customers else set()) | (
            ids([bob, eve]) if orders else set()
        )

    async def test_nothing_is_watched_until_somebody_says_so(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        await a_kept_segment(storage, tenant)
        await record_order(storage, tenant, an_entry(customer))
        await delete(storage, customer)
        assert await marked(storage, tenant) == []

    async def test_marks_stay_when_nothing_is_watched_any_more(
        self, storage: Storage, tenant: str
    ) -> None:
        await watch(storage, tenant)
        customer = await a_kept_customer(storage, tenant)
        await watch(storage, tenant, customers=False, orders=False)
        await record_order(storage, tenant, an_entry(customer))
        await a_kept_customer(storage, tenant)
        assert len(await marks_of(storage, customer)) == 1
        assert len(await marked(storage, tenant)) == 1

    async def test_a_transaction_that_began_to_watch_is_watched_itself(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with members_locked(storage, tenant) as tx:
            await tx.memberships.set_capture(customers=True, orders=True)
            await tx.customers.add(customer)
        assert len(await marks_of(storage, customer)) == 1

    async def test_every_change_is_watched_once_no_write_is_under_way(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        await watch(storage, tenant)
        await stand(storage, segment, RefreshState(target=NOW))
        # Others may be writing to the same database, none of them for long.
        assert await storage.wait_for_capture_barrier(tenant, segment.id, 30)
        async with members_locked(storage, tenant) as tx:
            assert await tx.memberships.capture_barrier_passed(segment.id)

    async def test_a_segment_that_is_not_there_is_not_watched(
        self, storage: Storage, tenant: str
    ) -> None:
        assert not await storage.wait_for_capture_barrier(tenant, an_id(), 0)
        async with members_locked(storage, tenant) as tx:
            assert not await tx.memberships.capture_barrier_passed(an_id())
