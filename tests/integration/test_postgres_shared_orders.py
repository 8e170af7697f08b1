"""Orders that are reported one by one share statements, and each has its own outcome."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio
from attrs import evolve
from sqlalchemy import func, literal, select

from customers.adapters.postgres.customers import locked_statistics
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.storage import PostgresStorage
from customers.bulkheads.deadline import deadline_after
from customers.bulkheads.groups import MAX_UNDER_WAY
from customers.core.errors import CustomerNotFound
from customers.core.errors.availability import Unavailable
from customers.core.errors.ledger import OrderConflict
from customers.core.model.customer import Customer
from customers.core.model.ledger import fold_ledger
from customers.core.model.money import Money
from customers.core.model.order import Order
from customers.core.ports.storage import Storage
from customers.core.services.orders import LedgerResult, Orders
from tests.support.builders import NOW, USD, FixedClock
from tests.support.database_proxy import DatabaseProxy, proxy_of
from tests.support.databases import rows
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.proxied_storage import proxied_storage
from tests.support.statement_count import counting_statements
from tests.support.storage_steps import get_customer, some_customers

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]

LOCK_CUSTOMER = (
    "SELECT 1 FROM customer_statistics WHERE tenant_id = $1 AND customer_id = $2 FOR UPDATE"
)
CHANGE_CUSTOMER = (
    "UPDATE customer_statistics SET version = version + 1 WHERE tenant_id = $1 AND customer_id = $2"
)
BLOCKED_BY = "SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
INSERT_ORDER = (
    "INSERT INTO customer_orders"
    " (tenant_id, order_id, customer_id, order_number, order_date_stated, refunds_total)"
    " VALUES ($1, $2, $3, '', false, 0)"
)

Results = Sequence["asyncio.Task[LedgerResult]"]


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_of(url) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def storage(proxy: DatabaseProxy) -> AsyncIterator[PostgresStorage]:
    async with proxied_storage(proxy) as storage:
        yield storage


@asynccontextmanager
async def locked(url: str, customer: Customer) -> AsyncIterator[None]:
    """Locks the customer while the block runs, as another program would."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(LOCK_CUSTOMER, customer.tenant_id, customer.id)
            yield
    finally:
        await connection.close()


def an_order(order_id: str, amount: int = 10) -> Order:
    return Order(order_id=order_id, total_amount=Money(Decimal(amount)))


