"""The contract of change capture: which writes store a pending change, with which values."""

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
from tests.contract.customer_writes import every_way_to_add
from tests.contract.customers import ALL_FIELDS
from tests.contract.record_order import record_order
from tests.contract.segments import a_stored_segment
from tests.support.builders import NOW, a_customer, an_entry, an_id, later, some_statistics
from tests.support.membership_steps import (
    ids,
    membership_transaction,
    pending_candidates,
    pending_changes_of,
    save_refresh_state,
    set_capture,
)
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    add_customers,
    delete,
    failing_transaction,
    get_customer,
    overlap,
    save,
    save_entries,
    some_customers,
)

TOMORROW = later(days=1, microseconds=1)


def without_numbers(pending_changes: Any) -> list[tuple[datetime, Cause, Customer | None]]:
    """Time, cause and previous value of pending changes; asserts that their numbers rise."""
    numbers = [pending_change.number for pending_change in pending_changes]
    assert numbers == sorted(set(numbers))
    return [
        (pending_change.at, pending_change.cause, pending_change.before)
        for pending_change in pending_changes
    ]


def a_full_customer(tenant: str) -> Customer:
    return a_customer(tenant_id=tenant, **ALL_FIELDS)


class ChangeCaptureContract:
    @every_way_to_add
    async def test_adding_a_customer_stores_a_pending_change_without_a_previous_value(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        await set_capture(storage, tenant)
        customer = a_customer(tenant_id=tenant, updated_at=TOMORROW)
        assert await add(storage, customer)
        assert without_numbers(await pending_changes_of(storage, customer)) == [
            (TOMORROW, Cause.CUSTOMER, None)
        ]

    async def test_each_save_stores_a_pending_change_with_the_previous_value(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_customers(storage, plain := a_customer(tenant_id=tenant))
        await set_capture(storage, tenant)
        full = evolve(plain, **ALL_FIELDS)
        deleted = evolve(full, deleted_at=TOMORROW, version=8)
        restored = evolve(deleted, deleted_at=None, updated_at=TOMORROW, version=9)
        for value in (full, deleted, restored):
            await save(storage, value)
        assert without_numbers(await pending_changes_of(storage, plain)) == [
            (full.updated_at, Cause.CUSTOMER, plain),
            (deleted.updated_at, Cause.CUSTOMER, full),
            (TOMORROW, Cause.CUSTOMER, deleted),
        ]

    async def test_a_deletion_has_the_cause_customer(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant, orders=False)
        await delete(storage, customer, TOMORROW)
        assert without_numbers(await pending_changes_of(storage, customer)) == [
            (TOMORROW, Cause.CUSTOMER, customer)
        ]

    async def test_a_save_that_only_changes_statistics_has_the_cause_order(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_customers(storage, before := a_full_customer(tenant))
        await set_capture(storage, tenant)
        updated = before.with_statistics(some_statistics("99.99", 4), now=TOMORROW)
        renamed = evolve(updated, statistics=before.statistics, first_name="Eve", version=9)
        for value in (updated, renamed):
            await save(storage, value)
        causes = [
            pending_change.cause for pending_change in await pending_changes_of(storage, before)
        ]
        assert causes == [Cause.ORDER, Cause.CUSTOMER]

    async def test_an_autocommit_order_stores_a_pending_change(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_customers(storage, before := a_full_customer(tenant))
        await set_capture(storage, tenant)
        first = await record_order(storage, tenant, an_entry(before), later(days=2))
        second = await record_order(storage, tenant, an_entry(before), later(days=1))
        assert without_numbers(await pending_changes_of(storage, before)) == [
            (first.updated_at, Cause.ORDER, before),
            (second.updated_at, Cause.ORDER, first),
        ]

    async def test_an_autocommit_write_without_effect_stores_no_pending_change(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await save_entries(storage, customer, entry := an_entry(customer))
        await set_capture(storage, tenant)
        twin = a_customer(tenant_id=tenant, email=customer.email)
        assert not await storage.autocommit(tenant).add_customer(twin)
        assert await record_order(storage, tenant, entry) is None
        assert await record_order(storage, tenant, an_entry(twin)) is None
        assert await pending_candidates(storage, tenant) == []

    async def test_a_rolled_back_or_refused_write_stores_no_pending_change(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        await set_capture(storage, tenant)
        async with failing_transaction(storage, tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            await tx.customers.get_for_update(ada.id)
            await tx.customers.save(evolve(ada, first_name="Other"))
        with pytest.raises(EmailTaken):
            await save(storage, evolve(ada, email=bob.email))
        assert await pending_candidates(storage, tenant) == []

    async def test_concurrent_orders_store_a_chain_of_values(
        self, storage: Storage, tenant: str
    ) -> None:
        """Orders that share a statement store one value, the one before all of them."""
        customer = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant)
        entries = [an_entry(customer, total_amount=Decimal(price)) for price in range(1, 11)]
        updated = await asyncio.gather(*(record_order(storage, tenant, entry) for entry in entries))
        after = sorted(updated, key=lambda customer: customer.version)
        values = [change.before for change in await pending_changes_of(storage, customer)]
        assert values[0] == customer
        assert values == [value for value in (customer, *after[:-1]) if value in values]
        assert await get_customer(storage, customer) == after[-1]


class CaptureSettingContract:
    @pytest.mark.parametrize("customers", [False, True], ids=["", "customers"])
    @pytest.mark.parametrize("orders", [False, True], ids=["", "orders"])
    async def test_only_captured_writes_store_pending_changes(
        self, storage: Storage, tenant: str, customers: bool, orders: bool
    ) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        await set_capture(storage, tenant, customers=customers, orders=orders)
        await add_customers(storage, new := a_customer(tenant_id=tenant))
        await save(storage, evolve(ada, first_name="Other"))
        await record_order(storage, tenant, an_entry(bob))
        await save_entries(storage, eve, an_entry(eve))
        changed_ids = {
            candidate.customer.id for candidate in await pending_candidates(storage, tenant)
        }
        assert changed_ids == (ids([new, ada]) if customers else set()) | (
            ids([bob, eve]) if orders else set()
        )

    async def test_nothing_is_captured_by_default(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        await a_stored_segment(storage, tenant)
        await record_order(storage, tenant, an_entry(customer))
        await delete(storage, customer)
        assert await pending_candidates(storage, tenant) == []

    async def test_pending_changes_stay_when_capture_is_switched_off(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_capture(storage, tenant)
        customer = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant, customers=False, orders=False)
        await record_order(storage, tenant, an_entry(customer))
        await a_stored_customer(storage, tenant)
        assert len(await pending_changes_of(storage, customer)) == 1
        assert len(await pending_candidates(storage, tenant)) == 1

    async def test_a_transaction_that_starts_capture_captures_its_own_writes(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with membership_transaction(storage, tenant) as tx:
            await tx.memberships.set_capture(customers=True, orders=True)
            await tx.customers.add(customer)
        assert len(await pending_changes_of(storage, customer)) == 1

    async def test_the_capture_barrier_passes_when_earlier_writes_have_ended(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        await set_capture(storage, tenant)
        await save_refresh_state(storage, segment, RefreshState(target=NOW))
        # Other tests may be writing to the same database, none of them for long.
        assert await storage.wait_for_capture_barrier(tenant, segment.id, 30)
        async with membership_transaction(storage, tenant) as tx:
            assert await tx.memberships.capture_barrier_passed(segment.id)

    async def test_the_capture_barrier_does_not_pass_during_an_earlier_write(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        ended_writes: list[str] = []

        async def write(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(a_customer(tenant_id=tenant))
                await pause()
            ended_writes.append("earlier")

        async def begin_backfill() -> tuple[bool, bool]:
            await set_capture(storage, tenant)
            await save_refresh_state(storage, segment, RefreshState(target=NOW))
            has_passed = await storage.wait_for_capture_barrier(tenant, segment.id, 0)
            return has_passed, bool(ended_writes)

        has_passed, has_ended = await overlap(write, begin_backfill)
        assert has_ended or not has_passed
        assert await storage.wait_for_capture_barrier(tenant, segment.id, 30)

    async def test_a_passed_capture_barrier_stays_passed_during_later_writes(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        await set_capture(storage, tenant)
        await save_refresh_state(storage, segment, RefreshState(target=NOW))
        assert await storage.wait_for_capture_barrier(tenant, segment.id, 30)
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            waiting = storage.wait_for_capture_barrier(tenant, segment.id, 0)
            assert await asyncio.create_task(waiting)

    async def test_the_capture_barrier_of_an_unknown_segment_never_passes(
        self, storage: Storage, tenant: str
    ) -> None:
        assert not await storage.wait_for_capture_barrier(tenant, an_id(), 0)
        async with membership_transaction(storage, tenant) as tx:
            assert not await tx.memberships.capture_barrier_passed(an_id())
