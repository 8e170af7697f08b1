"""Brings a database to the newest schema. The revisions themselves are in `migrations`."""

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

# The advisory lock of a database that is being migrated: a number that nobody else would choose.
LOCK = 0x637573746F6D65

_log = logging.getLogger(__name__)


async def migrate(dsn: str) -> None:
    """Applies the revisions that the database lacks. Of several at once one does, the others wait.

    One at a time in a process (alembic has a global), and over a connection of its own to the
    server, not one through a transaction-mode pooler. Raises Unavailable.
    """
    connection = await _connect(dsn)
    try:
        await _lock(connection)
        await _upgrade(connection)
    finally:
        await connection.close()  # which gives back the lock as well


@cache
def head() -> str:
    """The newest revision that this code knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise RuntimeError(f"no revisions in {_scripts()}: the installation is incomplete")
    return newest


def is_behind(revision: str) -> bool:
    """Whether a database at that revision lacks one that this code knows. A revision that this
    code does not know is a newer release's, which leaves the older ones what they need.
    """
    return revision in _older()


@cache
def _older() -> frozenset[str]:
    known = ScriptDirectory.from_config(_config()).walk_revisions()
    return frozenset(script.revision for script in known) - {head()}


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await asyncpg.connect(for_asyncpg(dsn), timeout=10)
    except DRIVER_ERRORS as error:
        translate(error, lost=False)


async def _lock(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Asks again and again: who waits in one statement holds a snapshot, and an index that another
    replica builds concurrently would wait for that.
    """
    waiting = False
    while not await connection.fetchval(_TRY_LOCK.sql, *_TRY_LOCK.arguments({})):
        if not waiting:
            _log.info("another process migrates the database: waiting for it")
        waiting = True
        await asyncio.sleep(0.1)


async def _upgrade(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    async def given() -> "asyncpg.Connection[asyncpg.Record]":
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=given, poolclass=NullPool)
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
    """Installed, the revisions lie in the package; in a checkout, at its top."""
    installed = Path(str(files("customers"))) / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[5] / "migrations"


_TRY_LOCK = Statement.of(select(func.pg_try_advisory_lock(LOCK)))