async def report(
    storage: Storage, customers: Sequence[Customer], orders: Sequence[Order]
) -> Results:
    """Starts a report of each order; returns the tasks when all wait."""
    use_cases = Orders(storage, FixedClock(NOW))
    reports = [
        asyncio.create_task(use_cases.record(customer.tenant_id, customer.id, order))
        for customer, order in zip(customers, orders, strict=True)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    return reports


async def expect_exact(storage: Storage, customers: Sequence[Customer], orders: int) -> None:
    """Asserts that each customer has this many orders, and statistics that are their fold."""
    for customer in customers:
        async with storage.view(customer.tenant_id) as view:
            entries = await view.orders.newest(customer.id, None, 1_000)
        assert len(entries) == orders
        stored = await get_customer(storage, customer)
        assert stored.statistics == fold_ledger(entries, USD)
        assert stored.version == customer.version + orders


async def test_orders_that_come_at_the_same_time_share_statements(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 20)
    orders = [an_order(f"order-{number}", number + 1) for number in range(20)]
    with counting_statements() as statements:
        results = await asyncio.gather(*await report(storage, customers, orders))
    assert statements.number == MAX_UNDER_WAY + 1
    for customer, order, result in zip(customers, orders, results, strict=True):
        assert (result.duplicate, result.customer.id) == (False, customer.id)
        assert result.customer.statistics.total_spent == order.total_amount
        assert result.customer == await get_customer(storage, customer)
    await expect_exact(storage, customers, 1)


async def test_the_orders_of_one_customer_are_counted_one_after_another(
    storage: PostgresStorage, tenant: str
) -> None:
    [customer] = await some_customers(storage, tenant, 1)
    orders = [an_order(f"order-{number}") for number in range(40)]
    with counting_statements() as statements:
        results = await asyncio.gather(*await report(storage, [customer] * 40, orders))
    assert statements.number == 2  # one for the first, one for all others
    counts = [result.customer.statistics.total_orders for result in results]
    assert counts == list(range(1, 41))
    assert [result.customer.version for result in results] == list(
        range(customer.version + 1, customer.version + 41)
    )
    await expect_exact(storage, [customer], 40)


async def test_repeats_conflicts_and_unknown_customers_have_outcomes_of_their_own(
    storage: PostgresStorage, tenant: str
) -> None:
    ada, bob, eve = await some_customers(storage, tenant, 3)
    unknown = (await some_customers(storage, f"{tenant}-other", 1))[0]
    await asyncio.gather(*await report(storage, [ada], [an_order("known", 5)]))
    customers = [ada, bob, ada, ada, evolve(unknown, tenant_id=tenant), eve, bob]
    orders = [
        an_order("first"),
        an_order("second"),
        an_order("known", 5),
        an_order("known", 6),
        an_order("third"),
        an_order("fourth"),
        an_order("fourth"),
    ]
    results = await asyncio.gather(
        *await report(storage, customers, orders), return_exceptions=True
    )
    kinds = [one.duplicate if isinstance(one, LedgerResult) else type(one) for one in results]
    assert kinds[:5] == [False, False, True, OrderConflict, CustomerNotFound]
    # One order for two customers: it belongs to the first that was recorded.
    assert sorted(map(str, kinds[5:])) == sorted([str(False), str(OrderConflict)])


async def test_a_customer_whom_another_program_has_locked_delays_no_order_of_others(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 20)
    hot = customers[7]
    orders = [an_order(f"order-{number}") for number in range(20)]
    async with locked(url, hot):
        reports = await report(storage, customers, orders)
        others = [one for number, one in enumerate(reports) if number != 7]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*others)
        # A later order of another customer is recorded at once; one of the locked one waits.
        late = await report(storage, [hot, customers[0]], [an_order("late"), an_order("alone")])
        async with asyncio.timeout(PATIENCE_SECONDS):
            await late[1]
        assert not reports[7].done()
        assert not late[0].done()
    assert (await reports[7]).customer.statistics.total_orders == 1
    assert (await late[0]).customer.statistics.total_orders == 2


