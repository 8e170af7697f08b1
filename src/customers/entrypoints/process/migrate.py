"""Migrates the database when the service starts in development.

In production `customers migrate` does it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from customers.core.errors.availability import Unavailable
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.database import migrate
from customers.entrypoints.observability.logs import logger

RETRY_SECONDS = 1.0
RETRY_FACTOR, MAX_RETRY_SECONDS = 1.3, 5.0
FIRST_TRY_SECONDS = 3.0


@asynccontextmanager
async def migrate_at_start(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """Migrates before the block runs. If the database cannot be used yet, or the migration takes
    longer than a few seconds, it goes on during the block; until then the service is not ready.

    Raises Unavailable for a permanent fault.
    """
    if not dsn or settings.environment == "production":
        yield
        return
    tried = asyncio.Event()
    migrating = asyncio.create_task(_keep_trying(dsn, tried))
    try:
        await _wait_for_first_try(migrating, tried)
        yield
    finally:
        migrating.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await migrating


async def _wait_for_first_try(migrating: "asyncio.Task[None]", tried: asyncio.Event) -> None:
    """Waits a few seconds at most. Raises Unavailable if the first try met a permanent fault."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FIRST_TRY_SECONDS):
            await tried.wait()
    await asyncio.sleep(0)  # lets the task end, unless it tries again
    if migrating.done():
        migrating.result()
    else:
        logger().info("migrating as soon as the database can be used")
        migrating.add_done_callback(_log_failure)


async def _keep_trying(dsn: str, tried: asyncio.Event) -> None:
    """Returns when the database is migrated; raises Unavailable for a permanent fault. Sets the
    event `tried` after the first try.
    """
    logged, pause = "", RETRY_SECONDS
    while True:
        try:
            await migrate(dsn)
        except Unavailable as error:
            if error.fault is not None and error.fault.is_permanent:
                raise
            if (cause := str(error.fault)) != logged:
                logger().warning("cannot migrate yet", cause=cause)
                logged, pause = cause, RETRY_SECONDS
        else:
            return
        finally:
            tried.set()
        await asyncio.sleep(pause)
        pause = min(pause * RETRY_FACTOR, MAX_RETRY_SECONDS)


def _log_failure(migrating: "asyncio.Task[None]") -> None:
    if migrating.cancelled() or (error := migrating.exception()) is None:
        return
    event = "migration failed: the service will not become ready"
    if isinstance(error, Unavailable):
        logger().error(event, cause=str(error.fault or error))
    else:
        logger().error(event, exc_info=error)
