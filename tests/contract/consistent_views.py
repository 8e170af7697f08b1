"""The contract of `consistent_view`: all reads see the same moment."""

import asyncio

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.ports.storage import Storage
from tests.support.builders import a_customer, a_tenant
from tests.support.full_tenant import read_all, read_view, store_full_tenant
from tests.support.full_tenant_writes import WRITES, lock_everything
from tests.support.storage_steps import add_customers, failing_transaction, get_customer

# Writes that can change what a read of memberships returns.
MEMBERSHIP_WRITES = (
    "save a customer",
    "delete",
    "restore",
    "assign",
    "apply a change",
    "remove pending changes",
    "save a refresh state",
    "erase",
)


class ConsistentViewContract:
    @pytest.mark.parametrize("write", MEMBERSHIP_WRITES)
    async def test_a_consistent_view_sees_one_moment_while_others_commit(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)

        async def meanwhile() -> None:
            async with storage.transaction(tenant) as tx:
                await lock_everything(tx)
                await WRITES[write](tx, full_tenant)

        async with storage.consistent_view(tenant) as view:
            before = await read_all(view)
            await asyncio.create_task(meanwhile())
            assert await read_all(view) == before
            now = await asyncio.create_task(read_view(storage, tenant))
        assert now != before

    async def test_a_consistent_view_sees_everything_committed_before_it(
        self, storage: Storage, tenant: str
    ) -> None:
        await store_full_tenant(storage, tenant)
        async with storage.consistent_view(tenant) as view:
            values = await read_all(view)
        assert values == await read_view(storage, tenant)

    async def test_a_consistent_view_does_not_see_uncommitted_writes(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)

        async def look() -> None:
            async with storage.consistent_view(tenant) as view:
                with pytest.raises(CustomerNotFound):
                    await view.customers.get(customer.id)

        async with failing_transaction(storage, tenant) as tx:
            await tx.customers.add(customer)
            await asyncio.create_task(look())

    async def test_a_consistent_view_does_not_block_writers(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.consistent_view(tenant) as view:
            assert await view.customers.by_email(customer.email_key) is None
            await asyncio.create_task(add_customers(storage, customer))
            assert await asyncio.create_task(get_customer(storage, customer)) == customer
            assert await view.customers.by_email(customer.email_key) is None

    async def test_a_consistent_view_sees_only_its_tenant(
        self, storage: Storage, tenant: str
    ) -> None:
        await store_full_tenant(storage, tenant)
        other = a_tenant()
        nothing = await read_view(storage, other)
        async with storage.consistent_view(other) as view:
            assert await read_all(view) == nothing