async def test_the_orders_of_a_locked_customer_take_one_connection(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    hot, other = await some_customers(storage, tenant, 2)
    orders = [an_order(f"order-{number}") for number in range(30)]
    async with locked(url, hot):
        reports = await report(storage, [hot] * 30, orders)
        await asyncio.gather(*await report(storage, [other], [an_order("other")]))
        assert storage.usage().taken == 1
    results = await asyncio.gather(*reports)
    assert sorted(one.customer.statistics.total_orders for one in results) == list(range(1, 31))
    await expect_exact(storage, [hot], 30)


async def test_an_order_that_another_program_inserts_delays_no_other_order(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    owner, *customers = await some_customers(storage, tenant, 21)
    orders = [an_order(f"order-{number}") for number in range(20)]
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(INSERT_ORDER, tenant, "order-7", owner.id)
            reports = await report(storage, customers, orders)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*(one for n, one in enumerate(reports) if n != 7))
            assert not reports[7].done()
        with pytest.raises(OrderConflict):
            await reports[7]
    finally:
        await connection.close()
    await expect_exact(storage, [*customers[:7], *customers[8:]], 1)


async def test_a_row_that_cannot_be_read_fails_its_own_order(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 20)
    orders = [an_order(f"order-{number}") for number in range(20)]
    connection = await asyncpg.connect(url)
    newer = "UPDATE customers SET status = 'FROZEN' WHERE tenant_id = $1 AND id = $2"
    await connection.execute(newer, tenant, customers[7].id)
    await connection.close()
    results = await asyncio.gather(
        *await report(storage, customers, orders), return_exceptions=True
    )
    assert isinstance(results[7], KeyError)
    others = [*results[:7], *results[8:]]
    assert all(isinstance(one, LedgerResult) and not one.duplicate for one in others)


async def test_only_the_orders_of_a_locked_customer_have_no_answer_at_the_deadline(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 10)
    orders = [an_order(f"order-{number}") for number in range(10)]
    async with locked(url, customers[3]):
        with deadline_after(1):
            reports = await report(storage, customers, orders)
        results = await asyncio.gather(*reports, return_exceptions=True)
    failed = [number for number, one in enumerate(results) if isinstance(one, Unavailable)]
    assert failed == [3]
    assert all(isinstance(one, LedgerResult) for one in [*results[:3], *results[4:]])


async def test_no_order_is_reported_again_when_the_connection_of_several_is_lost(
    storage: PostgresStorage,
    proxy: DatabaseProxy,
    tenant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some may have been recorded; a caller who reports them again gets the right answer."""
    customers = await some_customers(storage, tenant, 20)
    orders = [an_order(f"order-{number}") for number in range(20)]
    async with storage.view(tenant), storage.view(tenant):
        pass  # so that no connection has to be opened while the proxy is silent
    monkeypatch.setattr(storage.pool.refusals, "shared", lambda _: proxy.silence())
    with counting_statements() as statements:
        reports = await report(storage, customers, orders)
        await until(lambda: statements.number == MAX_UNDER_WAY + 1)
        proxy.abort_connections()
        proxy.forward()
        results = await asyncio.gather(*reports, return_exceptions=True)
    lost = [one for one in results if isinstance(one, Unavailable)]
    assert len(lost) == len({id(error) for error in lost}) >= 18
    assert statements.number == MAX_UNDER_WAY + 1
    monkeypatch.undo()
    await asyncio.gather(*await report(storage, customers, orders))
    await expect_exact(storage, customers, 1)


async def test_an_order_whose_customer_cannot_be_read_again_is_not_reported_as_a_duplicate(
    storage: PostgresStorage, url: str, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded by then, so it must not be tried again."""
    [customer] = await some_customers(storage, tenant, 1)
    fails = Statement.of(select(1 / func.length(literal(""))))
    monkeypatch.setattr(locked_statistics, "_DETAILS", fails)
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute(CHANGE_CUSTOMER, tenant, customer.id)
        [report_of_order] = await report(storage, [customer], [an_order("order-1")])
        while not await rows(url, BLOCKED_BY, connection.get_server_pid()):
            await asyncio.wait({report_of_order}, timeout=0.01)
    with pytest.raises(Unavailable):
        await report_of_order
    await connection.close()
    assert (await get_customer(storage, customer)).statistics.total_orders == 1


async def test_callers_who_leave_take_nothing_from_the_others(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 20)
    orders = [an_order(f"order-{number}") for number in range(20)]
    reports = await report(storage, customers, orders)
    for one in reports[::3]:
        one.cancel()
    results = await asyncio.gather(*reports, return_exceptions=True)
    stayed = [one for number, one in enumerate(results) if number % 3]
    assert all(isinstance(one, LedgerResult) and not one.duplicate for one in stayed)
    again = await asyncio.gather(*await report(storage, customers, orders))
    assert all(one.customer.statistics.total_orders == 1 for one in again)
    await expect_exact(storage, customers, 1)


async def test_a_storage_that_closes_records_what_waits(proxy: DatabaseProxy, tenant: str) -> None:
    async with proxied_storage(proxy) as storage:
        customers = await some_customers(storage, tenant, 20)
        orders = [an_order(f"order-{number}") for number in range(20)]
        proxy.silence()
        reports = await report(storage, customers, orders)
        closing = asyncio.create_task(storage.close())
        await asyncio.sleep(0)
        proxy.forward()
        await closing
        assert all(one.done() for one in reports)
        assert not any(one.result().duplicate for one in reports)
