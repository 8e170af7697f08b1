"""One tenant's talk with the database over one connection: how every repository runs statements.

How a repository is written:

    class PostgresThings(ThingRepository):
        def __init__(self, session: Session) -> None:
            self._session = session

        async def get(self, thing_id: UUID) -> Thing:
            row = await self._session.row(_GET, id=thing_id)
            if row is None:
                raise ThingNotFound
            return _from_row(row)

    _GET = Statement.of(
        select(things).where(things.c.tenant_id == TENANT, things.c.id == bindparam("id"))
    )

- A statement is a module constant, `Statement.of(clause)`, its values are `bindparam("name")`s
  given by name at the call. `tenant_id` is always given by the session: compare with `TENANT`.
- Where the shape varies with what is asked, compose under `functools.lru_cache` by what varies;
  where literals are baked into a clause, use `Statement.like(clause)`. For the customers that a
  filter keeps, rule or none: `filters.values` and `filters.statement`.
- In `.values(...)` of an insert or update give every column as `bindparam`: `parameters(table)`.
- Constraint violations come out as the core's errors (see `refusals`), failures of the database
  as Unavailable. A repository that refuses a *write* by itself calls `session.refuse(error)`,
  which raises it and dooms the transaction as a constraint does.
- What locks a row uses FOR NO KEY UPDATE: foreign keys of other transactions need not wait.
  Locks are taken in one order: a tenant's members, segments, customers by id, orders, counters.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar

from asyncpg import InternalClientError, Record
from sqlalchemy import BindParameter, Table, bindparam

from customers.adapters.postgres.engine.errors import DRIVER_ERRORS, translate
from customers.adapters.postgres.engine.pool import Connection, Pool, is_gone
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.types import TEXT
from customers.core.errors import Unavailable

Answer = TypeVar("Answer")

TENANT = bindparam("tenant_id", type_=TEXT)


def parameters(table: Table, *, but: Sequence[str] = ()) -> dict[str, BindParameter[Any]]:
    """One parameter per column, named as the column, for `.values(...)`."""
    return {
        column.name: bindparam(column.name, type_=column.type)
        for column in table.columns
        if column.name not in but
    }


class Session:
    """Each statement is a transaction of its own."""

    def __init__(self, tenant_id: str, connection: Connection) -> None:
        self.tenant_id = tenant_id
        self._connection = connection
        self._has_ended = False
        self.had_trouble = False

    async def rows(self, statement: Statement, **values: object) -> Sequence[Record]:
        arguments = self._arguments(statement, values)
        return await self._ask(lambda connection: _fetch(connection, statement, arguments))

    async def row(self, statement: Statement, **values: object) -> Record | None:
        """The first row, if there is any."""
        arguments = self._arguments(statement, values)
        return await self._ask(lambda connection: connection.fetchrow(statement.sql, *arguments))

    async def value(self, statement: Statement, **values: object) -> Any:
        """The first column of the first row; None where there is none."""
        arguments = self._arguments(statement, values)
        return await self._ask(lambda connection: connection.fetchval(statement.sql, *arguments))

    async def run(self, statement: Statement, **values: object) -> int:
        """How many rows the statement touched (or gave, where it is a select)."""
        arguments = self._arguments(statement, values)
        told: str = await self._ask(
            lambda connection: connection.execute(statement.sql, *arguments)
        )
        return int(told.rpartition(" ")[2])

    async def run_each(self, statement: Statement, each: Sequence[Mapping[str, object]]) -> None:
        """Runs a statement once per set of values, in one round trip."""
        arguments = [self._arguments(statement, values) for values in each]
        await self._ask(lambda connection: connection.executemany(statement.sql, arguments))

    def refuse(self, refusal: Exception) -> NoReturn:
        """Raises, for a write that a repository refuses by itself."""
        raise refusal

    def end(self) -> Connection:
        """The connection, to be released. From now on nothing is asked."""
        self._has_ended = True
        return self._connection

    def _arguments(self, statement: Statement, values: Mapping[str, object]) -> list[object]:
        return statement.arguments({**values, "tenant_id": self.tenant_id})

    async def _ask(self, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        if self._has_ended:
            raise RuntimeError("the view or transaction has ended: open another one")
        try:
            return await question(self._connection)
        except BaseException as error:
            self.had_trouble = True
            if not isinstance(error, DRIVER_ERRORS):
                raise
            if isinstance(error, InternalClientError):
                self._give_up()  # nobody knows what the server will say next
            translate(error, lost=is_gone(self._connection))

    def _give_up(self) -> None:
        self.had_trouble = True
        if not is_gone(self._connection):
            self._connection.terminate()


class ViewSession(Session):
    """Reads only, so what a lost connection did not answer is asked once more on a fresh one."""

    def __init__(self, tenant_id: str, connection: Connection, pool: Pool) -> None:
        super().__init__(tenant_id, connection)
        self._pool = pool

    async def _ask(self, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        try:
            return await super()._ask(question)
        except Unavailable:
            if not is_gone(self._connection):
                raise
        await self._pool.release(self._connection, had_trouble=True)
        self._connection = await self._pool.acquire()
        return await super()._ask(question)


class TransactionSession(Session):
    """One transaction. What is refused dooms it: nothing more is asked, and commit raises."""

    _begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
    _refusal: Exception | None = None

    @asynccontextmanager
    async def all_or_nothing(self) -> AsyncIterator[None]:
        """Commits when the block ends, or raises RuntimeError when it is doomed; rolls back when
        anything at all leaves it, a cancellation too.
        """
        try:
            await self._ask(lambda connection: connection.execute(self._begin))
            yield
            told = await self._ask(lambda connection: connection.execute("COMMIT"))
            if told != "COMMIT":
                raise RuntimeError("the database has rolled the transaction back")
        except BaseException:
            await self._roll_back()
            raise

    def refuse(self, refusal: Exception) -> NoReturn:
        self._refusal = refusal
        raise refusal

    async def _ask(self, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        if (refusal := self._refusal) is not None:
            name = type(refusal).__name__
            raise RuntimeError(f"the transaction was doomed by {name}: {refusal}") from refusal
        try:
            return await super()._ask(question)
        except Exception as error:
            self._refusal = error
            raise

    async def _roll_back(self) -> None:
        """Leaves a connection that is clean, or closed: then the server rolls back."""
        try:
            await self._connection.execute("ROLLBACK")
        except DRIVER_ERRORS:
            self._give_up()
        except BaseException:
            self._give_up()
            raise


class SnapshotSession(TransactionSession):
    """Reads that all see the moment of the first one. To begin is tried once more on a fresh
    connection where the first one was lost.
    """

    _begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    _has_begun = False

    def __init__(self, tenant_id: str, connection: Connection, pool: Pool) -> None:
        super().__init__(tenant_id, connection)
        self._pool = pool

    async def _ask(self, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        if self._has_begun:
            return await super()._ask(question)
        self._has_begun = True
        try:
            return await Session._ask(self, question)
        except Unavailable:
            if not is_gone(self._connection):
                raise
        await self._pool.release(self._connection, had_trouble=True)
        self._connection = await self._pool.acquire()
        return await super()._ask(question)


async def _fetch(
    connection: Connection, statement: Statement, arguments: Sequence[object]
) -> Sequence[Record]:
    if not statement.plans_anew:
        return await connection.fetch(statement.sql, *arguments)
    nameless = await connection.prepare(statement.sql, name="")
    return await nameless.fetch(*arguments)
