"""What the storage reports of its pool and of the errors of the database, as metrics."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from attrs import evolve
from prometheus_client import CollectorRegistry

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.engine.revisions import head, needed
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.errors import EmailTaken
from customers.core.errors.availability import Unavailable
from customers.core.model.pending_changes import Backlog
from customers.core.ports.storage import Storage
from customers.entrypoints.observability.database_metrics import DatabaseMetrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.builders import NOW, USD, a_customer, later
from tests.support.database_proxy import proxy_of
from tests.support.membership_steps import set_capture
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    add_customers,
    opened,
    overlap,
    save,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

StorageWith = Callable[..., AbstractAsyncContextManager[PostgresStorage]]
WAITS = "customers_pool_wait_seconds_count"
TIMEOUTS = "customers_pool_timeouts_total"
ERRORS = "customers_database_errors_total"
STATEMENT_TIMEOUTS = "customers_database_statement_timeouts_total"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def storage_with(url: str, registry: CollectorRegistry) -> StorageWith:
    """A function that opens a storage with pool options; its metrics are in `registry`.

    `dsn` is another address of the database.
    """
    observer = DatabaseMetrics(registry, RefusalMetrics(registry))

    @asynccontextmanager
    async def open_storage(dsn: str = url, **options: Any) -> AsyncIterator[PostgresStorage]:
        pool = PoolOptions(**{"acquire_timeout": PATIENCE_SECONDS, **options})
        storage = PostgresStorage(dsn, currency=USD, pool=pool, observer=observer)
        async with opened(storage):
            yield storage

    return open_storage


def errors(registry: CollectorRegistry) -> dict[str, float]:
    """The numbers of errors by class, without the classes that had none."""
    return {
        sample.labels["class"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == ERRORS and sample.value
    }


async def hold(storage: Storage, pause: Pause) -> None:
    async with storage.transaction("tenant"):
        await pause()


async def test_only_requests_that_find_no_idle_connection_are_counted_as_waiting(
    storage_with: StorageWith, registry: CollectorRegistry
) -> None:
    async with storage_with(max_size=1) as storage:
        await storage.check()
        opened = registry.get_sample_value(WAITS)
        for _ in range(3):
            await storage.check()
        assert registry.get_sample_value(WAITS) == opened == 1
        await overlap(partial(hold, storage), storage.check)
        assert registry.get_sample_value(WAITS) == 2
    assert registry.get_sample_value(TIMEOUTS) == 0
    assert errors(registry) == {}


async def test_the_stats_of_the_pool_show_who_waits_and_the_maximum(
    storage_with: StorageWith,
) -> None:
    async with storage_with(max_size=1) as storage:
        async with storage.transaction("tenant"):
            waiting = asyncio.create_task(storage.check())
            await until(lambda: storage.pool_stats().waiting == 1)
            stats = storage.pool_stats()
        await waiting
        assert (stats.size, stats.idle, stats.max_size) == (1, 0, 1)
        assert storage.pool_stats().waiting == 0


async def test_a_request_without_a_connection_in_time_is_a_time_out_and_no_error_of_the_database(
    storage_with: StorageWith, registry: CollectorRegistry
) -> None:
    async with (
        storage_with(max_size=1, acquire_timeout=2) as storage,
        storage.transaction("tenant"),
    ):
        with pytest.raises(Unavailable):
            await asyncio.create_task(storage.check())
    assert registry.get_sample_value(TIMEOUTS) == 1
    assert errors(registry) == {}


async def test_a_caller_who_leaves_the_queue_is_no_time_out(
    storage_with: StorageWith, registry: CollectorRegistry
) -> None:
    async with storage_with(max_size=1) as storage, storage.transaction("tenant"):
        waiting = asyncio.create_task(storage.check())
        await until(lambda: storage.pool_stats().waiting == 1)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert registry.get_sample_value(WAITS) == 2
    assert registry.get_sample_value(TIMEOUTS) == 0


async def test_a_statement_that_takes_too_long_is_counted(
    storage_with: StorageWith, registry: CollectorRegistry, tenant: str
) -> None:
    async with storage_with(statement_timeout=1) as storage:
        customer = await a_stored_customer(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            with pytest.raises(Unavailable):
                await asyncio.create_task(save(storage, customer))
    assert registry.get_sample_value(STATEMENT_TIMEOUTS) == 1
    assert errors(registry) == {"57": 1}


async def test_a_refused_duplicate_is_of_class_23(
    storage_with: StorageWith, registry: CollectorRegistry, tenant: str
) -> None:
    async with storage_with() as storage:
        ada, bob = [await a_stored_customer(storage, tenant) for _ in range(2)]
        with pytest.raises(EmailTaken):
            await save(storage, evolve(bob, email=ada.email))
    assert errors(registry) == {"23": 1}


async def test_a_database_that_is_away_is_an_error_of_the_connection(
    storage_with: StorageWith, registry: CollectorRegistry, url: str, tenant: str
) -> None:
    async with proxy_of(url) as proxy, storage_with(proxy.url) as storage:
        await add_customers(storage, a_customer(tenant_id=tenant))
        proxy.cut()
        with pytest.raises(Unavailable):
            await add_customers(storage, a_customer(tenant_id=tenant))
        assert set(errors(registry)) <= {"connection", "08"}
        lost = sum(errors(registry).values())
        with pytest.raises(Unavailable):
            await storage.check()
        assert sum(errors(registry).values()) > lost > 0
    assert registry.get_sample_value(STATEMENT_TIMEOUTS) == 0


async def test_the_schema_revision_is_known_after_a_check(
    storage_with: StorageWith, registry: CollectorRegistry, empty: str
) -> None:
    async with storage_with(empty) as storage:
        assert (await storage.check()).fault
        assert registry.get_sample_value("customers_schema_revision") == 0
        assert registry.get_sample_value("customers_schema_revision_needed") == int(needed())
        await migrate(empty)
        assert not (await storage.check()).fault
    assert registry.get_sample_value("customers_schema_revision") == int(head())


async def test_the_backlog_of_a_database_is_that_of_all_its_tenants(
    storage_with: StorageWith, empty: str
) -> None:
    await migrate(empty)
    async with storage_with(empty) as storage:
        assert await storage.backlog(10) == Backlog(size=0, oldest_at=None)
        for number in range(3):
            await set_capture(storage, f"tenant-{number}")
            moment = later(hours=-number)
            await a_stored_customer(
                storage, f"tenant-{number}", created_at=moment, updated_at=moment
            )
        assert await storage.backlog(10) == Backlog(size=3, oldest_at=later(hours=-2))
        assert await storage.backlog(1) == Backlog(size=1, oldest_at=NOW)
