"""Makes a container with an open storage, for commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import evolve

from customers.core.errors.availability import Unavailable
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.container.database import policies_apply


@asynccontextmanager
async def opened_parts(settings: Settings, dsn: str) -> AsyncIterator[Container]:
    """A container with its storage open while the block runs: on the database at `dsn`, or in
    memory if the settings say so.

    Operators may run commands as the service's role or as the owner of the tables, so row security
    follows the role unless ROW_SECURITY is set. Raises Unavailable for an unusable database.
    """
    if dsn and settings.row_security is None:
        is_limited = await policies_apply(dsn)
        settings = evolve(settings, row_security="on" if is_limited else "off")
    parts = Container(settings=settings, dsn=dsn)
    storage = parts.storage()
    await storage.open()
    try:
        if (fault := (await storage.check()).fault) is not None:
            raise Unavailable(fault=fault)
        yield parts
    finally:
        await storage.close()
