"""Conflicting transactions: callers do not see a deadlock, and most deadlocks cannot happen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.customer import Customer
from customers.core.services.customers import Customers
from tests.support.builders import USD, FixedClock, SequentialIds, a_customer, an_entry, later
from tests.support.databases import rows
from tests.support.storage_steps import a_stored_customer, opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOTS = 16
LOCK = "SELECT 1 FROM customer_statistics WHERE tenant_id = $1 AND customer_id = $2 FOR UPDATE"
UNLOCKED = (
    "SELECT customer_id AS id FROM customer_statistics WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED"
)
CLAIM = """
INSERT INTO customer_orders
    (tenant_id, customer_id, order_id, order_number, order_date_stated, refunds_total)
VALUES ($1, $2, $3, '', false, 0)
"""
HOLD_COUNTERS = """
INSERT INTO customer_counts (tenant_id, status, customer_type, slot, customers)
SELECT $1, 'ACTIVE', 'RETAIL', slot, 0 FROM generate_series(0, 15) AS slot
ON CONFLICT (tenant_id, status, customer_type, slot) DO UPDATE SET customers = excluded.customers
"""
PID = "SELECT pid FROM pg_stat_activity WHERE application_name = $1"
WAITING = """
SELECT pid FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'
"""


@asynccontextmanager
async def session(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection with an open transaction, like that of another program."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def one_connection(url: str, stack: AsyncExitStack) -> tuple[PostgresStorage, int]:
    """A storage with one connection, and the process id of its server process."""
    name = f"conflict-{uuid4()}"
    options = PoolOptions(max_size=1)
    storage = PostgresStorage(f"{url}?application_name={name}", currency=USD, pool=options)
    await stack.enter_async_context(opened(storage))
    await storage.check()
    [row] = await rows(url, PID, name)
    return storage, row["pid"]


async def until_waiting(url: str, pid: int) -> None:
    """Waits until a process of the server waits for a lock."""
    while not await rows(url, WAITING, pid):  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.01)


async def test_a_write_that_loses_a_deadlock_is_done_again_unseen(
    url: str, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    has_customer = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await has_customer.wait()

    # The pause of the loser ends when the winner has what it waits for, on a busy machine too.
    monkeypatch.setattr("customers.adapters.postgres.storage.sleep", pause)
    async with AsyncExitStack() as stack:
        storage, pid = await one_connection(url, stack)
        customer = await a_stored_customer(storage, tenant)
        service = Customers(storage, FixedClock(), SequentialIds())
        async with session(url) as other:
            # The other session locks the counters, then the customer: the wrong order.
            await other.execute(HOLD_COUNTERS, tenant)
            deleting = asyncio.create_task(service.delete(tenant, customer.id, versions=None))
            await until_waiting(url, pid)
            await other.execute("SET LOCAL deadlock_timeout = '60s'")
            await other.execute(LOCK, tenant, customer.id)
            has_customer.set()
        await deleting
    assert len(pauses) == 1


async def test_a_new_customer_and_a_restored_one_of_the_same_address_never_deadlock(
    url: str, tenant: str
) -> None:
    async with AsyncExitStack() as stack:
        restoring, creating = await same_slot(url, stack)
        customer = await a_stored_customer(restoring[0], tenant)
        async with restoring[0].transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            await tx.customers.save(customer.deleted(later()))
        new = a_customer(tenant_id=tenant, email=customer.email)
        async with session(url) as other:
            await other.execute(HOLD_COUNTERS, tenant)
            restored = asyncio.create_task(restore(restoring[0], customer))
            await until_waiting(url, restoring[1])
            created = asyncio.create_task(creating[0].autocommit(tenant).add_customer(new))
            await until_waiting(url, creating[1])
        await restored
        assert await created is False


async def test_a_group_of_orders_locks_its_customers_in_the_order_of_their_ids(
    url: str, tenant: str
) -> None:
    async with AsyncExitStack() as stack:
        storage, pid = await one_connection(url, stack)
        customers = [await a_stored_customer(storage, tenant) for _ in range(3)]
        low, middle, high = sorted(customers, key=lambda customer: customer.id)
        entries = [an_entry(customer) for customer in (high, low, middle)]
        async with session(url) as other:
            await other.execute(LOCK, tenant, middle.id)
            autocommit = storage.autocommit(tenant)
            recording = asyncio.create_task(autocommit.record_orders(entries, later()))
            await until_waiting(url, pid)
            assert [row["id"] for row in await rows(url, UNLOCKED, tenant)] == [high.id]
        assert None not in await recording


async def test_a_group_of_orders_stores_them_in_the_order_of_their_ids(
    url: str, tenant: str
) -> None:
    """A session that inserts "b", then "c" cannot deadlock with a group that has inserted "a"."""
    async with AsyncExitStack() as stack:
        storage, pid = await one_connection(url, stack)
        ada, bob = [await a_stored_customer(storage, tenant) for _ in range(2)]
        entries = [an_entry(bob, order_id=order_id) for order_id in ("c", "b", "a")]
        async with session(url) as other:
            await other.execute(CLAIM, tenant, ada.id, "b")
            autocommit = storage.autocommit(tenant)
            recording = asyncio.create_task(autocommit.record_orders(entries, later()))
            await until_waiting(url, pid)
            await other.execute(CLAIM, tenant, ada.id, "c")
        assert [one is not None for one in await recording] == [False, False, True]


async def same_slot(
    url: str, stack: AsyncExitStack
) -> tuple[tuple[PostgresStorage, int], tuple[PostgresStorage, int]]:
    """Two storages that change the same counters: opens storages until two of them do."""
    by_slot: dict[int, tuple[PostgresStorage, int]] = {}
    while True:
        storage, pid = await one_connection(url, stack)
        if (first := by_slot.get(pid % SLOTS)) is not None:
            return first, (storage, pid)
        by_slot[pid % SLOTS] = storage, pid


async def restore(storage: PostgresStorage, customer: Customer) -> None:
    async with storage.transaction(customer.tenant_id) as tx:
        deleted = (await tx.customers.get_any_for_update(customer.id)).restorable()
        await tx.customers.save(deleted.restored(later(days=1)))
