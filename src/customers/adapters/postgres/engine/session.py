"""Sessions, which run one tenant's statements over one connection. Each repository has one.

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
  which raises the error and dooms a transaction as the violation of a constraint does.
- Rows are locked FOR NO KEY UPDATE, so that foreign keys of other transactions need not wait.
  Locks are taken in one order: the tenant's membership lock, segments, customers by id, e-mail
  addresses, orders, counters.
"""

import json
from asyncio import timeout
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from asyncpg import InternalClientError, PostgresError, Record
from sqlalchemy import BindParameter, Table, bindparam

from customers.adapters.postgres.engine.connection import Connection, Query
from customers.adapters.postgres.engine.errors import DRIVER_ERRORS, translate
from customers.adapters.postgres.engine.faults import cancellation_fault
from customers.adapters.postgres.engine.observer import UNOBSERVED, DatabaseObserver
from customers.adapters.postgres.engine.pool import RESET_SECONDS, Pool
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.types import TEXT
from customers.bulkheads.deadline import NO_DEADLINE, Deadline
from customers.bulkheads.turns import Turn
from customers.core.errors.availability import Unavailable

Result = TypeVar("Result")

TENANT = bindparam("tenant_id", type_=TEXT)


def parameters(table: Table, *, but: Collection[str] = ()) -> dict[str, BindParameter[Any]]:
    """A parameter for each column but those of `but`, by the column's name, for `.values(...)`."""
    return {
        column.name: bindparam(column.name, type_=column.type)
        for column in table.columns
        if column.name not in but
    }


class Session:
    """Runs statements of one tenant, each as a transaction of its own. A statement that has no
    result at the deadline is cancelled.
    """

    def __init__(
        self,
        tenant_id: str,
        connection: Connection,
        deadline: Deadline = NO_DEADLINE,
        observer: DatabaseObserver = UNOBSERVED,
        *,
        row_security: bool = False,
    ) -> None:
        self.tenant_id = tenant_id
        self.row_security = row_security
        self.deadline = deadline
        self._connection = connection
        self._observer = observer
        self._has_ended = False
        self._turn: Turn | None = None
        self.had_error = False

    async def rows(self, statement: Statement, **values: object) -> Sequence[Record]:
        query = self._query(statement, values)
        return await self._execute(lambda connection: connection.rows(query, self.deadline))

    async def row(self, statement: Statement, **values: object) -> Record | None:
        """The first row, or None."""
        query = self._query(statement, values, limit=1)
        rows = await self._execute(lambda connection: connection.rows(query, self.deadline))
        return rows[0] if rows else None

    async def value(self, statement: Statement, **values: object) -> Any:
        """The first column of the first row; None without a row."""
        row = await self.row(statement, **values)
        return None if row is None else row[0]

    async def expected_rows(self, statement: Statement, **values: object) -> int:
        """The number of rows that the planner expects a read to return. It is not run."""
        read = self._query(statement, values)
        query = Query(f"EXPLAIN (FORMAT JSON) {read.sql}", read.arguments)
        [[plans]] = await self._execute(lambda connection: connection.rows(query, self.deadline))
        [plan] = json.loads(plans)
        return int(plan["Plan"]["Plan Rows"])

    async def run(self, statement: Statement, **values: object) -> int:
        """Runs a statement; returns the number of rows that it changed or selected."""
        query = self._query(statement, values)
        status = await self._execute(lambda connection: connection.status(query, self.deadline))
        return int(status.rpartition(" ")[2])

    async def run_many(self, statement: Statement, rows: Sequence[Mapping[str, object]]) -> None:
        """Runs a statement once for each row of values, in one round trip."""
        sql = self._sql(statement)
        arguments = [self._arguments(statement, values) for values in rows]
        await self._execute(lambda connection: connection.run_many(sql, arguments, self.deadline))

    async def within(self, seconds: float, read: Callable[[], Awaitable[Result]]) -> Result | None:
        """The result of a read; None if `seconds` is not positive, or if a time-out or the deadline
        cancels one of its statements. Only in a transaction is `seconds` such a time-out.
        """
        try:
            return await read() if seconds > 0 else None
        except Unavailable as error:
            if error.fault is None or error.fault.kind != "statement_timeout":
                raise
            return None

    async def give_way(self) -> None:
        """See `View.give_way`."""
        if self._turn is None:
            self._turn = Turn(self.deadline)
        await self._turn.give_way()

    def refuse(self, error: Exception) -> NoReturn:
        """Raises the error of a write that a repository refuses by itself."""
        raise error

    def end(self) -> Connection:
        """Ends the session and returns its connection, to be released."""
        self._has_ended = True
        return self._connection

    def _query(
        self, statement: Statement, values: Mapping[str, object], *, limit: int = 0
    ) -> Query:
        """One run of a statement with these values."""
        arguments = self._arguments(statement, values)
        return Query(self._sql(statement), arguments, limit, statement.is_sent_each_time)

    def _arguments(self, statement: Statement, values: Mapping[str, object]) -> list[object]:
        return statement.arguments({**values, "tenant_id": self.tenant_id})

    def _sql(self, statement: Statement) -> str:
        """The SQL of a statement that is a transaction by itself."""
        return statement.secured.by_itself if self.row_security else statement.sql

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
            if isinstance(error, TimeoutError) and await self._answers():
                raise Unavailable(fault=cancellation_fault()) from error
            translate(error, connection_lost=self._connection.is_closed())

    async def _answers(self) -> bool:
        """Whether the server still answers after a statement had no result in time; if not, closes
        the connection.
        """
        if self._connection.is_closed():
            return False
        try:
            async with timeout(RESET_SECONDS):  # asyncpg has asked the server to cancel
                await self._connection.script("SELECT 1")
        except PostgresError:  # in a transaction that has failed
            return True
        except DRIVER_ERRORS:
            self._terminate()
            return False
        return True

    async def _reconnect(self, pool: Pool) -> None:
        await pool.release(self._connection, had_error=True)
        self._connection = await pool.acquire(self.tenant_id, self.deadline)

    def _may_retry(self) -> bool:
        """Whether the connection was lost, and there is time for another one."""
        return self._connection.is_closed() and not self.deadline.is_over()

    def _terminate(self) -> None:
        self.had_error = True
        if not self._connection.is_closed():
            self._connection.terminate()


class ViewSession(Session):
    """A session for reads only: a read lost with its connection is retried once on a new one."""

    def __init__(
        self, tenant_id: str, connection: Connection, deadline: Deadline, pool: Pool
    ) -> None:
        super().__init__(
            tenant_id, connection, deadline, pool.observer, row_security=pool.row_security
        )
        self._pool = pool

    async def _execute(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        try:
            return await super()._execute(operation)
        except Unavailable:
            if not self._may_retry():
                raise
        await self._reconnect(self._pool)
        return await super()._execute(operation)
