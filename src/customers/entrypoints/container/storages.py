"""Makes the storages. Each is imported when made: memory storage starts without SQLAlchemy."""

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

from attrs import evolve

from customers.core.model.money import Currency
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.database_metrics import DatabaseMetrics, PoolUsage
from customers.entrypoints.observability.share_metrics import Usages

if TYPE_CHECKING:
    from customers.adapters.memory.storage import MemoryStorage
    from customers.adapters.postgres.storage import PostgresStorage


def memory_storage(currency: Currency) -> "MemoryStorage":
    from customers.adapters.memory.storage import MemoryStorage

    return MemoryStorage(currency=currency)


def postgres_storage(
    settings: Settings, dsn: str, currency: Currency, observer: DatabaseMetrics
) -> "PostgresStorage":
    from customers.adapters.postgres.engine.connecting import PoolOptions
    from customers.adapters.postgres.storage import PostgresStorage

    pool = PoolOptions(
        max_size=settings.pool_size,
        acquire_timeout=settings.pool_timeout,
        statement_timeout=settings.statement_timeout,
        behind_pooler=settings.pooler == "transaction",
        row_security=settings.has_row_security,
    )
    analytic_pool = evolve(
        pool,
        max_size=settings.analytic_pool_size,
        # Statements of this pool keep a core of the database busy each: one tenant's leave others
        # some of them.
        max_per_tenant=ceil(settings.analytic_pool_size / 2),
        statement_timeout=settings.analytic_timeout,
        work_timeout=settings.analytic_timeout,
    )
    return PostgresStorage(
        dsn, currency=currency, pool=pool, analytic_pool=analytic_pool, observer=observer
    )


def pool_stats(storage: "PostgresStorage") -> Callable[[], PoolUsage]:
    def pool_stats() -> PoolUsage:
        stats = storage.pool_stats()
        return PoolUsage(
            in_use=stats.size - stats.idle,
            idle=stats.idle,
            max_connections=stats.max_size,
            waiting=stats.waiting,
        )

    return pool_stats


def pool_usages(storage: "PostgresStorage") -> Usages:
    return {"connections": storage.usage, "analytic_connections": storage.analytic.usage}
