"""Migrating when a service starts, in development; elsewhere `customers migrate` does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from customers.core.errors import Unavailable
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import migrate
from customers.entrypoints.observability.logs import logger

RETRY_SECONDS = 1.0


@asynccontextmanager
async def migrated(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """In the block the database is at the newest revision, or will be once it can be reached."""
    if not dsn or settings.environment == "production" or await _is_migrated(dsn):
        yield
        return
    logger().warning("the database is away: it is migrated when it comes")
    migrating = asyncio.create_task(_migrate_when_there(dsn))
    try:
        yield
    finally:
        migrating.cancel()
        with suppress(asyncio.CancelledError):
            await migrating


async def _migrate_when_there(dsn: str) -> None:
    is_migrated = False
    try:
        while not is_migrated:
            await asyncio.sleep(RETRY_SECONDS)
            is_migrated = await _is_migrated(dsn)
    except Exception:
        logger().exception("the database was not migrated: the service will not be ready")


async def _is_migrated(dsn: str) -> bool:
    """False when the database is away."""
    try:
        await migrate(dsn)
    except Unavailable:
        return False
    return True
