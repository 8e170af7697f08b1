"""Replacing the state of the memory storage during concurrent reads and writes."""

import asyncio

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors.availability import Unavailable
from customers.core.model.customer import Customer
from tests.support.builders import USD, a_customer
from tests.support.full_tenant import read_everything, store_full_tenant
from tests.support.patience import PATIENCE_SECONDS
from tests.support.storage_steps import Pause, overlap

OTHER = "other"


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


async def test_restoring_replaces_every_tenant(storage: MemoryStorage, tenant: str) -> None:
    await store_full_tenant(storage, tenant)
    data = storage.dump()
    await store_full_tenant(storage, OTHER)
    await storage.forget(tenant)
    await storage.restore(data)
    assert storage.dump() == data


async def test_a_restore_shows_in_open_views_but_not_in_consistent_ones(
    storage: MemoryStorage, tenant: str
) -> None:
    content = await store_full_tenant(storage, tenant)
    async with storage.view(tenant) as view, storage.consistent_view(tenant) as consistent:
        await storage.restore({})
        assert await view.segments.all() == []
        assert await consistent.customers.get(content.ada.id) == content.ada


@pytest.mark.parametrize("name", ["restore", "forget all", "forget one"])
async def test_a_replacement_waits_for_open_transactions(
    storage: MemoryStorage, tenant: str, name: str
) -> None:
    replacement = {
        "restore": lambda: storage.restore({}),
        "forget all": storage.forget,
        "forget one": lambda: storage.forget(tenant),
    }

    async def write(pause: Pause) -> None:
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            await pause()

    await overlap(write, replacement[name])
    assert storage.dump() == {}


async def test_a_waiting_restore_also_waits_for_later_transactions(
    storage: MemoryStorage, tenant: str
) -> None:
    async def write(customer: Customer, go_on: asyncio.Event) -> None:
        async with storage.transaction(customer.tenant_id) as tx:
            await tx.customers.add(customer)
            await go_on.wait()

    gates = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(write(a_customer(tenant_id=tenant), gates[0]))]
    await asyncio.sleep(0)
    tasks.append(restoring := asyncio.create_task(storage.restore({})))
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(write(a_customer(tenant_id=OTHER), gates[1])))
    for gate in gates:
        gate.set()
        await asyncio.wait({restoring}, timeout=0.05)
    await asyncio.gather(*tasks)
    assert storage.dump() == {}


async def test_restoring_inside_a_transaction_raises(storage: MemoryStorage, tenant: str) -> None:
    async with storage.transaction(tenant):
        with pytest.raises(RuntimeError, match="cannot be nested"):
            await storage.restore({})


async def test_concurrent_restores_and_writes_do_not_deadlock(
    storage: MemoryStorage, tenant: str
) -> None:
    await store_full_tenant(storage, tenant)
    data = storage.dump()

    async def write(number: int) -> None:
        customer = a_customer(tenant_id=f"tenant {number % 3}")
        async with storage.transaction(customer.tenant_id) as tx:
            await asyncio.sleep(0)
            await tx.customers.add(customer)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        for number in range(30):
            tasks.create_task(write(number))
            tasks.create_task(storage.restore(data))
    await storage.restore(data)
    assert storage.dump() == data


async def test_forgetting_one_tenant_leaves_the_others(storage: MemoryStorage, tenant: str) -> None:
    await store_full_tenant(storage, tenant)
    await store_full_tenant(storage, OTHER)
    before = await read_everything(storage, OTHER)
    await storage.forget(tenant)
    assert await read_everything(storage, OTHER) == before
    assert set(storage.dump()) == {OTHER}


async def test_forgetting_all_tenants_leaves_no_data(storage: MemoryStorage, tenant: str) -> None:
    await store_full_tenant(storage, tenant)
    await store_full_tenant(storage, OTHER)
    await storage.forget()
    assert storage.dump() == {}


async def test_a_closed_storage_can_neither_be_dumped_nor_replaced(storage: MemoryStorage) -> None:
    await storage.close()
    with pytest.raises(Unavailable):
        storage.dump()
    for replacement in (storage.restore({}), storage.forget(), storage.forget(OTHER)):
        with pytest.raises(Unavailable):
            await replacement
