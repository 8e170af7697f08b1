"""What callers see when the line to the database fails, and when it is there again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from customers.adapters.postgres.engine.pool import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.errors import CustomerNotFound, Unavailable
from customers.core.ports.storage import Storage
from tests.support.builders import USD, a_customer, an_entry, an_id, later
from tests.support.database_proxy import Line, a_line
from tests.support.storage_steps import a_stored_customer, add_customers, get_customer

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUICK = PoolOptions(acquire_timeout=0.5, statement_timeout=0.2)


@pytest_asyncio.fixture(loop_scope="session")
async def line(url: str) -> AsyncIterator[Line]:
    async with a_line(url) as line:
        yield line


@pytest_asyncio.fixture(loop_scope="session")
async def storage(line: Line) -> AsyncIterator[PostgresStorage]:
    """A storage whose connections all go over the line."""
    storage = PostgresStorage(line.url, currency=USD, pool=QUICK)
    await storage.open()
    yield storage
    await storage.close()


async def look(storage: Storage, tenant: str) -> None:
    async with storage.view(tenant) as view:
        await view.customers.by_email("nobody@example.test")


async def add(storage: Storage, tenant: str) -> None:
    await add_customers(storage, a_customer(tenant_id=tenant))


async def record_order(storage: Storage, tenant: str) -> None:
    entry = an_entry(a_customer(tenant_id=tenant))
    await storage.autocommit(tenant).record_order(entry, later())


async def check(storage: Storage, tenant: str) -> None:
    await storage.check()


OPERATIONS = [look, add, record_order, check]
Operation = Callable[[Storage, str], Awaitable[None]]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_while_the_database_is_away_every_operation_is_unavailable_and_then_works_again(
    storage: PostgresStorage, line: Line, tenant: str, operation: Operation
) -> None:
    await operation(storage, tenant)
    line.cut()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await operation(storage, tenant)
    await line.mend()
    await operation(storage, tenant)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_storage_opened_while_the_database_is_away_serves_when_it_is_there(
    line: Line, tenant: str, operation: Operation
) -> None:
    line.cut()
    storage = PostgresStorage(line.url, currency=USD, pool=QUICK)
    await storage.open()
    with pytest.raises(Unavailable):
        await operation(storage, tenant)
    await line.mend()
    await operation(storage, tenant)
    await storage.close()


async def test_a_view_goes_on_when_its_connection_is_lost(
    storage: PostgresStorage, line: Line, tenant: str
) -> None:
    customer = await a_stored_customer(storage, tenant)
    async with storage.view(tenant) as view:
        for _ in range(3):
            line.hang_up()
            assert await view.customers.get(customer.id) == customer
        with pytest.raises(CustomerNotFound):
            await view.customers.get(an_id())
    assert storage.pool_numbers().idle == storage.pool_numbers().size


async def test_a_transaction_that_loses_its_connection_is_refused_and_leaves_nothing(
    storage: PostgresStorage, line: Line, tenant: str
) -> None:
    customers = [a_customer(tenant_id=tenant) for _ in range(2)]

    async def lose(at: int) -> None:
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(customers[0])
            if at == 0:
                line.hang_up()
            await tx.customers.add(customers[1])
            line.hang_up()

    for at in (0, 1):
        with pytest.raises(Unavailable):
            await lose(at)
    await add_customers(storage, *customers)
    assert await get_customer(storage, customers[0]) == customers[0]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_server_that_says_nothing_is_given_up(
    storage: PostgresStorage, line: Line, tenant: str, operation: Operation
) -> None:
    await operation(storage, tenant)
    line.silence()
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await operation(storage, tenant)
    line.hang_up()


async def test_views_that_lose_their_connection_for_good_leave_as_many_as_there_were(
    line: Line, tenant: str
) -> None:
    storage = PostgresStorage(line.url, currency=USD, pool=PoolOptions(max_size=1))
    await storage.open()

    async def lose() -> None:
        async with storage.view(tenant) as view:
            await view.customers.by_email("nobody@example.test")
            line.cut()
            await view.customers.by_email("nobody@example.test")

    for _ in range(3):
        with pytest.raises(Unavailable):
            await lose()
        await line.mend()
    async with asyncio.timeout(30):
        asking = [look(storage, tenant) for _ in range(8)]
        assert await asyncio.gather(*asking) == [None] * len(asking)
    now = storage.pool_numbers()
    assert (now.size, now.idle, now.waiting) == (1, 1, 0)
    await storage.close()
