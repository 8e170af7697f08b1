"""The contract of views and of the storage's life cycle."""

import asyncio

import pytest

from customers.core.errors.availability import Unavailable
from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from tests.support.builders import USD, a_customer, a_note
from tests.support.full_tenant import read_view, store_full_tenant
from tests.support.full_tenant_writes import WRITES, lock_everything
from tests.support.storage_steps import (
    EVERYONE,
    Pause,
    StorageIn,
    add_customers,
    get_customer,
    overlap,
)


class ViewContract:
    async def test_a_view_does_not_see_uncommitted_writes(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        before = await read_view(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
            for write in (
                "add a customer",
                "delete",
                "add an address",
                "cancel an order",
                "assign",
            ):
                await WRITES[write](tx, full_tenant)
            meanwhile = await asyncio.create_task(read_view(storage, tenant))
        assert meanwhile == before != await read_view(storage, tenant)

    async def test_a_view_sees_writes_committed_after_it_was_opened(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.view(tenant) as view:
            assert await view.customers.by_email(customer.email_key) is None
            await asyncio.create_task(add_customers(storage, customer))
            assert await view.customers.by_email(customer.email_key) == customer

    async def test_many_views_and_transactions_run_concurrently(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(40)]
        await asyncio.gather(*(add_customers(storage, customer) for customer in customers))
        assert (
            await asyncio.gather(*(get_customer(storage, customer) for customer in customers))
            == customers
        )


class StorageContract:
    async def test_check_returns_when_the_storage_can_serve(self, storage: Storage) -> None:
        assert (await storage.check()).fault is None

    async def test_everybody_gets_the_same_secret(self, storage: Storage) -> None:
        secrets = await asyncio.gather(*(storage.deployment_secret() for _ in range(5)))
        assert len(set(secrets)) == 1
        assert len(secrets[0] or b"") >= 32

    async def test_no_two_storages_have_the_same_secret(self, storage_in: StorageIn) -> None:
        async with storage_in(USD) as one, storage_in(Currency.of("EUR")) as another:
            assert await one.deployment_secret() != await another.deployment_secret()

    async def test_check_raises_after_close(self, storage_in: StorageIn) -> None:
        async with storage_in(USD) as storage:
            await storage.check()
            await storage.close()
            with pytest.raises(Unavailable):
                await storage.check()

    async def test_reads_and_writes_after_close_raise_unavailable(
        self, storage_in: StorageIn, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage_in(USD) as storage:
            await storage.close()
            for call in (
                get_customer(storage, customer),
                add_customers(storage, customer),
                storage.autocommit(tenant).add_customer(customer),
                storage.autocommit(tenant).change_customer(customer.id, lambda same: same),
                storage.autocommit(tenant).add_note(a_note(customer)),
                storage.lookups(tenant).profile(customer.id),
                storage.lookups(tenant).by_email(customer.email_key),
                storage.tenants_with_segments(),
                storage.deployment_secret(),
            ):
                with pytest.raises(Unavailable):
                    await call

    async def test_close_waits_for_work_in_flight(self, storage_in: StorageIn, tenant: str) -> None:
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

            await overlap(work, close)
        assert ended == ["work", "storage"]
