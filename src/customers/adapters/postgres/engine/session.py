"""Sessions: one tenant's statements over one connection. Every repository runs through one.

How a repository is written:

    class PostgresThings(ThingRepository):
        def __init__(self, session: Session) -> None:
            self._session = session

        async def get(self, thing_id: UUID) -> Thing:
            row = await self._session.row(_GET, id=thing_id)
            if row is None:
                raise ThingNotFound
            return THINGS.read(row)

    THINGS = RowMapping(Thing, things)

    _GET = Statement.of(
        select(things).where(things.c.tenant_id == TENANT, things.c.id == bindparam("id"))
    )

- A statement is a module constant, `Statement.of(clause)`. Its parameters, `bindparam("name")`,
  are passed by name. The session always passes `tenant_id`: compare with `TENANT`.
- Where the shape of a statement varies, compose it under `functools.lru_cache`; where a clause
  contains literals, use `Statement.like(clause)`. For a customer filter, with a rule or without:
  `filters.values` and `filters.statement`.
- In `.values(...)` of an insert or update pass every column as a parameter: `parameters(table)`.
- Constraint violations are raised as the core's errors (see `errors`), failures of the database
  as Unavailable. A repository that refuses a *write* by itself calls `session.refuse(error)`,
  which raises it and dooms the transaction as a constraint does.
- Rows are locked FOR NO KEY UPDATE, so that foreign keys of other transactions need not wait.
  Locks are taken in one order: a tenant's members, segments, customers by id, e-mail addresses,
  orders, counters.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import methodcaller
from typing import Any, NoReturn, TypeVar

from asyncpg import InternalClientError, Record
from sqlalchemy import BindParameter, Table, bindparam, func, select, true

from customers.adapters.postgres.engine.errors import DRIVER_ERRORS, translate
from customers.adapters.postgres.engine.observer import UNOBSERVED, DatabaseObserver
from customers.adapters.postgres.engine.pool import Connection, Pool, is_closed
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_marks import marking
from customers.adapters.postgres.schema.types import TEXT
from customers.core.errors import Unavailable

Result = TypeVar("Result")

TENANT = bindparam("tenant_id", type_=TEXT)


def parameters(table: Table, *, but: Collection[str] = ()) -> dict[str, BindParameter[Any]]:
    """A parameter for each column, named as the column, for `.values(...)`."""
    return {
        column.name: bindparam(column.name, type_=column.type)
        for column in table.columns
        if column.name not in but
    }


class Session:
    """Each statement is a transaction of its own."""

    def __init__(
        self, tenant_id: str, connection: Connection, observer: DatabaseObserver = UNOBSERVED
    ) -> None:
        self.tenant_id = tenant_id
        self._connection = connection
        self._observer = observer
        self._has_ended = False
        self.had_error = False

    async def rows(self, statement: Statement, **values: object) -> Sequence[Record]:
        arguments = self._arguments(statement, values)
        return await self._execute(lambda connection: _fetch(connection, statement, arguments))

    async def row(self, statement: Statement, **values: object) -> Record | None:
        """The first row, or None."""
        arguments = self._arguments(statement, values)
        return await self._execute(methodcaller("fetchrow", statement.sql, *arguments))

    async def value(self, statement: Statement, **values: object) -> Any:
        """The first column of the first row; None without a row."""
        arguments = self._arguments(statement, values)
        return await self._execute(methodcaller("fetchval", statement.sql, *arguments))

    async def run(self, statement: Statement, **values: object) -> int:
        """The number of rows that the statement changed, or selected."""
        arguments = self._arguments(statement, values)
        status: str = await self._execute(methodcaller("execute", statement.sql, *arguments))
        return int(status.rpartition(" ")[2])

    async def run_many(self, statement: Statement, rows: Sequence[Mapping[str, object]]) -> None:
        """Runs a statement once for each row of values, in one round trip."""
        arguments = [self._arguments(statement, values) for values in rows]
        await self._execute(methodcaller("executemany", statement.sql, arguments))

    async def within(self, seconds: float, read: Callable[[], Awaitable[Result]]) -> Result | None:
        """The result of a read; None when a statement of it takes longer than that, or than any
        statement may, and when no time is left.
        """
        try:
            return await read() if seconds > 0 else None
        except Unavailable as error:
            if error.fault is None or error.fault.kind != "statement_timeout":
                raise
            return None

    def refuse(self, error: Exception) -> NoReturn:
        """Raises the error of a write that a repository refuses by itself."""
        raise error

    def end(self) -> Connection:
        """Ends the session and returns its connection, to be released."""
        self._has_ended = True
        return self._connection

    def _arguments(self, statement: Statement, values: Mapping[str, object]) -> list[object]:
        return statement.arguments({**values, "tenant_id": self.tenant_id})

    async def _execute(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        if self._has_ended:
            raise RuntimeError("the view or transaction has ended: open another one")
        try:
            return await operation(self._connection)
        except BaseException as error:
            self.had_error = True
            if not isinstance(error, DRIVER_ERRORS):
                raise
            if isinstance(error, InternalClientError):
                self._terminate()  # the driver has lost track of the protocol
            self._observer.failed(getattr(error, "sqlstate", None))
            translate(error, connection_lost=is_closed(self._connection))

    async def _reconnect(self, pool: Pool) -> None:
        await pool.release(self._connection, had_error=True)
        self._connection = await pool.acquire()

    def _terminate(self) -> None:
        self.had_error = True
        if not is_closed(self._connection):
            self._connection.terminate()


class ViewSession(Session):
    """Read-only: a read lost with its connection is retried once on a new one."""

    def __init__(self, tenant_id: str, connection: Connection, pool: Pool) -> None:
        super().__init__(tenant_id, connection, pool.observer)
        self._pool = pool

    async def _execute(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        try:
            return await super()._execute(operation)
        except Unavailable:
            if not is_closed(self._connection):
                raise
        await self._reconnect(self._pool)
        return await super()._execute(operation)


class TransactionSession(Session):
    """One transaction, marked as one of its tenant. An error dooms it: every later statement
    raises, and the commit too.
    """

    _error: Exception | None = None

    @property
    def _begin(self) -> str:
        """What begins the transaction, in one round trip."""
        return "; ".join(("BEGIN ISOLATION LEVEL READ COMMITTED", marking(self.tenant_id)))

    @asynccontextmanager
    async def all_or_nothing(self) -> AsyncIterator[None]:
        """Commits when the block ends; raises RuntimeError if the transaction is doomed. Rolls back
        when an exception leaves the block, a cancellation included.
        """
        try:
            await self._execute(lambda connection: connection.execute(self._begin))
            yield
            status = await self._execute(lambda connection: connection.execute("COMMIT"))
            if status != "COMMIT":
                raise RuntimeError("the database has rolled the transaction back")
        except BaseException:
            await self._roll_back()
            raise

    async def within(self, seconds: float, read: Callable[[], Awaitable[Result]]) -> Result | None:
        """As for a session; the transaction goes on when the read takes too long."""
        if seconds <= 0:
            return None
        await self._execute(lambda connection: connection.execute("SAVEPOINT timed"))
        await self.value(_SET_TIMEOUT, milliseconds=f"{max(round(seconds * 1_000), 1)}ms")
        result = await super().within(seconds, read)
        # Only a statement that took too long has failed, and that is undone here.
        self._error = None
        await self._execute(lambda connection: connection.execute("ROLLBACK TO SAVEPOINT timed"))
        return result

    def refuse(self, error: Exception) -> NoReturn:
        self._error = error
        raise error

    async def _execute(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        if self._error is not None:
            name = type(self._error).__name__
            message = f"the transaction was doomed by {name}: {self._error}"
            raise RuntimeError(message) from self._error
        try:
            return await super()._execute(operation)
        except Exception as error:
            self._error = error
            raise

    async def _roll_back(self) -> None:
        """Rolls back, or closes the connection: then the server rolls back."""
        try:
            await self._connection.execute("ROLLBACK")
        except DRIVER_ERRORS:
            self._terminate()
        except BaseException:
            self._terminate()
            raise


_SET_TIMEOUT = Statement.of(
    select(func.set_config("statement_timeout", bindparam("milliseconds", type_=TEXT), true()))
)


class ConsistentSession(TransactionSession):
    """Reads that all see the moment of the first one. If the connection is lost at the start, the
    start is retried once on a new one.
    """

    _has_begun = False

    @property
    def _begin(self) -> str:
        return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def __init__(self, tenant_id: str, connection: Connection, pool: Pool) -> None:
        super().__init__(tenant_id, connection, pool.observer)
        self._pool = pool

    async def _execute(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        if self._has_begun:
            return await super()._execute(operation)
        self._has_begun = True
        try:
            return await Session._execute(self, operation)
        except Unavailable:
            if not is_closed(self._connection):
                raise
        await self._reconnect(self._pool)
        return await super()._execute(operation)


async def _fetch(
    connection: Connection, statement: Statement, arguments: Sequence[object]
) -> Sequence[Record]:
    if not statement.plans_anew:
        return await connection.fetch(statement.sql, *arguments)
    unnamed = await connection.prepare(statement.sql, name="")
    return await unnamed.fetch(*arguments)
