"""Migrates the database when the service starts in development.

In production `customers migrate` does it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from customers.core.errors import Unavailable
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import migrate
from customers.entrypoints.observability.logs import logger

RETRY_SECONDS = 1.0


@asynccontextmanager
async def migrate_at_start(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """Migrates before the block runs, or during it if the database cannot be used yet.

    Raises Unavailable for a fault that waiting does not cure.
    """
    if not dsn or settings.environment == "production" or await _try_to_migrate(dsn):
        yield
        return
    logger().info("migrating as soon as the database can be used")
    migrating = asyncio.create_task(_keep_trying(dsn))
    try:
        yield
    finally:
        migrating.cancel()
        with suppress(asyncio.CancelledError):
            await migrating


async def _keep_trying(dsn: str) -> None:
    is_migrated = False
    try:
        while not is_migrated:
            await asyncio.sleep(RETRY_SECONDS)
            is_migrated = await _try_to_migrate(dsn)
    except Unavailable as error:
        logger().error("migration failed: the service will not become ready", cause=str(error))
    except Exception:
        logger().exception("migration failed: the service will not become ready")


async def _try_to_migrate(dsn: str) -> bool:
    """Returns False if the database cannot be used yet; raises Unavailable if waiting is no use."""
    try:
        await migrate(dsn)
    except Unavailable as error:
        if error.fault is not None and error.fault.is_permanent:
            raise
        logger().debug("cannot migrate yet", cause=str(error.fault))
        return False
    return True
