"""The contract of cancelled tasks: their transactions are rolled back and release their locks."""

import asyncio

import pytest
from attrs import evolve

from customers.core.ports.storage import Storage
from tests.support.builders import later
from tests.support.full_tenant import read_everything, store_full_tenant
from tests.support.full_tenant_writes import WRITES, lock_everything
from tests.support.storage_steps import Pause, a_stored_customer, get_customer, overlap, save

every_write = pytest.mark.parametrize("write", WRITES)


async def no_pause() -> None:
    """Does not pause."""


class CancellationContract:
    @every_write
    async def test_a_cancelled_transaction_is_rolled_back(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)
        written = asyncio.Event()

        async def work() -> None:
            async with storage.transaction(tenant) as tx:
                await lock_everything(tx)
                await WRITES[write](tx, full_tenant)
                written.set()
                await asyncio.Event().wait()

        working = asyncio.create_task(work())
        await written.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await read_everything(storage, tenant) == before

    async def test_a_task_cancelled_while_waiting_for_a_lock_does_not_disturb_others(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)

        async def touch(pause: Pause = no_pause) -> None:
            async with storage.transaction(tenant) as tx:
                before = await tx.customers.get_for_update(customer.id)
                await pause()
                await tx.customers.save(before.with_next_version(later(days=1)))

        async def give_up() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(touch(), timeout=0.02)

        await overlap(touch, give_up)
        await touch()
        assert (await get_customer(storage, customer)).version == 3

    async def test_a_storage_works_after_many_cancellations(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)

        async def touch() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)
                await tx.customers.save(customer.with_next_version(later(days=1)))

        for turns in range(60):
            working = asyncio.create_task(touch() if turns % 2 else get_customer(storage, customer))
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await save(storage, last := evolve(customer, version=99))
        assert await get_customer(storage, customer) == last
