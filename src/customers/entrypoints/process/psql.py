"""The command `customers psql`: opens PostgreSQL's shell on the database of the settings."""

import sys
from collections.abc import Sequence

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import database
from customers.entrypoints.process.persistent_database import persistent_database


async def open_psql(settings: Settings, arguments: Sequence[str]) -> None:
    """Runs psql, then exits with its exit code."""
    async with persistent_database(settings) as dsn:
        status = await database.open_psql(dsn, arguments)
    sys.exit(status)
