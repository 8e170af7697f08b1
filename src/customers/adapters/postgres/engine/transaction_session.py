"""Sessions of transactions: their statements take effect together, or all read the same moment."""

from asyncio import timeout
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import NoReturn

from sqlalchemy import bindparam, func, select, true

from customers.adapters.postgres.engine.connection import Connection
from customers.adapters.postgres.engine.errors import DRIVER_ERRORS
from customers.adapters.postgres.engine.pool import RESET_SECONDS, Pool
from customers.adapters.postgres.engine.row_security import EVERY_TENANT, setting
from customers.adapters.postgres.engine.session import Result, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_marks import marking
from customers.adapters.postgres.schema.types import TEXT
from customers.bulkheads.deadline import Deadline
from customers.core.errors.availability import Unavailable


class TransactionSession(Session):
    """The session of one transaction, marked as its tenant's (see `tenant_marks`). An error, except
    for a time-out in `within`, dooms the transaction: later statements and the commit raise
    RuntimeError.
    """

    _error: Exception | None = None

    @property
    def _begin(self) -> str:
        """The SQL that begins the transaction, in one round trip."""
        begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
        return "; ".join((begin, *self._settings(), marking(self.tenant_id)))

    def _settings(self) -> Iterator[str]:
        """The SQL that sets the tenant, if row-level security is on."""
        if self.row_security:
            yield setting(self.tenant_id or EVERY_TENANT)

    def _sql(self, statement: Statement) -> str:
        return statement.secured.in_transaction if self.row_security else statement.sql

    @asynccontextmanager
    async def all_or_nothing(self) -> AsyncIterator[None]:
        """Commits when the block ends; raises RuntimeError if the transaction is doomed. Rolls back
        when an exception leaves the block, a cancellation included.
        """
        try:
            await self._script(self._begin)
            yield
            status = await self._script("COMMIT")
            if status != "COMMIT":
                raise RuntimeError("the database has rolled the transaction back")
        except BaseException:
            await self._roll_back()
            raise

    async def within(self, seconds: float, read: Callable[[], Awaitable[Result]]) -> Result | None:
        """As `Session.within`, with `seconds` as the time-out of each statement. A read that took
        too long does not doom the transaction.
        """
        if seconds <= 0:
            return None
        await self._script("SAVEPOINT timed")
        await self.value(_SET_TIMEOUT, milliseconds=f"{max(round(seconds * 1_000), 1)}ms")
        result = await super().within(seconds, read)
        # If a statement failed, it was cancelled: other errors were raised. The rollback makes the
        # transaction usable again, and restores the time-out.
        self._error = None
        await self._script("ROLLBACK TO SAVEPOINT timed")
        return result

    def refuse(self, error: Exception) -> NoReturn:
        self._error = error
        raise error

    async def _script(self, sql: str) -> str:
        """Runs SQL without parameters; returns its status."""
        return await self._execute(lambda connection: connection.script(sql, self.deadline))

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
            async with timeout(RESET_SECONDS):
                await self._connection.script("ROLLBACK")
        except DRIVER_ERRORS:
            self._terminate()
        except BaseException:
            self._terminate()
            raise


_SET_TIMEOUT = Statement.of(
    select(func.set_config("statement_timeout", bindparam("milliseconds", type_=TEXT), true()))
)


class ConsistentSession(TransactionSession):
    """The session of a read-only transaction, whose reads all see the moment of the first one. A
    BEGIN that is lost with its connection is retried once on a new one.
    """

    _has_begun = False

    @property
    def _begin(self) -> str:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        return "; ".join((begin, *self._settings()))

    def __init__(
        self, tenant_id: str, connection: Connection, deadline: Deadline, pool: Pool
    ) -> None:
        super().__init__(
            tenant_id, connection, deadline, pool.observer, row_security=pool.row_security
        )
        self._pool = pool

    async def _execute(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        if self._has_begun:
            return await super()._execute(operation)
        self._has_begun = True
        try:
            return await Session._execute(self, operation)
        except Unavailable:
            if not self._may_retry():
                raise
        await self._reconnect(self._pool)
        return await super()._execute(operation)
