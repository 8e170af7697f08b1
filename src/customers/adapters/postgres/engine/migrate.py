"""Migrates a database to a revision of the schema, the newest one by default.

The revisions are in `migrations`. Everything here uses a direct connection to the server, not one
through a transaction-mode pooler.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from typing import TypeAlias

import asyncpg
from alembic import command
from alembic.config import Config
from attrs import evolve, frozen
from sqlalchemy import Connection as WrappedConnection
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.connecting import for_asyncpg
from customers.adapters.postgres.engine.errors import DRIVER_ERRORS, is_temporary
from customers.adapters.postgres.engine.faults import fault_of
from customers.adapters.postgres.engine.requirements import check, current_revision
from customers.adapters.postgres.engine.revisions import Revision
from customers.adapters.postgres.engine.statements import Statement
from customers.core.errors.availability import StorageFault, Unavailable

# The advisory lock of migrations, restores and maintenance, of which one runs at a time: a number
# that no other program is likely to choose.
LOCK = 0x637573746F6D65
CONNECT_SECONDS = 10.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_log = logging.getLogger(__name__)


class CannotMigrate(Exception):
    """A migration or its service role is refused; the message says why, and what to do."""


@frozen(kw_only=True)
class SchemaReport:
    """A database's revision (None: never migrated), and how it compares with this program's.

    `needed` is the oldest revision that the program works with, `newest` the last one it knows, and
    `pending` are those that the database lacks, the contracts at their end, which `migrate` applies
    on demand, included. `place` is the address of the database.
    """

    current: str | None
    needed: str
    newest: str
    pending: Sequence[Revision]
    place: str

    @property
    def is_newer(self) -> bool:
        """Whether a newer release of the service migrated the database."""
        return self.current is not None and revisions.is_newer(self.current)


@frozen(kw_only=True)
class Migration:
    """The revisions before a migration (None: never migrated) and after it, and the address of the
    database.
    """

    before: str | None
    after: str
    place: str

    @property
    def is_from_newer_release(self) -> bool:
        """Whether the database is at a revision of a newer release, and was left as it was."""
        return revisions.is_newer(self.after)


async def migrate(
    dsn: str, *, to: str | None = None, allow_data_loss: bool = False, contracts: bool = False
) -> Migration:
    """Applies the revisions that the database lacks, up to `to`; waits while another process
    migrates it. Without `to`, a database of a newer release stays as it is, and of one that is not
    empty, what the release before needs is only removed with `contracts`.

    Restoring an older revision than the database's needs `allow_data_loss`. A process must not run
    it twice at the same time, because alembic has global state. Raises Unavailable, with the fault,
    and CannotMigrate.
    """
    _expect_known(to)
    async with connected(dsn) as connection:
        await lock(connection)
        before = await current_revision(connection)
        target = _target(to, before, contracts=contracts)
        is_downgrade = before is not None and target < before
        if before is not None and revisions.is_newer(before) and to is None:
            return Migration(before=before, after=before, place=str(DatabaseAddress.of(dsn)))
        if is_downgrade and (revisions.is_newer(before or "") or not allow_data_loss):
            message = _downgrade_message(before or "", target)
            raise CannotMigrate(f"{DatabaseAddress.of(dsn)}: {message}")
        if before != target:
            await check(connection, before)
            await _run(connection, _steps(before, target))
    return Migration(before=before, after=target, place=str(DatabaseAddress.of(dsn)))


async def report(dsn: str) -> SchemaReport:
    """The revision of the database, and what `migrate` would do. Raises Unavailable."""
    async with connected(dsn) as connection:
        current = await current_revision(connection)
    return SchemaReport(
        current=current,
        needed=revisions.needed(),
        newest=revisions.head(),
        pending=revisions.pending(current),
        place=str(DatabaseAddress.of(dsn)),
    )


async def sql(dsn: str, *, to: str | None = None, contracts: bool = False) -> str:
    """The SQL with which `migrate` would migrate the database; empty if there is nothing to do.

    Raises Unavailable, and CannotMigrate if `to` is unknown or older than the database's revision.
    """
    _expect_known(to)
    schema = await report(dsn)
    current = schema.current
    target = _target(to, current, contracts=contracts)
    if current == target or (schema.is_newer and to is None):
        return ""
    if current is not None and target < current:
        raise CannotMigrate(f"{schema.place}: {_OLDER_SQL.format(current=current)}")
    config, output = revisions.config(), StringIO()
    config.output_buffer = output
    start = "" if current is None else f"{current}:"
    await asyncio.to_thread(command.upgrade, config, f"{start}{target}", sql=True)
    return output.getvalue()


@frozen
class _Step:
    """The step of a migration that applies or restores one revision."""

    revision: Revision
    is_downgrade: bool

    def run(self, config: Config) -> None:
        number, title = self.revision.number, self.revision.title
        if self.is_downgrade:
            _log.info("restoring revision %s", number)
            command.downgrade(config, number)
        else:
            _log.info("applying revision %s: %s", number, title)
            command.upgrade(config, number)


def _steps(before: str | None, target: str) -> Sequence[_Step]:
    """One step for each revision that is applied, or a single one to restore an older revision."""
    if before is not None and target < before:
        [revision] = [one for one in revisions.revisions() if one.number == target]
        return [_Step(revision, is_downgrade=True)]
    pending = revisions.pending(before)
    return [
        _Step(revision, is_downgrade=False) for revision in pending if revision.number <= target
    ]


def _target(to: str | None, before: str | None, *, contracts: bool) -> str:
    if to is not None:
        return to
    if before is None or contracts:
        return revisions.head()
    return max(before, revisions.expanded()) if revisions.is_known(before) else revisions.head()


def _expect_known(to: str | None) -> None:
    if to is None or revisions.is_known(to):
        return
    known = ", ".join(revision.number for revision in revisions.revisions())
    raise CannotMigrate(f'"{to}" is not a revision of this program: use one of {known}')


_OLDER_SQL = (
    "the database is at revision {current}: only the SQL to newer revisions can be printed; "
    "restore a backup instead"
)


def _downgrade_message(current: str, target: str) -> str:
    if revisions.is_newer(current):
        return (
            f"the database is at revision {current}, which this program does not know: "
            f"go back to {target} with the release that made revision {current}"
        )
    return (
        f"the database is at revision {current}: restoring {target} drops what later revisions "
        "added, with its data; back the database up, then repeat with --allow-data-loss"
    )


@asynccontextmanager
async def connected(dsn: str) -> "AsyncIterator[Connection]":
    """A connection. Its failures and those of the block are raised as Unavailable; defects are
    raised unchanged.
    """
    address = DatabaseAddress.of(dsn)
    try:
        connection = await _connect(dsn)
        try:
            yield connection
        finally:
            await connection.close()  # this releases the lock as well
    except Unavailable as error:
        if error.fault is not None:
            error.fault = evolve(error.fault, place=str(address))
        raise
    except (DBAPIError, *DRIVER_ERRORS) as error:
        cause = _of_driver(error)
        if not is_temporary(cause) and _state(cause) not in _EXPECTED_STATES:
            raise
        raise Unavailable(fault=_fault(cause, address)) from error


async def _connect(dsn: str) -> "Connection":
    """A connection without a statement time-out, whatever the role's default is."""
    try:
        connection = await asyncpg.connect(for_asyncpg(dsn), timeout=CONNECT_SECONDS)
    except asyncpg.PostgresError as error:  # whatever it is, it is not a defect of ours
        raise Unavailable(fault=fault_of(error)) from error
    await connection.execute("SET statement_timeout = 0")
    # A role to which policies apply then gets an error, instead of silently seeing no rows.
    await connection.execute("SET row_security = off")
    return connection


