"""Customers who are created one by one share statements, and each has an outcome of their own."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from customers.adapters.postgres.storage import PostgresStorage
from customers.bulkheads.deadline import deadline_after
from customers.bulkheads.groups import MAX_UNDER_WAY
from customers.core.errors.availability import Unavailable
from customers.core.model.customer import Customer, CustomerType
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.query import CustomerSort, Page
from customers.core.ports.storage import Storage
from tests.support.builders import a_customer
from tests.support.database_proxy import DatabaseProxy, proxy_of
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.proxied_storage import proxied_storage
from tests.support.statement_count import counting_statements
from tests.support.storage_steps import EVERYONE, add_customers, get_customer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]

Creates = Sequence["asyncio.Task[bool]"]


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_of(url) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def storage(proxy: DatabaseProxy) -> AsyncIterator[PostgresStorage]:
    async with proxied_storage(proxy) as storage:
        yield storage


def new_customers(tenant: str, number: int = 20) -> list[Customer]:
    return [
        a_customer(
            tenant_id=tenant,
            email=f"{place}@example.test",
            tags=("a", f'{place}"\\,{{}}'),
            customer_type=CustomerType.VIP if place % 2 else CustomerType.RETAIL,
        )
        for place in range(number)
    ]


async def create(storage: Storage, customers: Sequence[Customer]) -> Creates:
    """Starts to add each customer; returns the tasks when all wait."""

    async def add(customer: Customer) -> bool:
        return await storage.autocommit(customer.tenant_id).add_customer(customer)

    tasks = [asyncio.create_task(add(customer)) for customer in customers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def number_of(storage: Storage, tenant: str, condition: CustomerFilter) -> int:
    async with storage.view(tenant) as view:
        page = await view.customers.page_with_total(
            condition, CustomerSort(), Page(number=1, size=100)
        )
    assert page.total is not None
    return page.total


async def test_customers_who_come_at_the_same_time_share_statements(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = new_customers(tenant)
    with counting_statements() as statements:
        assert await asyncio.gather(*await create(storage, customers)) == [True] * 20
    assert statements.number == MAX_UNDER_WAY + 1
    for customer in customers:
        assert await get_customer(storage, customer) == customer
    vips = CustomerFilter(types=frozenset({CustomerType.VIP}))
    assert await number_of(storage, tenant, EVERYONE) == 20
    assert await number_of(storage, tenant, vips) == 10


async def test_an_address_is_given_to_one_of_those_who_come_with_it(
    storage: PostgresStorage, tenant: str
) -> None:
    known, *others = new_customers(tenant)
    await add_customers(storage, known)
    twins = [a_customer(tenant_id=tenant, email=one.email.upper()) for one in (known, *others)]
    results = await asyncio.gather(*await create(storage, [*others, *twins]))
    of_others, [of_known, *of_twins] = results[:19], results[19:]
    assert not of_known
    assert [one is not twin for one, twin in zip(of_others, of_twins, strict=True)] == [True] * 19
    assert await number_of(storage, tenant, EVERYONE) == 20


async def test_an_address_that_another_transaction_has_locked_delays_nobody_else(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = new_customers(tenant)
    async with storage.transaction(tenant) as tx:
        await tx.customers.reserve_email(customers[7])
        creates = await create(storage, customers)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(one for place, one in enumerate(creates) if place != 7))
        # A later one is created at once, unless it has the locked address.
        late = await create(storage, [a_customer(tenant_id=tenant), customers[7]])
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await late[0]
        assert not creates[7].done()
        assert not late[1].done()
    assert await creates[7]
    assert not await late[1]


async def test_those_with_a_locked_address_take_one_connection(
    storage: PostgresStorage, tenant: str
) -> None:
    twins = [a_customer(tenant_id=tenant, email="a@example.test") for _ in range(30)]
    async with storage.transaction(tenant) as tx:
        await tx.customers.reserve_email(twins[0])
        creates = await create(storage, twins)
        assert await asyncio.gather(*await create(storage, [a_customer(tenant_id=tenant)]))
        assert storage.usage().taken == 2  # that of the transaction, too
    assert sum(await asyncio.gather(*creates)) == 1


async def test_a_value_that_the_server_refuses_fails_its_own_customer(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = new_customers(tenant)
    customers[7] = a_customer(tenant_id=tenant, notes="\0")
    results = await asyncio.gather(*await create(storage, customers), return_exceptions=True)
    assert isinstance(results[7], Exception)
    assert [*results[:7], *results[8:]] == [True] * 19
    assert await number_of(storage, tenant, EVERYONE) == 19


async def test_only_who_has_a_locked_address_has_no_answer_at_the_deadline(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = new_customers(tenant, 10)
    async with storage.transaction(tenant) as tx:
        await tx.customers.reserve_email(customers[3])
        with deadline_after(1):
            creates = await create(storage, customers)
        results = await asyncio.gather(*creates, return_exceptions=True)
    assert isinstance(results[3], Unavailable)
    assert [*results[:3], *results[4:]] == [True] * 9


async def test_nobody_is_sent_again_when_the_connection_of_several_is_lost(
    storage: PostgresStorage,
    proxy: DatabaseProxy,
    tenant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some may have been added; a caller who asks again gets the right answer."""
    customers = new_customers(tenant)
    async with storage.view(tenant), storage.view(tenant):
        pass  # so that no connection has to be opened while the proxy is silent
    monkeypatch.setattr(storage.pool.refusals, "shared", lambda _: proxy.silence())
    with counting_statements() as statements:
        creates = await create(storage, customers)
        await until(lambda: statements.number == MAX_UNDER_WAY + 1)
        proxy.abort_connections()
        proxy.forward()
        results = await asyncio.gather(*creates, return_exceptions=True)
    lost = [one for one in results if isinstance(one, Unavailable)]
    assert len(lost) == len({id(error) for error in lost}) >= 18
    assert statements.number == MAX_UNDER_WAY + 1
    monkeypatch.undo()
    again = [a_customer(tenant_id=tenant, email=one.email) for one in customers]
    await asyncio.gather(*await create(storage, again))
    assert await number_of(storage, tenant, EVERYONE) == 20


async def test_callers_who_leave_take_nothing_from_the_others(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = new_customers(tenant)
    creates = await create(storage, customers)
    for one in creates[::3]:
        one.cancel()
    results = await asyncio.gather(*creates, return_exceptions=True)
    assert all(one is True for place, one in enumerate(results) if place % 3)


async def test_a_storage_that_closes_adds_those_who_wait(proxy: DatabaseProxy, tenant: str) -> None:
    async with proxied_storage(proxy) as storage:
        customers = new_customers(tenant)
        proxy.silence()
        creates = await create(storage, customers)
        closing = asyncio.create_task(storage.close())
        await asyncio.sleep(0)
        proxy.forward()
        await closing
        assert [one.result() for one in creates] == [True] * 20
