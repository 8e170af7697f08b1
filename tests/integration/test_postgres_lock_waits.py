"""Nobody waits for ever: not for a connection, a lock, or a transaction that does nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from customers.adapters.postgres.engine.pool import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.errors import Unavailable
from customers.core.ports.storage import Storage
from tests.support.builders import USD, a_customer, later
from tests.support.databases import rows
from tests.support.storage_steps import Pause, a_stored_customer, get_customer, overlap, save

pytestmark = pytest.mark.asyncio(loop_scope="session")

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"

StorageWith = Callable[..., AbstractAsyncContextManager[PostgresStorage]]


@pytest.fixture
def storage_with(url: str) -> StorageWith:
    """Opens a storage for the time of a block, with a pool of these options."""

    @asynccontextmanager
    async def opened(name: str = "", **options: Any) -> AsyncIterator[PostgresStorage]:
        dsn = f"{url}?application_name={name}" if name else url
        storage = PostgresStorage(dsn, currency=USD, pool=PoolOptions(**options))
        await storage.open()
        try:
            yield storage
        finally:
            await storage.close()

    return opened


async def hold(storage: Storage, tenant: str, pause: Pause) -> None:
    async with storage.transaction(tenant) as tx:
        await tx.customers.add(a_customer(tenant_id=tenant))
        await pause()


async def test_who_gets_no_connection_in_time_is_refused(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with(max_size=1, acquire_timeout=0.5) as storage:
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            with pytest.raises(Unavailable):
                await asyncio.create_task(storage.check())
        await storage.check()


async def test_who_waits_too_long_for_a_lock_is_refused_and_the_holder_goes_on(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with(statement_timeout=0.1) as storage:
        customer = await a_stored_customer(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            with pytest.raises(Unavailable):
                await asyncio.create_task(save(storage, customer.touched(later(days=2))))
            await tx.customers.save(changed := customer.touched(later(days=1)))
        assert await get_customer(storage, customer) == changed


async def test_of_two_that_wait_for_each_other_one_is_refused(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with() as storage:
        customers = [await a_stored_customer(storage, tenant) for _ in range(2)]
        both_hold_one = asyncio.Barrier(2)

        async def lock(first: int, second: int) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customers[first].id)
                await both_hold_one.wait()
                await tx.customers.get_for_update(customers[second].id)

        ends = await asyncio.gather(lock(0, 1), lock(1, 0), return_exceptions=True)
        assert [type(end) for end in ends if end] == [Unavailable]


async def test_a_transaction_that_does_nothing_for_too_long_is_ended_by_the_server(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with(idle_in_transaction_timeout=0.05) as storage:

        async def dawdle() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(customer)
                await asyncio.sleep(0.5)

        customer = a_customer(tenant_id=tenant)
        with pytest.raises(Unavailable):
            await dawdle()
        await asyncio.gather(*(storage.check() for _ in range(3)))


async def test_cancelled_work_leaves_no_connection_inside_a_transaction(
    storage_with: StorageWith, url: str, tenant: str
) -> None:
    async with storage_with(name := f"cancelled-{uuid4()}", max_size=4) as storage:
        customer = await a_stored_customer(storage, tenant)
        for turns in range(40):
            work = asyncio.create_task(save(storage, customer.touched(later(days=turns))))
            for _ in range(turns % 12):
                await asyncio.sleep(0)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        sql = "SELECT state FROM pg_stat_activity WHERE application_name = $1"
        await asyncio.gather(*(storage.check() for _ in range(8)))
        assert {row["state"] for row in await rows(url, sql, name)} == {"idle"}


async def test_who_is_cancelled_while_waiting_takes_no_connection_along(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with(max_size=2) as storage:
        customer = await a_stored_customer(storage, tenant)
        for turns in range(30):
            asking = [asyncio.create_task(get_customer(storage, customer)) for _ in range(6)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for each in asking[::2]:
                each.cancel()
            ends = await asyncio.gather(*asking, return_exceptions=True)
            assert ends[1::2] == [customer] * 3
        now = storage.pool_numbers()
        assert (now.size, now.idle, now.waiting) == (2, 2, 0)


async def test_a_connection_that_is_lost_makes_place_for_one_who_waits(
    storage_with: StorageWith, url: str, tenant: str
) -> None:
    async with storage_with(name := f"lost-{uuid4()}", max_size=1) as storage:
        customer = await a_stored_customer(storage, tenant)

        async def lose(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)
                await pause()
                await rows(url, END, name)
                await tx.customers.get_for_update(customer.id)

        async def lose_it(pause: Pause) -> None:
            with pytest.raises(Unavailable):
                await lose(pause)

        async def ask() -> None:
            assert await get_customer(storage, customer) == customer

        await overlap(lose_it, ask)
        await ask()
        assert storage.pool_numbers().waiting == 0


async def test_the_numbers_tell_who_is_waiting(storage_with: StorageWith, tenant: str) -> None:
    async with storage_with(max_size=1) as storage:
        customer = await a_stored_customer(storage, tenant)

        async def look() -> None:
            asking = asyncio.create_task(get_customer(storage, customer))
            await asyncio.sleep(0)
            now = storage.pool_numbers()
            assert (now.size, now.idle, now.waiting) == (1, 0, 1)
            asking.cancel()

        await overlap(lambda pause: hold(storage, tenant, pause), look)


async def test_who_waits_is_not_given_a_connection_that_was_lost(
    storage_with: StorageWith, url: str, tenant: str
) -> None:
    async with storage_with(name := f"gone-{uuid4()}", max_size=1) as storage:
        customer = await a_stored_customer(storage, tenant)

        async def idle(pause: Pause) -> None:
            async with storage.view(tenant):
                await pause()
                await rows(url, END, name)
                await asyncio.sleep(0.1)

        async def lock() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)

        await overlap(idle, lock)


async def test_a_storage_can_be_closed_while_a_connection_is_being_handed_back(
    storage_with: StorageWith, tenant: str
) -> None:
    go_on = asyncio.Event()
    async with storage_with(max_size=2) as storage:

        async def hold_until_then() -> None:
            async with storage.view(tenant):
                await go_on.wait()

        holding = asyncio.create_task(hold_until_then())
        await asyncio.sleep(0.1)
        async with asyncio.timeout(10):  # closed in this very task, before the other goes on
            go_on.set()
            await storage.close()
        await holding
