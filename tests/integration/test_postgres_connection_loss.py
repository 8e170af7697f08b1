"""What callers see when the connection to the database is lost, and when it is back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.errors import CustomerNotFound
from customers.core.errors.availability import Unavailable
from customers.core.model.ledger import Entry, fold_ledger
from customers.core.ports.storage import Storage
from tests.support.builders import USD, a_customer, an_entry, an_id, later
from tests.support.database_proxy import DatabaseProxy, proxy_of
from tests.support.databases import PATIENT
from tests.support.patience import PATIENCE_SECONDS
from tests.support.storage_steps import a_stored_customer, add_customers, get_customer

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUICK = PoolOptions(acquire_timeout=2, statement_timeout=1)


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_of(url) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def storage(proxy: DatabaseProxy) -> AsyncIterator[PostgresStorage]:
    """A storage whose connections all go through the proxy."""
    storage = PostgresStorage(proxy.url, currency=USD, pool=PATIENT)
    await storage.open()
    yield storage
    await storage.close()


async def read(storage: Storage, tenant: str) -> None:
    async with storage.view(tenant) as view:
        await view.customers.by_email("nobody@example.test")


async def add(storage: Storage, tenant: str) -> None:
    await add_customers(storage, a_customer(tenant_id=tenant))


async def record_order(storage: Storage, tenant: str) -> None:
    entry = an_entry(a_customer(tenant_id=tenant))
    await storage.autocommit(tenant).record_order(entry, later())


async def record_orders(storage: Storage, tenant: str) -> None:
    entries = [an_entry(a_customer(tenant_id=tenant)) for _ in range(2)]
    await storage.autocommit(tenant).record_orders(entries, later())


async def check(storage: Storage, tenant: str) -> None:
    await storage.check()


OPERATIONS = [read, add, record_order, record_orders, check]
Operation = Callable[[Storage, str], Awaitable[None]]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_every_operation_is_unavailable_while_the_database_is_away(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str, operation: Operation
) -> None:
    await operation(storage, tenant)
    proxy.cut()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await operation(storage, tenant)
    await proxy.restore()
    await operation(storage, tenant)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_storage_opened_while_the_database_is_away_works_when_it_is_back(
    proxy: DatabaseProxy, tenant: str, operation: Operation
) -> None:
    proxy.cut()
    storage = PostgresStorage(proxy.url, currency=USD, pool=PATIENT)
    await storage.open()
    with pytest.raises(Unavailable):
        await operation(storage, tenant)
    await proxy.restore()
    await operation(storage, tenant)
    await storage.close()


async def test_a_view_continues_when_its_connection_is_lost(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    customer = await a_stored_customer(storage, tenant)
    async with storage.view(tenant) as view:
        for _ in range(3):
            proxy.abort_connections()
            assert await view.customers.get(customer.id) == customer
        with pytest.raises(CustomerNotFound):
            await view.customers.get(an_id())
    assert storage.pool_stats().idle == storage.pool_stats().size


async def test_a_transaction_that_loses_its_connection_is_unavailable_and_writes_nothing(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    customers = [a_customer(tenant_id=tenant) for _ in range(2)]

    async def lose_connection_after(writes: int) -> None:
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(customers[0])
            if writes == 1:
                proxy.abort_connections()
            await tx.customers.add(customers[1])
            proxy.abort_connections()

    for writes in (1, 2):
        with pytest.raises(Unavailable):
            await lose_connection_after(writes)
    await add_customers(storage, *customers)
    assert await get_customer(storage, customers[0]) == customers[0]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_server_that_does_not_answer_is_unavailable(
    proxy: DatabaseProxy, tenant: str, operation: Operation
) -> None:
    storage = PostgresStorage(proxy.url, currency=USD, pool=QUICK)
    await storage.open()
    await operation(storage, tenant)
    proxy.silence()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(Unavailable):
            await operation(storage, tenant)
    proxy.abort_connections()


async def test_the_pool_keeps_its_size_when_views_lose_their_connections(
    proxy: DatabaseProxy, tenant: str
) -> None:
    storage = PostgresStorage(proxy.url, currency=USD, pool=PoolOptions(max_size=1))
    await storage.open()

    async def lose_connection() -> None:
        async with storage.view(tenant) as view:
            await view.customers.by_email("nobody@example.test")
            proxy.cut()
            await view.customers.by_email("nobody@example.test")

    for _ in range(3):
        with pytest.raises(Unavailable):
            await lose_connection()
        await proxy.restore()
    async with asyncio.timeout(30):
        reads = [read(storage, tenant) for _ in range(8)]
        assert await asyncio.gather(*reads) == [None] * len(reads)
    stats = storage.pool_stats()
    assert (stats.size, stats.idle, stats.waiting) == (1, 1, 0)
    await storage.close()


async def test_a_group_of_orders_whose_connection_is_lost_is_recorded_whole_or_not_at_all(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    """Callers repeat a group until it is acknowledged, while connections break; it counts once."""
    customers = [await a_stored_customer(storage, tenant) for _ in range(4)]
    new, unacknowledged = 0, 0

    async def record(group: list[Entry]) -> None:
        nonlocal new, unacknowledged
        while True:
            try:
                results = await storage.autocommit(tenant).record_orders(group, later())
            except Unavailable:
                unacknowledged += 1
                continue
            recorded = [one is not None for one in results]
            assert len(set(recorded)) == 1
            new += sum(recorded)
            return

    async def break_connections() -> None:
        for _ in range(10):
            await asyncio.sleep(0.1)
            proxy.abort_connections()

    groups: list[list[Entry]] = []
    breaking = asyncio.create_task(break_connections())
    while not breaking.done():
        more = [[an_entry(customer) for customer in customers * 5] for _ in range(4)]
        await asyncio.gather(*map(record, more))
        groups += more
    assert unacknowledged
    assert new <= sum(map(len, groups)) <= new + len(groups[0]) * unacknowledged
    for customer in customers:
        own = [entry for group in groups for entry in group if entry.customer_id == customer.id]
        current = await get_customer(storage, customer)
        assert current.statistics == fold_ledger(own, USD)
        assert current.version == customer.version + len(own)
