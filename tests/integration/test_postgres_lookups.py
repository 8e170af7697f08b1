"""Look-ups of a tenant that wait together share a statement; callers see no difference."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from asyncpg import PostgresError
from attrs import evolve
from prometheus_client import CollectorRegistry

from customers.adapters.postgres.engine.breaker import MAX_FAILURES
from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.bulkheads.deadline import deadline_after
from customers.bulkheads.groups import MAX_UNDER_WAY
from customers.core.errors.availability import TenantBusy, Unavailable
from customers.core.model.customer import Customer, Profile
from customers.core.ports.storage import Storage
from customers.entrypoints.observability.database_metrics import DatabaseMetrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.builders import USD, later
from tests.support.database_proxy import DatabaseProxy, proxy_of
from tests.support.databases import PATIENT
from tests.support.patience import until
from tests.support.statement_count import counting_statements
from tests.support.storage_steps import get_customer, opened, save, some_customers

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]

# A tenant alone may have eight of ten connections.
MOST = 8

Reads = Sequence["asyncio.Task[Profile]"]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_of(url) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def storage(
    proxy: DatabaseProxy, registry: CollectorRegistry
) -> AsyncIterator[PostgresStorage]:
    """A storage whose connections all go through the proxy."""
    async with storage_with(proxy.url, registry, PATIENT) as storage:
        yield storage


@asynccontextmanager
async def storage_with(
    url: str, registry: CollectorRegistry, pool: PoolOptions
) -> AsyncIterator[PostgresStorage]:
    observer = DatabaseMetrics(registry, RefusalMetrics(registry))
    storage = PostgresStorage(url, currency=USD, pool=pool, observer=observer)
    async with opened(storage):
        await storage.check()
        yield storage


async def begin(storage: Storage, customers: Sequence[Customer]) -> Reads:
    """Starts a read of each customer's profile; returns the tasks when all wait."""
    reads = [
        asyncio.create_task(storage.lookups(customer.tenant_id).profile(customer.id))
        for customer in customers
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    return reads


async def customers_of(reads: Reads) -> list[Customer]:
    return [profile.customer for profile in await asyncio.gather(*reads)]


async def kinds_of(reads: Sequence["asyncio.Task[Any]"]) -> set[tuple[type, str]]:
    """The types of the errors, with the kinds of their faults."""
    errors = await asyncio.gather(*reads, return_exceptions=True)
    faults = [getattr(error, "fault", None) for error in errors]
    return {
        (type(error), fault.kind if fault else "")
        for error, fault in zip(errors, faults, strict=True)
    }


async def test_reads_that_come_at_the_same_time_share_statements(
    storage: PostgresStorage, registry: CollectorRegistry, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 20)
    with counting_statements() as statements:
        reads = await begin(storage, customers)
        assert await customers_of(reads) == customers
    assert statements.number == MAX_UNDER_WAY + 1
    for end, calls in (("count", 1), ("sum", 18)):
        assert registry.get_sample_value(f"customers_database_shared_calls_{end}") == calls


async def test_reads_one_after_another_have_a_statement_each(
    storage: PostgresStorage, registry: CollectorRegistry, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 3)
    with counting_statements() as statements:
        for customer in customers:
            assert (await storage.lookups(tenant).profile(customer.id)).customer == customer
    assert statements.number == 3
    assert registry.get_sample_value("customers_database_shared_calls_count") == 0


async def test_a_tenant_has_two_connections_for_reads_that_get_no_answer(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 30)
    others = await some_customers(storage, f"{tenant}-other", 30)
    proxy.silence()
    reads = await begin(storage, [*customers, *others])
    await until(lambda: storage.usage().taken == 2 * MAX_UNDER_WAY)
    usage = storage.usage()
    assert (usage.busiest, usage.waiting) == (MAX_UNDER_WAY, 0)
    proxy.forward()
    assert await customers_of(reads) == [*customers, *others]


async def test_a_read_that_waits_sees_what_is_committed_meanwhile(
    storage: PostgresStorage, proxy: DatabaseProxy, url: str, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 3)
    proxy.silence()
    older = await begin(storage, customers)
    changed = customers[2].with_next_version(later())
    async with opened(PostgresStorage(url, currency=USD, pool=PATIENT)) as writer:
        await writer.check()
        await save(writer, changed)
    newer = await begin(storage, [customers[2]])
    proxy.forward()
    await customers_of(older)
    assert await customers_of(newer) == [changed]


async def test_all_are_answered_although_the_connections_are_lost(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 20)
    await customers_of(await begin(storage, customers))  # opens the connections
    proxy.silence()
    reads = await begin(storage, customers)
    proxy.abort_connections()
    proxy.forward()
    assert await customers_of(reads) == customers


async def test_a_shared_read_is_tried_again_when_its_connection_is_lost(
    storage: PostgresStorage,
    proxy: DatabaseProxy,
    tenant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    customers = await some_customers(storage, tenant, 20)
    async with storage.view(tenant), storage.view(tenant):
        pass  # so that no connection has to be opened while the proxy is silent
    monkeypatch.setattr(storage.pool.refusals, "shared", lambda _: proxy.silence())
    with counting_statements() as statements:
        reads = await begin(storage, customers)
        await until(lambda: statements.number == MAX_UNDER_WAY + 1)
        proxy.abort_connections()
        proxy.forward()
        assert await customers_of(reads) == customers
    assert statements.number == MAX_UNDER_WAY + 1  # a read that is tried again is counted once


async def test_all_are_unavailable_while_the_database_is_away(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 20)
    proxy.cut()
    errors = await asyncio.gather(*await begin(storage, customers), return_exceptions=True)
    assert {type(error) for error in errors} == {Unavailable}
    assert len({id(error) for error in errors}) == len(errors)
    assert all(isinstance(error, Unavailable) and error.fault for error in errors)
    await proxy.restore()
    await until(lambda: not storage.pool.is_refusing)
    assert await customers_of(await begin(storage, customers)) == customers


async def test_a_key_that_the_server_refuses_fails_alone(
    storage: PostgresStorage, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 6)
    keys = [*(customer.email_key for customer in customers), "\0"]
    reads = [storage.lookups(tenant).by_email(key) for key in keys]
    *results, error = await asyncio.gather(*reads, return_exceptions=True)
    assert results == customers
    assert isinstance(error, PostgresError)


async def test_who_has_no_answer_at_the_deadline_is_unavailable_and_the_others_are_answered(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 10)
    proxy.silence()
    patient = await begin(storage, customers[:5])
    with deadline_after(0):
        hasty = await begin(storage, customers[5:])
    assert await kinds_of(hasty) == {(Unavailable, "statement_timeout")}
    proxy.forward()
    assert await customers_of(patient) == customers[:5]


async def test_who_gets_no_connection_in_time_is_refused_as_if_alone_and_counted(
    url: str, registry: CollectorRegistry, tenant: str
) -> None:
    quick = evolve(PATIENT, acquire_timeout=0.3)
    async with storage_with(url, registry, quick) as storage, AsyncExitStack() as held:
        customers = await some_customers(storage, tenant, 10)
        for _ in range(MOST):
            await held.enter_async_context(storage.view(tenant))
        assert await kinds_of(await begin(storage, customers)) == {(TenantBusy, "")}
        assert refusals(registry, "tenant_connections") == len(customers)
        for _ in range(2):
            await held.enter_async_context(storage.view(f"{tenant}-next"))
        reads = await begin(storage, [evolve(one, tenant_id="another") for one in customers])
        assert await kinds_of(reads) == {(Unavailable, "pool_exhausted")}
        assert refusals(registry, "connections") == len(customers)
        assert registry.get_sample_value("customers_pool_timeouts_total") == 2 * len(customers)


async def test_whose_deadline_passes_before_there_is_a_connection_is_refused_as_if_alone(
    storage: PostgresStorage, registry: CollectorRegistry, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 10)
    async with AsyncExitStack() as held:
        for _ in range(MOST):
            await held.enter_async_context(storage.view(tenant))
        with deadline_after(0):
            reads = await begin(storage, customers)
        assert await kinds_of(reads) == {(TenantBusy, "")}
    assert refusals(registry, "tenant_connections") == len(customers)
    assert await customers_of(await begin(storage, customers)) == customers


async def test_a_server_that_is_silent_is_given_up_although_few_statements_are_sent(
    storage: PostgresStorage, proxy: DatabaseProxy, tenant: str
) -> None:
    customers = await some_customers(storage, tenant, 2 * MAX_FAILURES)
    proxy.silence()
    for _ in range(2):
        with deadline_after(0.2):
            kinds = await kinds_of(await begin(storage, customers))
    assert (Unavailable, "no_answer") in kinds
    assert storage.pool.is_refusing
    proxy.forward()
    proxy.abort_connections()
    await until(lambda: not storage.pool.is_refusing)


async def test_a_storage_that_closes_answers_who_waits(
    proxy: DatabaseProxy, registry: CollectorRegistry, tenant: str
) -> None:
    async with storage_with(proxy.url, registry, PATIENT) as storage:
        customers = await some_customers(storage, tenant, 20)
        proxy.silence()
        reads = await begin(storage, customers)
        closing = asyncio.create_task(storage.close())
        await asyncio.sleep(0)
        proxy.forward()
        await closing
        assert all(read.done() for read in reads)
        assert await customers_of(reads) == customers
        with pytest.raises(Unavailable):
            await storage.lookups(tenant).profile(customers[0].id)


async def test_many_callers_of_several_tenants_are_each_answered(
    storage: PostgresStorage, tenant: str
) -> None:
    groups = [await some_customers(storage, f"{tenant}-{number}", 20) for number in range(3)]
    customers = [customer for group in groups for customer in group] * 4
    reads = await begin(storage, customers)
    for read in reads[::7]:
        read.cancel()
    by_email = [
        storage.lookups(customer.tenant_id).by_email(customer.email_key) for customer in customers
    ]
    assert await asyncio.gather(*by_email) == customers
    for place, (read, customer) in enumerate(zip(reads, customers, strict=True)):
        assert place % 7 == 0 or (await read).customer == customer
    assert await get_customer(storage, customers[0]) == customers[0]
    assert storage.usage().taken == 0


def refusals(registry: CollectorRegistry, kind: str) -> float | None:
    return registry.get_sample_value("customers_refusals_total", {"kind": kind})
