"""What every storage promises of snapshots: all reads see the same moment."""

import asyncio

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.ports.storage import Storage
from tests.contract.full_tenant import read_all, set_up, shown
from tests.contract.full_tenant_writes import WRITES, lock_everything
from tests.contract.steps import abandoned, keep, stored
from tests.support.builders import a_customer, a_tenant

# One each of what reads correct stored members by.
SOME = ("save a customer", "delete", "restore", "put", "settle", "settle marks", "stand", "erase")


class SnapshotContract:
    @pytest.mark.parametrize("write", SOME)
    async def test_a_snapshot_sees_one_moment_while_others_commit(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        scene = await set_up(storage, tenant)

        async def meanwhile() -> None:
            async with storage.transaction(tenant) as tx:
                await lock_everything(tx)
                await WRITES[write](tx, scene)

        async with storage.consistent_view(tenant) as view:
            before = await read_all(view)
            await asyncio.create_task(meanwhile())
            assert await read_all(view) == before
            now = await asyncio.create_task(shown(storage, tenant))
        assert now != before

    async def test_a_snapshot_sees_all_that_was_committed_before_it(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_up(storage, tenant)
        async with storage.consistent_view(tenant) as view:
            seen = await read_all(view)
        assert seen == await shown(storage, tenant)

    async def test_a_snapshot_does_not_see_what_is_not_committed(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)

        async def look() -> None:
            async with storage.consistent_view(tenant) as view:
                with pytest.raises(CustomerNotFound):
                    await view.customers.get(customer.id)

        async with abandoned(storage, tenant) as tx:
            await tx.customers.add(customer)
            await asyncio.create_task(look())

    async def test_a_snapshot_keeps_nobody_waiting(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.consistent_view(tenant) as view:
            assert await view.customers.by_email(customer.email_key) is None
            await asyncio.create_task(keep(storage, customer))
            assert await asyncio.create_task(stored(storage, customer)) == customer
            assert await view.customers.by_email(customer.email_key) is None

    async def test_snapshots_of_two_tenants_do_not_see_each_other(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_up(storage, tenant)
        other = a_tenant()
        nothing = await shown(storage, other)
        async with storage.consistent_view(other) as view:
            assert await read_all(view) == nothing
