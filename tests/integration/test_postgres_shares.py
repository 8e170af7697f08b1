"""Tenants share the connections: none can keep them from the next one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.errors import CustomersError
from customers.core.errors.availability import TenantBusy, Unavailable
from customers.core.model.preview import Preview
from customers.core.model.segment import RulesText
from customers.core.ports.storage import Storage
from customers.core.services.previews import Previews
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.storages import postgres_storage
from customers.entrypoints.observability.database_metrics import DatabaseMetrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.builders import USD, FixedClock, a_customer, later
from tests.support.databases import PATIENT
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.storage_steps import a_stored_customer, add_customers, get_customer, opened, save

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUICK = PoolOptions(acquire_timeout=0.2, statement_timeout=PATIENCE_SECONDS)


@asynccontextmanager
async def storage_with(
    url: str, options: PoolOptions, analytic: PoolOptions = PATIENT
) -> AsyncIterator[PostgresStorage]:
    storage = PostgresStorage(url, currency=USD, pool=options, analytic_pool=analytic)
    async with opened(storage):
        await storage.check()
        yield storage


async def views(storage: Storage, tenant: str, count: int, stack: AsyncExitStack) -> None:
    """Holds that many connections of a tenant until the stack is closed."""
    for _ in range(count):
        await stack.enter_async_context(storage.view(tenant))


async def refusal(storage: Storage, tenant: str) -> type[CustomersError]:
    """The error of a tenant who gets no connection."""
    with pytest.raises(CustomersError) as raised:
        async with storage.view(tenant):
            pass
    return type(raised.value)


async def test_a_tenant_whose_statements_hang_leaves_connections_to_the_next_one(
    url: str, tenant: str
) -> None:
    async with storage_with(url, QUICK) as storage, AsyncExitStack() as held:
        await views(storage, tenant, 8, held)
        assert await refusal(storage, tenant) is TenantBusy
        await views(storage, f"{tenant}-next", 2, held)
        assert await refusal(storage, f"{tenant}-next") is Unavailable


async def test_without_a_free_connection_it_is_the_storage_that_is_busy(
    url: str, tenant: str
) -> None:
    async with storage_with(url, QUICK) as storage, AsyncExitStack() as held:
        await views(storage, f"{tenant}-1", 8, held)
        await views(storage, f"{tenant}-2", 2, held)
        assert await refusal(storage, tenant) is Unavailable


async def test_a_hundred_writers_of_a_locked_row_do_not_keep_another_tenant_waiting(
    url: str, tenant: str
) -> None:
    async with storage_with(url, PATIENT) as storage:
        customer = await a_stored_customer(storage, tenant)
        other = await a_stored_customer(storage, f"{tenant}-other")
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            changed = customer.with_next_version(later())
            writers = [asyncio.create_task(save(storage, changed)) for _ in range(100)]
            await until(lambda: storage.pool_stats().waiting > 90)
            for _ in range(20):
                assert await asyncio.create_task(get_customer(storage, other)) == other
            assert not any(writer.done() for writer in writers)
        await asyncio.gather(*writers)


async def test_previews_take_no_connection_from_reads_and_writes(url: str, tenant: str) -> None:
    options = PoolOptions(max_size=1, acquire_timeout=0.2)
    async with storage_with(url, PATIENT, options) as storage, AsyncExitStack() as held:
        await add_customers(storage, customer := a_customer(tenant_id=tenant))
        await views(storage.analytic, f"{tenant}-other", 1, held)
        with pytest.raises(Unavailable):
            await preview(storage, tenant)
        assert await get_customer(storage, customer) == customer
        await held.aclose()
        assert (await preview(storage, tenant)).members.count == 0


@pytest.mark.parametrize(("connections", "of_a_tenant"), [(2, 1), (3, 2)])
async def test_a_tenant_has_at_most_half_of_the_connections_for_previews(
    url: str, tenant: str, connections: int, of_a_tenant: int
) -> None:
    settings = Settings(analytic_pool_size=connections, pool_timeout=0.2, data_dir=Path("unused"))
    registry = CollectorRegistry()
    observer = DatabaseMetrics(registry, RefusalMetrics(registry))
    storage = postgres_storage(settings, url, USD, observer)
    async with opened(storage), AsyncExitStack() as held:
        await views(storage.analytic, tenant, of_a_tenant, held)
        with pytest.raises(TenantBusy):
            await preview(storage, tenant)
        assert (await preview(storage, f"{tenant}-other")).members.count == 0


async def test_reads_and_writes_take_no_connection_from_previews(url: str, tenant: str) -> None:
    options = PoolOptions(max_size=1, acquire_timeout=0.2)
    async with storage_with(url, options) as storage, AsyncExitStack() as held:
        await views(storage, tenant, 1, held)
        assert await refusal(storage, tenant) is Unavailable
        assert (await preview(storage, tenant)).members.count == 0


async def preview(storage: Storage, tenant: str) -> Preview:
    value = {"conditions": [{"field": "total_orders", "operator": "greater_than", "value": 1}]}
    rules = RulesText(text="{}", value=value)
    return await Previews(storage, FixedClock()).preview(tenant, rules, 0, strict=False)


async def test_the_usage_names_nobody(url: str, tenant: str) -> None:
    async with storage_with(url, PATIENT) as storage, AsyncExitStack() as held:
        await views(storage, tenant, 2, held)
        await views(storage, f"{tenant}-2", 1, held)
        usage = storage.usage()
        assert (usage.size, usage.taken, usage.busiest, usage.waiting) == (10, 3, 2, 0)
        assert storage.analytic.usage().taken == 0
