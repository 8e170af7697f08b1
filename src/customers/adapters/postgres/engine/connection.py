"""A connection as sessions use it: asyncpg's, with the statements that are prepared on it.

asyncpg's own methods look up every statement and run it through four coroutines, which is a third
of what a small statement costs its client, and they take two round trips for a statement that the
server does not store. So statements are prepared here, and asyncpg's protocol runs them directly.
"""

from asyncio import timeout
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg
from asyncpg import Record
from asyncpg.exceptions import (
    InvalidCachedStatementError,
    OutdatedSchemaCacheError,
    ProtocolError,
)
from asyncpg.pool import PoolConnectionProxy
from asyncpg.prepared_stmt import PreparedStatement
from attrs import frozen

from customers.bulkheads.deadline import NO_DEADLINE, Deadline

if TYPE_CHECKING:
    _AsyncpgConnection = asyncpg.Connection[Record]
else:
    _AsyncpgConnection = asyncpg.Connection  # generic for type checkers only

Driver: TypeAlias = "PoolConnectionProxy[Record] | asyncpg.Connection[Record]"
Prepared: TypeAlias = "OrderedDict[tuple[str, bool], PreparedStatement[Record]]"

# The most statements that a connection keeps prepared; it drops those used longest ago.
MAX_PREPARED: Final = 200
# Raised when a migration has changed what a statement returns since it was prepared.
_OUTDATED: Final = (InvalidCachedStatementError, OutdatedSchemaCacheError, ProtocolError)


@frozen
class Query:
    """One run of a statement: its SQL and its arguments. It returns at most `limit` rows, all of
    them if that is 0. With `is_sent_each_time`, for reads only, the server parses and plans it for
    this run.
    """

    sql: str
    arguments: Sequence[object] = ()
    limit: int = 0
    is_sent_each_time: bool = False


class PreparingConnection(_AsyncpgConnection):
    """asyncpg's connection, with the statements that are prepared on it, so that whoever gets the
    connection next, even after an error, need not prepare them again.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: Prepared = OrderedDict()


class Connection:
    """Runs SQL within the time that a deadline leaves. Raises what asyncpg raises.

    With `behind_pooler` the next statement may run in another session of the server, so no
    statement stays prepared there.
    """

    def __init__(self, driver: Driver, *, behind_pooler: bool = False) -> None:
        self.driver: Final = driver
        self._behind_pooler = behind_pooler
        # asyncpg's pool makes a new proxy of the same connection after an error.
        known: Prepared | None = getattr(driver, "prepared", None)
        self._prepared: Prepared = OrderedDict() if known is None else known

    async def rows(self, query: Query, deadline: Deadline = NO_DEADLINE) -> Sequence[Record]:
        """The rows that the statement returns."""
        rows, _, _ = await self._run(query, deadline)
        return rows  # type: ignore[no-any-return]

    async def status(self, query: Query, deadline: Deadline = NO_DEADLINE) -> str:
        """Runs a query; returns the server's status, such as "UPDATE 1"."""
        _, status, _ = await self._run(query, deadline)
        return str(status.decode())

    async def run_many(
        self, sql: str, arguments: Sequence[Sequence[object]], deadline: Deadline
    ) -> None:
        """Runs a statement once with each of the arguments, in one round trip."""
        await self.driver.executemany(sql, arguments, timeout=deadline.seconds())

    async def script(self, sql: str, deadline: Deadline = NO_DEADLINE) -> str:
        """Runs statements without arguments, separated by semicolons; returns the last status."""
        return await self.driver.execute(sql, timeout=deadline.seconds())

    def is_closed(self) -> bool:
        """Whether the connection was lost, so that it can only be released."""
        try:
            return self.driver.is_closed()
        except asyncpg.InterfaceError:  # asyncpg's pool has taken the lost connection back already
            return True

    def terminate(self) -> None:
        """Ends the connection at once."""
        self.driver.terminate()

    async def _run(self, query: Query, deadline: Deadline) -> Any:
        """Runs a query; returns the rows, the status, and whether there are no more rows."""
        key = query.sql, query.is_sent_each_time
        if (prepared := self._prepared.get(key)) is not None:
            self._prepared.move_to_end(key)
            try:
                return await _execution(prepared, query, deadline)
            except _OUTDATED as error:
                self._prepared.pop(key, None)
                # The driver finds a ProtocolError after the run, so only a query that cannot be a
                # write is run again.
                may_repeat = query.is_sent_each_time or not isinstance(error, ProtocolError)
                if self.driver.is_in_transaction() or not may_repeat:
                    raise
        return await _execution(await self._prepare(key, deadline), query, deadline)

    async def _prepare(
        self, key: tuple[str, bool], deadline: Deadline
    ) -> "PreparedStatement[Record]":
        sql, is_sent_each_time = key
        is_unnamed = is_sent_each_time or self._behind_pooler
        name = "" if is_unnamed else None
        # asyncpg first closes the statements that were dropped, for which it has no time-out.
        async with timeout(deadline.seconds()):
            prepared = await self.driver.prepare(sql, name=name, timeout=deadline.seconds())
        if is_unnamed:
            # The protocol sends the SQL with the arguments, in one round trip.
            prepared._state.mark_unprepared()  # type: ignore[attr-defined]
        self._prepared[key] = prepared
        if len(self._prepared) > MAX_PREPARED:
            self._prepared.popitem(last=False)
        return prepared


def _execution(
    prepared: "PreparedStatement[Record]", query: Query, deadline: Deadline
) -> Awaitable[Any]:
    run = prepared._connection._protocol.bind_execute  # type: ignore[attr-defined]
    return run(prepared._state, query.arguments, "", query.limit, True, deadline.seconds())  # type: ignore[attr-defined,no-any-return]
