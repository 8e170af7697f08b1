"""A patient storage whose connections all go through a proxy that a test can silence and cut."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.entrypoints.observability.database_metrics import DatabaseMetrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.builders import USD
from tests.support.database_proxy import DatabaseProxy
from tests.support.patience import PATIENCE_SECONDS
from tests.support.storage_steps import opened

PATIENT = PoolOptions(acquire_timeout=PATIENCE_SECONDS, statement_timeout=PATIENCE_SECONDS)


@asynccontextmanager
async def proxied_storage(proxy: DatabaseProxy) -> AsyncIterator[PostgresStorage]:
    """The storage, open and checked until the block ends."""
    registry = CollectorRegistry()
    observer = DatabaseMetrics(registry, RefusalMetrics(registry))
    storage = PostgresStorage(proxy.url, currency=USD, pool=PATIENT, observer=observer)
    async with opened(storage):
        await storage.check()
        yield storage
