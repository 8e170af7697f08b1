"""The command `customers psql`: opens PostgreSQL's shell on the database of the settings."""

import sys
from collections.abc import Sequence

from customers.entrypoints import container
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.process.persistent_database import persistent_database


async def open_psql(settings: Settings, arguments: Sequence[str]) -> None:
    """Exits with the exit code of psql."""
    async with persistent_database(settings) as dsn:
        status = await container.open_psql(dsn, arguments)
    sys.exit(status)
