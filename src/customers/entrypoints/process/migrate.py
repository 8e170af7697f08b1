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
    """Migrates before the block runs, or during it if the database cannot be reached yet."""
    if not dsn or settings.environment == "production" or await _try_to_migrate(dsn):
        yield
        return
    logger().warning("database unavailable: migrating as soon as it can be reached")
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
    except Exception:
        logger().exception("migration failed: the service will not become ready")


async def _try_to_migrate(dsn: str) -> bool:
    """Returns False if the database cannot be reached."""
    try:
        await migrate(dsn)
    except Unavailable:
        return False
    return True