def _of_driver(error: Exception) -> Exception:
    """The error of the driver, which SQLAlchemy wraps twice."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
    return cause if isinstance(cause, Exception) else error


def _state(error: Exception) -> str:
    return getattr(error, "sqlstate", None) or ""


# A table, index or type of another program has one of our names, or an extension cannot be loaded.
_EXPECTED_STATES = frozenset(("42P07", "42710", "0A000", "F0000"))


def _fault(error: Exception, address: DatabaseAddress) -> StorageFault:
    fault = fault_of(error, address=address)
    if _state(error) not in ("42P07", "42710"):
        return fault
    return evolve(
        fault,
        kind="foreign_table",
        cause="a table, index or type that is not ours has a name that a migration needs",
        remedy="use an empty database, or an empty schema with search_path in DATABASE_URL",
    )


async def lock(connection: "Connection") -> None:
    """Takes the migration lock, by polling: a statement that waits holds a snapshot, and CREATE
    INDEX CONCURRENTLY in another process would wait for that snapshot.
    """
    is_waiting = False
    while not await connection.fetchval(TRY_LOCK.sql, *TRY_LOCK.arguments({})):
        if not is_waiting:
            _log.info("waiting for another migration, restore or maintenance of the database")
        is_waiting = True
        await asyncio.sleep(0.1)


async def _run(connection: "Connection", steps: Sequence[_Step]) -> None:
    async def connect() -> "Connection":
        return connection

    def run(wrapped: WrappedConnection) -> None:
        config = revisions.config()
        config.attributes["connection"] = wrapped
        for step in steps:
            _run_step(step, config)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.connect() as wrapped:
        await wrapped.run_sync(run)


def _run_step(step: _Step, config: Config) -> None:
    """Runs the step again if it is the one that a deadlock with a caller ends: whatever ends a
    migration leaves a database that can be migrated again.
    """
    for _ in range(MAX_DEADLOCKS):
        try:
            return step.run(config)
        except DBAPIError as error:
            if _state(_of_driver(error)) != DEADLOCK:
                raise
        _log.info("revision %s met a deadlock, and is run again", step.revision.number)
    return step.run(config)


# Each of them has taken a second of waiting (`deadlock_timeout`).
MAX_DEADLOCKS = 10
DEADLOCK = "40P01"
TRY_LOCK = Statement.of(select(func.pg_try_advisory_lock(LOCK)))
