"""Migrating at the start of a service in development; elsewhere `customers migrate` does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from customers.core.errors import Unavailable
from customers.entrypoints.container import migrate
from customers.entrypoints.logs import logger
from customers.entrypoints.settings import Settings

RETRY_SECONDS = 1.0


@asynccontextmanager
async def migrated(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """In the block the database is at the newest revision, or will be once it can be reached."""
    if not dsn or settings.environment == "production":
        yield
        return
    try:
        await migrate(dsn)
    except Unavailable as error:
        logger().warning("the database cannot be migrated yet", why=str(error))
    else:
        yield
        return
    migrating = asyncio.create_task(_migrate_when_there(dsn))
    try:
        yield
    finally:
        migrating.cancel()
        with suppress(asyncio.CancelledError):
            await migrating


async def _migrate_when_there(dsn: str) -> None:
    while True:
        await asyncio.sleep(RETRY_SECONDS)
        try:
            return await migrate(dsn)
        except Unavailable:
            continue
        except Exception:
            logger().exception("the database was not migrated: the service will not be ready")
            return None
