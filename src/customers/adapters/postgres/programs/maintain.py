"""Removes what erasures have left outside of rows: in indexes, statistics and freed space.

The bytes of an erased row stay in the file of its table: VACUUM makes them unreachable, and they
disappear when later rows overwrite them, or when the table is rewritten. A small table is rewritten
if it can be locked; a large one would be locked too long, so only `is_full` rewrites it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from attrs import define, field, frozen
from sqlalchemy import Table

from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.migrate import TRY_LOCK, Connection, connected
from customers.adapters.postgres.engine.requirements import current_revision
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.programs import maintenance_statements as sql
from customers.adapters.postgres.programs.column_types import retyping
from customers.adapters.postgres.schema.all_tables import METADATA
from customers.adapters.postgres.schema.personal_data import (
    columns_without_statistics,
    personal_indexes,
    personal_tables,
)

_log = logging.getLogger(__name__)

TABLES = METADATA.sorted_tables
# A table of this size, with its indexes, is rewritten in about a second.
MAX_REWRITE_BYTES = 16_000_000
# How long a statement may wait for its lock, because callers wait behind it.
LOCK_SECONDS = 1.0
ATTEMPTS = 5
# How long to wait for transactions to which erased rows are still visible.
WAIT_SECONDS = 60.0
_PAUSE = 0.1
# The first revision with `maintained_at`, and the first server with a function that clears
# statistics.
_REVISION, CLEARS_STATISTICS = "0014", 180_000


class CannotMaintain(Exception):
    """Maintenance is refused; the message says why, and what to do."""


@frozen(kw_only=True)
class Maintenance:
    """The result of a run: the number of erasures it had to clean up after, and the tables that it
    rewrote.

    `unwritten` are the tables whose freed space may still hold bytes of erased rows. `unfinished`
    has a sentence for everything that another run has to do.
    """

    place: str
    erasures: int
    rewritten: Sequence[str]
    unwritten: Sequence[str]
    unfinished: Sequence[str]
    seconds: float


async def is_due(dsn: str, interval: float) -> bool:
    """Whether there are erasures that no run has cleaned up after, and the last run that finished
    its work, if any, ended at least `interval` seconds ago.

    False for the schema of an older release. Raises Unavailable.
    """
    async with connected(dsn) as connection:
        if not await _has_column(connection):
            return False
        if await connection.fetchrow(sql.NOT_MAINTAINED.sql) is None:
            return False
        age = await connection.fetchval(sql.LAST_RUN.sql)
        return age is None or float(age) >= interval


async def maintain(dsn: str, *, is_full: bool = False, waits: float = WAIT_SECONDS) -> Maintenance:
    """Removes what erasures have left, while the service runs. A caller of the service waits for
    about two seconds at most; with `is_full`, while a table that it needs is rewritten. Without
    `is_full` nothing is done if a finished run has cleaned up after all erasures.

    May be interrupted and repeated. Raises CannotMaintain and Unavailable.
    """
    began, place = time.monotonic(), str(DatabaseAddress.of(dsn))
    async with connected(dsn) as connection:
        await _lock(connection, place)
        if not await _has_column(connection):
            raise CannotMaintain(f"{place}: the schema is too old: run `customers migrate` first")
        erased = await connection.fetch(sql.NOT_MAINTAINED.sql)
        run = _Run(connection, is_full=is_full, waits=waits)
        if erased or is_full:
            await run.work()
        if erased and not run.unfinished:
            await _set_maintained(connection, [tuple(row) for row in erased])
    return Maintenance(
        place=place,
        erasures=len(erased),
        rewritten=run.rewritten,
        unwritten=run.unwritten,
        unfinished=run.unfinished,
        seconds=time.monotonic() - began,
    )


@define(eq=False)
class _Run:
    """One run over all tables with personal values."""

    connection: Connection
    is_full: bool
    waits: float
    rewritten: list[str] = field(factory=list)
    unwritten: list[str] = field(factory=list)
    unfinished: list[str] = field(factory=list)

    async def work(self) -> None:
        await self._wait_for_older_transactions()
        await self._drop_invalid_indexes()
        await self._clear_statistics()
        for table in personal_tables(TABLES):
            await self._maintain(table)
        await self._wait_for_older_transactions()
        if not await self._rewrites(sql.rewrite_statistics(), f"pg_catalog.{sql.STATISTICS}"):
            self.unfinished.append("the server's statistics could not be written anew")

    async def _maintain(self, table: Table) -> None:
        _log.info("maintaining %s", table.name)
        if await self._may_rewrite(table) and await self._rewrites(sql.rewrite(table), table.name):
            self.rewritten.append(table.name)
            return
        if self.is_full:
            self.unfinished.append(f"{table.name} could not be locked to be rewritten")
        self.unwritten.append(table.name)
        await self.connection.execute(sql.vacuum(table))
        for index in personal_indexes(table):
            await self.connection.execute(sql.reindex(index))

    async def _may_rewrite(self, table: Table) -> bool:
        size = await self._value(sql.SIZE, table=table.name)
        return self.is_full or size <= MAX_REWRITE_BYTES

    async def _rewrites(self, statement: str, table: str) -> bool:
        """Rewrites a table if it can be locked; returns whether the table has a new file. Callers
        of the service queue behind each attempt to lock it.
        """
        before = await self._value(sql.FILE, table=table)
        await self._could_lock([statement])
        # The server only warns a role that may not rewrite the table.
        return bool(before != await self._value(sql.FILE, table=table))

    async def _could_lock(self, statements: Sequence[str]) -> bool:
        """Runs statements as one transaction, with up to ATTEMPTS attempts to get their locks;
        returns whether one succeeded.
        """
        for _ in range(ATTEMPTS):
            try:
                async with _lock_timeout(self.connection):
                    await self.connection.execute("; ".join(statements))
                return True
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                await asyncio.sleep(_PAUSE)
        return False

    async def _clear_statistics(self) -> None:
        """Removes statistics of personal columns that were collected before the schema turned them
        off.
        """
        columns = columns_without_statistics(TABLES)
        names = {
            "tables": [one.table.name for one in columns],
            "columns": [o.name for o in columns],
        }
        rows = await self.connection.fetch(
            sql.WITH_STATISTICS.sql, *sql.WITH_STATISTICS.arguments(names)
        )
        has_function = await self._value(sql.SERVER_VERSION) >= CLEARS_STATISTICS
        stored = {(row["name"], row["column"]) for row in rows}
        for one in (one for one in columns if (one.table.name, one.name) in stored):
            if has_function:
                await self._value(sql.CLEAR_STATISTICS, table=one.table.name, column=one.name)
            elif not await self._could_lock(await retyping(self.connection, one)):
                self.unfinished.append(f"{one.table.name} could not be locked to clear statistics")

    async def _drop_invalid_indexes(self) -> None:
        names = [name for table in personal_tables(TABLES) for name in personal_indexes(table)]
        arguments = sql.INVALID_INDEXES.arguments({"indexes": names})
        for row in await self.connection.fetch(sql.INVALID_INDEXES.sql, *arguments):
            await self.connection.execute(sql.drop_index(row["name"]))

    async def _wait_for_older_transactions(self) -> None:
        """Waits, for `waits` seconds at most, until all transactions that began before have ended,
        because the server keeps removed rows for them.
        """
        before = await self._value(sql.NEXT_TRANSACTION)
        deadline = time.monotonic() + self.waits
        while older := await self._value(sql.OLDER_TRANSACTIONS, before=before):
            if time.monotonic() >= deadline:
                self.unfinished.append(_older(older))
                return
            await asyncio.sleep(_PAUSE)

    async def _value(self, statement: Statement, **values: object) -> Any:
        return await self.connection.fetchval(statement.sql, *statement.arguments(values))


def _older(number: int) -> str:
    subject = "1 transaction" if number == 1 else f"{number} transactions"
    return f"{subject} that began earlier can still see erased rows"


async def _has_column(connection: Connection) -> bool:
    return (await current_revision(connection) or "") >= _REVISION


async def _set_maintained(connection: Connection, keys: Sequence[tuple[str, UUID]]) -> None:
    values = {"tenant_ids": [key[0] for key in keys], "customer_ids": [key[1] for key in keys]}
    await connection.execute(sql.SET_MAINTAINED.sql, *sql.SET_MAINTAINED.arguments(values))


async def _lock(connection: Connection, place: str) -> None:
    """Takes the lock of migrations, restores and maintenance, until the connection is closed.

    Raises CannotMaintain if another process holds it.
    """
    if not await connection.fetchval(TRY_LOCK.sql, *TRY_LOCK.arguments({})):
        reason = "a migration, restore or maintenance is under way: wait until it has ended"
        raise CannotMaintain(f"{place}: {reason}")


@asynccontextmanager
async def _lock_timeout(connection: Connection) -> AsyncIterator[None]:
    await connection.execute(f"SET lock_timeout = {round(LOCK_SECONDS * 1000)}")
    try:
        yield
    finally:
        await connection.execute("SET lock_timeout = 0")
