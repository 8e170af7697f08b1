"""Finds the database of commands that need a persistent one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.database import database


class NoDatabase(Exception):
    """The memory storage has no database."""

    def __init__(self) -> None:
        super().__init__("STORAGE is memory, which has no database: set it to postgres")


@asynccontextmanager
async def persistent_database(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database while the block runs. Without DATABASE_URL, this starts the embedded
    server. Raises NoDatabase.
    """
    if settings.storage == "memory":
        raise NoDatabase
    async with database(settings) as dsn:
        yield dsn
