"""The contract of tenants: they cannot see each other."""

import asyncio

import pytest
from attrs import evolve

from customers.core.errors import NotFound
from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.order import NO_ORDERS
from customers.core.ports.storage import Storage
from tests.support.builders import NOW, a_customer, a_note, a_tenant, an_entry
from tests.support.full_tenant import (
    LOCKED_READS,
    READS,
    outcome,
    read_everything,
    store_full_tenant,
)
from tests.support.full_tenant_writes import WRITES, lock_everything
from tests.support.storage_steps import add_customers, get_customer

# These reads find nothing in the full tenant itself.
EMPTY_READS = ("get a deleted customer", "receipt")


def is_nothing(value: object) -> bool:
    """Whether the outcome of a read is empty, NO_ORDERS or a NotFound error."""
    if isinstance(value, type):
        return issubclass(value, NotFound)
    return not value or value == NO_ORDERS


def block(customer: Customer) -> Customer:
    return evolve(customer, status=CustomerStatus.BLOCKED).with_next_version(NOW)


class IsolationContract:
    @pytest.mark.parametrize("read", READS)
    async def test_another_tenants_ids_are_unknown_to_a_view(
        self, storage: Storage, tenant: str, read: str
    ) -> None:
        await store_full_tenant(storage, theirs := a_tenant())
        async with storage.view(tenant) as view:
            assert is_nothing(await outcome(READS[read](view)))
        async with storage.view(theirs) as view:
            assert is_nothing(await outcome(READS[read](view))) == (read in EMPTY_READS)

    @pytest.mark.parametrize("read", [*READS, *LOCKED_READS])
    async def test_another_tenants_ids_are_unknown_to_a_transaction(
        self, storage: Storage, tenant: str, read: str
    ) -> None:
        read_by = (READS | LOCKED_READS)[read]
        await store_full_tenant(storage, theirs := a_tenant())
        async with storage.transaction(tenant) as tx:
            await tx.memberships.acquire_lock()
            assert is_nothing(await outcome(read_by(tx)))
        async with storage.transaction(theirs) as tx:
            await tx.memberships.acquire_lock()
            assert is_nothing(await outcome(read_by(tx))) == (read in EMPTY_READS)

    @pytest.mark.parametrize("write", WRITES)
    async def test_a_write_does_not_change_a_tenant_with_the_same_ids(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        theirs = a_tenant()
        ours, _ = await store_full_tenant(storage, tenant), await store_full_tenant(storage, theirs)
        before = await read_everything(storage, theirs)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
            await WRITES[write](tx, ours)
        assert await read_everything(storage, theirs) == before

    async def test_an_autocommit_write_does_not_change_a_tenant_with_the_same_ids(
        self, storage: Storage, tenant: str
    ) -> None:
        theirs = a_tenant()
        ours, _ = await store_full_tenant(storage, tenant), await store_full_tenant(storage, theirs)
        before = await read_everything(storage, theirs)
        autocommit = storage.autocommit(tenant)
        assert await autocommit.record_order(an_entry(ours.ada, order_id="new"), NOW) is not None
        group = [an_entry(ours.ada), an_entry(ours.bob), an_entry(ours.ada, order_id="new")]
        recorded = await autocommit.record_orders(group, NOW)
        assert [customer is not None for customer in recorded] == [True, True, False]
        assert await autocommit.add_customer(a_customer(tenant_id=tenant)) is True
        assert await autocommit.add_note(a_note(ours.bob))
        assert await autocommit.change_customer(ours.bob.id, block)
        assert await read_everything(storage, theirs) == before

    @pytest.mark.parametrize("other", ["x", "X ", "%", "_", "\u00e9", "e\u0301", "/", "'\\"])
    async def test_every_character_of_a_tenant_id_counts(
        self, storage: Storage, tenant: str, other: str
    ) -> None:
        names = [tenant, f"{tenant}{other}", f"{tenant}{other.upper()}.", f"{other}{tenant}"]
        namesakes = [a_customer(tenant_id=name, email="ada@example.test") for name in names]
        for customer in namesakes:
            await add_customers(storage, customer)
        assert [await get_customer(storage, customer) for customer in namesakes] == namesakes

    async def test_tenants_are_served_concurrently(self, storage: Storage) -> None:
        tenants = [a_tenant() for _ in range(6)]
        full_tenants = await asyncio.gather(*(store_full_tenant(storage, name) for name in tenants))
        customers = await asyncio.gather(
            *(get_customer(storage, full_tenant.ada) for full_tenant in full_tenants)
        )
        assert customers == [full_tenant.ada for full_tenant in full_tenants]
