"""Waits for connections and locks have a limit, and so have idle transactions; none is leaked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.errors.availability import Unavailable, WriteConflict
from customers.core.ports.storage import Storage
from tests.support.builders import USD, a_customer, later
from tests.support.databases import rows
from tests.support.patience import PATIENCE_SECONDS
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    get_customer,
    opened,
    overlap,
    save,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

TERMINATE = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = $1"
)
IDLE = """
SELECT pid FROM pg_stat_activity
WHERE application_name = $1 AND state = 'idle in transaction'
"""

StorageWith = Callable[..., AbstractAsyncContextManager[PostgresStorage]]


@pytest.fixture
def storage_with(url: str) -> StorageWith:
    """A function that opens a storage with pool options while a block runs."""

    @asynccontextmanager
    async def open_storage(name: str = "", **options: Any) -> AsyncIterator[PostgresStorage]:
        dsn = f"{url}?application_name={name}" if name else url
        storage = PostgresStorage(dsn, currency=USD, pool=PoolOptions(**options))
        async with opened(storage):
            yield storage

    return open_storage


async def hold(storage: Storage, tenant: str, pause: Pause) -> None:
    async with storage.transaction(tenant) as tx:
        await tx.customers.add(a_customer(tenant_id=tenant))
        await pause()


async def test_a_task_without_a_connection_in_time_is_unavailable(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with(max_size=1, acquire_timeout=2) as storage:
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            with pytest.raises(Unavailable):
                await asyncio.create_task(storage.check())
        await storage.check()


async def test_a_wait_for_a_lock_times_out_and_the_holder_continues(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with(statement_timeout=1) as storage:
        customer = await a_stored_customer(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            with pytest.raises(Unavailable):
                await asyncio.create_task(save(storage, customer.with_next_version(later(days=2))))
            await tx.customers.save(changed := customer.with_next_version(later(days=1)))
        assert await get_customer(storage, customer) == changed


async def test_one_of_two_deadlocked_transactions_has_a_write_conflict(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with() as storage:
        customers = [await a_stored_customer(storage, tenant) for _ in range(2)]
        both_have_one = asyncio.Barrier(2)

        async def lock(first: int, second: int) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customers[first].id)
                await both_have_one.wait()
                await tx.customers.get_for_update(customers[second].id)

        results = await asyncio.gather(lock(0, 1), lock(1, 0), return_exceptions=True)
        assert [type(error) for error in results if error] == [WriteConflict]


async def test_the_server_ends_a_transaction_that_is_idle_for_too_long(
    storage_with: StorageWith, url: str, tenant: str
) -> None:
    name = f"idle-{uuid4()}"
    async with storage_with(name, max_size=1, idle_in_transaction_timeout=0.05) as storage:

        async def idle() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(customer)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while await rows(url, IDLE, name):  # noqa: ASYNC110 - there is no event to wait for
                        await asyncio.sleep(0.05)

        customer = a_customer(tenant_id=tenant)
        with pytest.raises(Unavailable):
            await idle()
        await asyncio.gather(*(storage.check() for _ in range(3)))


async def test_a_cancelled_task_leaves_no_open_transaction(
    storage_with: StorageWith, url: str, tenant: str
) -> None:
    async with storage_with(name := f"cancelled-{uuid4()}", max_size=4) as storage:
        customer = await a_stored_customer(storage, tenant)
        for steps in range(40):
            work = asyncio.create_task(save(storage, customer.with_next_version(later(days=steps))))
            for _ in range(steps % 12):
                await asyncio.sleep(0)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        sql = "SELECT state FROM pg_stat_activity WHERE application_name = $1"
        await asyncio.gather(*(storage.check() for _ in range(8)))
        assert {row["state"] for row in await rows(url, sql, name)} == {"idle"}


async def test_a_task_cancelled_while_waiting_costs_no_connection(
    storage_with: StorageWith, tenant: str
) -> None:
    async with storage_with(max_size=2) as storage:
        customer = await a_stored_customer(storage, tenant)
        for steps in range(30):
            reads = [asyncio.create_task(get_customer(storage, customer)) for _ in range(6)]
            for _ in range(steps):
                await asyncio.sleep(0)
            for read in reads[::2]:
                read.cancel()
            results = await asyncio.gather(*reads, return_exceptions=True)
            assert results[1::2] == [customer] * 3
        stats = storage.pool_stats()
        assert (stats.size, stats.idle, stats.waiting) == (2, 2, 0)


async def test_a_waiting_task_gets_a_new_connection_for_a_lost_one(
    storage_with: StorageWith, url: str, tenant: str
) -> None:
    async with storage_with(name := f"lost-{uuid4()}", max_size=1) as storage:
        customer = await a_stored_customer(storage, tenant)

        async def lose_connection(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)
                await pause()
                await rows(url, TERMINATE, name)
                await tx.customers.get_for_update(customer.id)

        async def expect_unavailable(pause: Pause) -> None:
            with pytest.raises(Unavailable):
                await lose_connection(pause)

        async def read() -> None:
            assert await get_customer(storage, customer) == customer

        await overlap(expect_unavailable, read)
        await read()
        assert storage.pool_stats().waiting == 0


async def test_the_pool_stats_count_waiting_tasks(storage_with: StorageWith, tenant: str) -> None:
    async with storage_with(max_size=1) as storage:
        customer = await a_stored_customer(storage, tenant)

        async def wait() -> None:
            read = asyncio.create_task(get_customer(storage, customer))
            await asyncio.sleep(0)
            stats = storage.pool_stats()
            assert (stats.size, stats.idle, stats.waiting) == (1, 0, 1)
            read.cancel()

        await overlap(lambda pause: hold(storage, tenant, pause), wait)


async def test_a_waiting_task_does_not_get_a_lost_connection(
    storage_with: StorageWith, url: str, tenant: str
) -> None:
    async with storage_with(name := f"gone-{uuid4()}", max_size=1) as storage:
        customer = await a_stored_customer(storage, tenant)

        async def idle(pause: Pause) -> None:
            async with storage.view(tenant):
                await pause()
                await rows(url, TERMINATE, name)
                await asyncio.sleep(0.1)

        async def lock() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)

        await overlap(idle, lock)


async def test_a_storage_can_be_closed_while_a_connection_is_being_released(
    storage_with: StorageWith, tenant: str
) -> None:
    may_end = asyncio.Event()
    async with storage_with(max_size=2) as storage:

        async def hold_view() -> None:
            async with storage.view(tenant):
                await may_end.wait()

        holding = asyncio.create_task(hold_view())
        await asyncio.sleep(0.1)
        async with asyncio.timeout(10):  # closed by this task before the other one continues
            may_end.set()
            await storage.close()
        await holding
