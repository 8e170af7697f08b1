"""What every storage promises about cancelled tasks: nothing of them is left or in the way."""

import asyncio

import pytest
from attrs import evolve

from customers.core.ports.storage import Storage
from tests.contract.full_tenant import seen, set_up
from tests.contract.full_tenant_writes import WRITES, lock_everything
from tests.contract.steps import (
    Pause,
    a_kept_customer,
    overlapping,
    save,
    stored,
)
from tests.support.builders import later

every_write = pytest.mark.parametrize("write", WRITES)


async def at_once() -> None:
    """No pause at all."""


class CancellationContract:
    @every_write
    async def test_nothing_is_left_of_a_cancelled_transaction(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)
        written = asyncio.Event()

        async def work() -> None:
            async with storage.transaction(tenant) as tx:
                await lock_everything(tx)
                await WRITES[write](tx, scene)
                written.set()
                await asyncio.Event().wait()

        working = asyncio.create_task(work())
        await written.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await seen(storage, tenant) == before

    async def test_who_is_cancelled_while_waiting_for_a_lock_leaves_the_others_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)

        async def touch(pause: Pause = at_once) -> None:
            async with storage.transaction(tenant) as tx:
                before = await tx.customers.get_for_update(customer.id)
                await pause()
                await tx.customers.save(before.touched(later(days=1)))

        async def give_up() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(touch(), timeout=0.02)

        await overlapping(touch, give_up)
        await touch()
        assert (await stored(storage, customer)).version == 3

    async def test_a_storage_serves_on_after_many_cancellations(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)

        async def touch() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)
                await tx.customers.save(customer.touched(later(days=1)))

        for turns in range(60):
            working = asyncio.create_task(touch() if turns % 2 else stored(storage, customer))
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await save(storage, last := evolve(customer, version=99))
        assert await stored(storage, customer) == last
