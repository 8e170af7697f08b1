"""The contract of `change_customer`: it saves a change, or leaves it to a transaction."""

import asyncio
from collections.abc import Callable

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.membership import Cause
from customers.core.ports.storage import Storage
from tests.contract.change_capture import without_numbers
from tests.contract.counts import check_counts
from tests.contract.customers import ALL_FIELDS
from tests.contract.filters import BLOCKED, VIP
from tests.support.builders import NOW, a_customer, an_entry, later, some_statistics
from tests.support.membership_steps import pending_changes_of, set_capture
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    add_customers,
    delete,
    get_customer,
    overlap,
    some_customers,
)

TOMORROW = later(days=1, microseconds=1)


async def change_customer(
    storage: Storage, customer: Customer, change: Callable[[Customer], Customer]
) -> Customer | None:
    return await storage.autocommit(customer.tenant_id).change_customer(customer.id, change)


def to(new: Customer) -> Callable[[Customer], Customer]:
    return lambda _: new


def unchanged(customer: Customer) -> Customer:
    return customer


def note(text: str) -> Callable[[Customer], Customer]:
    """A change that adds a line to a customer's notes."""
    return lambda customer: evolve(customer, notes=f"{customer.notes}{text}\n").with_next_version(
        NOW
    )


class ChangeCustomerContract:
    async def test_every_field_of_a_changed_customer_is_stored(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, other = await some_customers(storage, tenant, 2)
        fields = {**ALL_FIELDS, "email": customer.email.upper(), "version": 2}
        full = evolve(customer, **fields)
        assert await change_customer(storage, customer, to(full)) == full
        assert await get_customer(storage, customer) == full
        assert await get_customer(storage, other) == other

    async def test_an_unchanged_customer_is_returned_and_not_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant)
        assert await change_customer(storage, customer, unchanged) == customer
        assert not await pending_changes_of(storage, customer)

    async def test_another_email_key_is_left_to_a_transaction(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant)
        moved = evolve(customer, email="other@example.test", status=BLOCKED, version=2)
        assert await change_customer(storage, customer, to(moved)) is None
        assert await get_customer(storage, customer) == customer
        assert not await pending_changes_of(storage, customer)
        await check_counts(storage, tenant, [customer])

    async def test_a_missing_or_deleted_customer_raises(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, stranger = await a_stored_customer(storage, tenant), a_customer(tenant_id=tenant)
        await delete(storage, eve)
        for customer in (eve, stranger):
            with pytest.raises(CustomerNotFound):
                await change_customer(storage, customer, note("no"))

    async def test_an_error_of_the_change_saves_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        def refuse(customer: Customer) -> Customer:
            raise LookupError(customer.id)

        customer = await a_stored_customer(storage, tenant)
        with pytest.raises(LookupError):
            await change_customer(storage, customer, refuse)
        assert await change_customer(storage, customer, note("1")) is not None

    async def test_counts_follow_the_change(self, storage: Storage, tenant: str) -> None:
        customer, other = await some_customers(storage, tenant, 2)
        for status, kind in ((BLOCKED, VIP), (CustomerStatus.ACTIVE, VIP)):
            customer = evolve(customer, status=status, customer_type=kind).with_next_version(NOW)
            assert await change_customer(storage, customer, to(customer)) == customer
            await check_counts(storage, tenant, [customer, other])

    async def test_a_change_stores_a_pending_change_with_the_previous_value(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, **ALL_FIELDS)
        await add_customers(storage, customer)
        await set_capture(storage, tenant)
        renamed = evolve(customer, first_name="Other").with_next_version(TOMORROW)
        updated = renamed.with_statistics(some_statistics("99.99", 4), now=TOMORROW)
        for value in (renamed, updated):
            assert await change_customer(storage, customer, to(value)) == value
        assert without_numbers(await pending_changes_of(storage, customer)) == [
            (renamed.updated_at, Cause.CUSTOMER, customer),
            (updated.updated_at, Cause.ORDER, renamed),
        ]

    async def test_a_change_beside_another_write_is_saved_on_top_of_it_or_not_at_all(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant, notes="")
        await set_capture(storage, tenant)

        async def change_first(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                stored = await tx.customers.get_for_update(customer.id)
                await pause()
                await tx.customers.save(evolve(note("first")(stored), status=BLOCKED))

        changed = await overlap(
            change_first, lambda: change_customer(storage, customer, note("second"))
        )
        stored = await get_customer(storage, customer)
        assert stored.notes == ("first\n" if changed is None else "first\nsecond\n")
        assert len(await pending_changes_of(storage, customer)) == stored.version - 1
        await check_counts(storage, tenant, [stored])

    async def test_a_customer_who_is_being_deleted_is_not_changed(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)

        async def delete_first(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                stored = await tx.customers.get_for_update(customer.id)
                await tx.customers.save(stored.deleted(NOW))
                await pause()

        async def change() -> bool:
            try:
                return await change_customer(storage, customer, note("no")) is None
            except CustomerNotFound:
                return True

        assert await overlap(delete_first, change)
        await check_counts(storage, tenant, [])

    async def test_no_concurrent_change_or_order_is_lost(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant, notes="")
        await set_capture(storage, tenant)

        async def change(number: int) -> int | None:
            changed = await change_customer(storage, customer, note(str(number)))
            return None if changed is None else number

        async def order(_: int) -> None:
            autocommit = storage.autocommit(tenant)
            assert await autocommit.record_order(an_entry(customer), NOW) is not None

        numbers = range(12)
        saved = await asyncio.gather(*(change(number) for number in numbers), *map(order, numbers))
        stored = await get_customer(storage, customer)
        written = {str(number) for number in saved if number is not None}
        assert set(stored.notes.split()) == written
        assert stored.version == 1 + len(written) + len(numbers)
        assert stored.statistics.total_orders == len(numbers)
        assert written
        assert (await pending_changes_of(storage, customer))[0].before == customer

    async def test_a_change_that_waited_for_a_lock_alone_is_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant, notes="")
        await set_capture(storage, tenant)

        async def lock(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)
                await pause()

        def block(stored: Customer) -> Customer:
            return evolve(note("waited")(stored), status=BLOCKED)

        changed = await overlap(lock, lambda: change_customer(storage, customer, block))
        assert changed == block(customer) == await get_customer(storage, customer)
        [pending_change] = await pending_changes_of(storage, customer)
        assert pending_change.before == customer
        await check_counts(storage, tenant, [changed])
