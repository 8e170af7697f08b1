"""Separate databases on a test server, for tests that change what all tenants share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.engine.migrate import migrate
from tests.support.patience import PATIENCE_SECONDS

# Time-outs so long that a busy machine alone does not exceed them.
PATIENT = PoolOptions(acquire_timeout=PATIENCE_SECONDS, statement_timeout=PATIENCE_SECONDS)
# The migrated database of each server, by the server's URL; only copies of it are used.
_TEMPLATES: dict[str, str] = {}


@asynccontextmanager
async def an_empty_database(url: str, options: str = "") -> AsyncIterator[str]:
    """The URL of a new database on the server of `url`; it is dropped when the block ends.

    `options` are those of CREATE DATABASE.
    """
    name = f"test_{uuid4().hex}"
    await _run(url, f"CREATE DATABASE {name} {options}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        await _run(url, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def a_migrated_database(url: str) -> AsyncIterator[str]:
    """As `an_empty_database`, with the newest schema: a copy takes less time than a migration."""
    if url not in _TEMPLATES:
        name = f"template_{uuid4().hex}"
        await _run(url, f"CREATE DATABASE {name}")
        await migrate(urlsplit(url)._replace(path=f"/{name}").geturl())
        _TEMPLATES[url] = name
    async with an_empty_database(url, f"TEMPLATE {_TEMPLATES[url]}") as database:
        yield database


async def rows(url: str, sql: str, *values: object) -> list[asyncpg.Record]:
    """The rows of one statement, run over a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *values)
    finally:
        await connection.close()


async def _run(url: str, sql: str) -> None:
    await rows(url, sql)
