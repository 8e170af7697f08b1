"""Migrates a database to the current schema. The revisions are in `migrations`."""

import asyncio
import logging
from functools import cache
from importlib.resources import files
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from customers.adapters.postgres.engine.errors import DRIVER_ERRORS, translate
from customers.adapters.postgres.engine.pool import for_asyncpg
from customers.adapters.postgres.engine.statements import Statement

# The advisory lock held during a migration: a number that no other program is likely to choose.
LOCK = 0x637573746F6D65

_log = logging.getLogger(__name__)


async def migrate(dsn: str) -> None:
    """Applies the revisions that the database lacks; waits while another process migrates it.

    Runs once at a time in a process, because alembic has a global, and over a direct connection to
    the server, not through a transaction-mode pooler. Raises Unavailable.
    """
    connection = await _connect(dsn)
    try:
        await _lock(connection)
        await _upgrade(connection)
    finally:
        await connection.close()  # this releases the lock as well


@cache
def head() -> str:
    """The newest revision that this code knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise RuntimeError(f"no revisions in {_scripts()}: the installation is incomplete")
    return newest


def is_behind(revision: str) -> bool:
    """Whether a database at that revision lacks one that this code knows.

    An unknown revision is one of a newer release. This release works with it too, unless the
    changelog says that older processes must stop first.
    """
    return revision in _older_revisions()


@cache
def _older_revisions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return frozenset(script.revision for script in scripts) - {head()}


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await asyncpg.connect(for_asyncpg(dsn), timeout=10)
    except DRIVER_ERRORS as error:
        translate(error, connection_lost=False)


async def _lock(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Polls for the lock. A statement that waited for it would hold a snapshot, for which an index
    built concurrently by another replica would wait.
    """
    is_waiting = False
    while not await connection.fetchval(_TRY_LOCK.sql, *_TRY_LOCK.arguments({})):
        if not is_waiting:
            _log.info("waiting for another process that migrates the database")
        is_waiting = True
        await asyncio.sleep(0.1)


async def _upgrade(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.connect() as wrapped:
        await wrapped.run_sync(_run)


def _run(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


def _scripts() -> Path:
    """The folder of the revisions: in the installed package, or at the top of a checkout."""
    installed = Path(str(files("customers"))) / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[5] / "migrations"


_TRY_LOCK = Statement.of(select(func.pg_try_advisory_lock(LOCK)))
