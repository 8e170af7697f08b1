"""Separate databases on a test server, for tests that change what all tenants share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg


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


async def rows(url: str, sql: str, *values: object) -> list[asyncpg.Record]:
    """The rows of one statement, run over a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *values)
    finally:
        await connection.close()


async def _run(url: str, sql: str) -> None:
    await rows(url, sql)
