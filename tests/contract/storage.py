"""What every storage promises of views, and of itself."""

import asyncio

import pytest

from customers.core.errors import (
    Unavailable,
)
from customers.core.ports.storage import Storage
from tests.contract.full_tenant import set_up, shown
from tests.contract.full_tenant_writes import WRITES, lock_everything
from tests.contract.steps import (
    EVERYONE,
    Pause,
    StorageIn,
    keep,
    overlapping,
    stored,
)
from tests.support.builders import USD, a_customer


class ViewContract:
    async def test_a_view_does_not_see_what_is_not_committed(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await shown(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
            for write in ("add a customer", "delete", "add a note", "cancel an order", "put"):
                await WRITES[write](tx, scene)
            meanwhile = await asyncio.create_task(shown(storage, tenant))
        assert meanwhile == before != await shown(storage, tenant)

    async def test_a_view_sees_what_was_committed_since_it_was_opened(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.view(tenant) as view:
            assert await view.customers.by_email(customer.email_key) is None
            await asyncio.create_task(keep(storage, customer))
            assert await view.customers.by_email(customer.email_key) == customer

    async def test_many_views_and_transactions_are_served_at_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(40)]
        await asyncio.gather(*(keep(storage, customer) for customer in customers))
        assert await asyncio.gather(*(stored(storage, customer) for customer in customers)) == customers


class StorageContract:
    async def test_a_storage_that_can_serve_says_so(self, storage: Storage) -> None:
        await storage.check()

    async def test_a_storage_that_was_closed_cannot_serve(self, storage_in: StorageIn) -> None:
        async with storage_in(USD) as storage:
            await storage.check()
            await storage.close()
            with pytest.raises(Unavailable):
                await storage.check()

    async def test_work_in_flight_is_finished_before_a_storage_is_closed(
        self, storage_in: StorageIn, tenant: str
    ) -> None:
        async with storage_in(USD) as storage:
            ended = []

            async def work(pause: Pause) -> None:
                async with storage.transaction(tenant) as tx:
                    await tx.customers.add(a_customer(tenant_id=tenant))
                    await pause()
                    assert await tx.customers.count(EVERYONE) == 1
                ended.append("work")

            async def close() -> None:
                await storage.close()
                ended.append("storage")

            await overlapping(work, close)
        assert ended == ["work", "storage"]
