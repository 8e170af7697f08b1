"""The connection pool: lends connections to the tasks of tenants. It recovers when a database that
was away is back.

A connection passes from one task to the next without the reset that asyncpg would send, since no
statement here leaves state in a session. `connecting` opens connections, `session` runs statements
on them, and `bulkheads.shares` decides which tenant gets the next one.
"""

import logging
from functools import partial
from time import monotonic
from typing import cast

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy
from attrs import evolve, frozen

from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.breaker import SILENCE_SECONDS, Breaker
from customers.adapters.postgres.engine.connecting import (
    PoolOptions,
    connections_to,
    expect_answer,
)
from customers.adapters.postgres.engine.connection import Connection
from customers.adapters.postgres.engine.errors import DRIVER_ERRORS
from customers.adapters.postgres.engine.fault_log import FaultLog
from customers.adapters.postgres.engine.faults import fault_of
from customers.adapters.postgres.engine.observer import UNOBSERVED, DatabaseObserver
from customers.adapters.postgres.engine.refusals import ALL_IN_USE, Refusals
from customers.bulkheads.deadline import NO_DEADLINE, Deadline, current_deadline
from customers.bulkheads.shares import Usage
from customers.bulkheads.turnstile import Turnstile
from customers.core.errors.availability import StorageFault, Unavailable

# A connection that had an error is closed if the server needs longer than this to cancel its
# statement, to roll back or to answer.
RESET_SECONDS = 0.5

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class PoolStats:
    """The number of open connections (`size`), of the idle ones among them, the most that may be
    open, and the number of tasks that wait for one.
    """

    size: int
    idle: int
    max_size: int
    waiting: int


class Pool:
    """Lends connections to tasks.

    asyncpg's pool opens and closes them, and rolls back on those that had an error. All others stay
    idle until a task takes them as they are.
    """

    def __init__(
        self,
        dsn: str,
        options: PoolOptions,
        observer: DatabaseObserver = UNOBSERVED,
        leader: "Pool | None" = None,
    ) -> None:
        """`leader` is another pool of the same server: while its breaker refuses requests, so does
        this pool.
        """
        self.observer = observer
        self.row_security = options.row_security
        self.address = DatabaseAddress.of(dsn)
        self._dsn = dsn
        self._options = options
        self._fault_log = FaultLog()
        self._pool: asyncpg.Pool[Record] | None = None
        self._turnstile = Turnstile(options.max_size, options.max_per_tenant)
        self._leader = leader
        # Where statements may take long, their silence is no sign that the server is stuck.
        silence = max(SILENCE_SECONDS, options.work_timeout or 0)
        self._breaker = Breaker(partial(expect_answer, dsn), self._give_up, silence)
        self.refusals = Refusals(self._turnstile, self._breaker, observer, self.report)
        self._idle: list[Connection] = []
        self._lent: dict[Connection, str] = {}
        self._is_closing = False

    async def open(self, *, connects: bool = True) -> None:
        """Opens the pool and, if it `connects`, a first connection; none if the database is away.
        The others are opened when they are needed.

        Raises Unavailable for a fault that waiting does not cure.
        """
        self._pool = await connections_to(self._dsn, self._options)
        try:
            if connects:
                await self.release(await self.acquire(""))
        except Unavailable as error:
            if error.fault is not None and error.fault.is_permanent:
                raise

    async def close(self) -> None:
        """Closes all connections; waits for those that are in use."""
        self._is_closing = True
        self._breaker.stop()
        while self._idle:
            await self._return(self._idle.pop())
        if self._pool is not None:
            await self._pool.close()

    def deadline(self) -> Deadline:
        """The deadline for work that this task begins now with a connection of this pool."""
        seconds = self._options.work_timeout
        return current_deadline() if seconds is None else Deadline.after(seconds)

    async def acquire(
        self, tenant_id: str, deadline: Deadline = NO_DEADLINE, *, insists: bool = False
    ) -> Connection:
        """A connection for one task of a tenant, which must release it.

        With `insists` it tries to get one even while the breaker refuses requests. Raises
        TenantBusy, Unavailable.
        """
        connection = self._idle_connection(tenant_id)
        if connection is None:
            connection = await self._wait(tenant_id, deadline, insists=insists)
        self._lent[connection] = tenant_id
        return connection

    async def release(self, connection: Connection, *, had_error: bool = False) -> None:
        """Takes a connection back; does nothing for one that is not in use.

        After an error it is rolled back or closed before another task gets it.
        """
        if (tenant_id := self._lent.pop(connection, None)) is None:
            return
        if not had_error:
            self._breaker.succeeded()
        try:
            if had_error or self._is_closing or connection.is_closed():
                await self._return(connection)
            else:
                self._idle.append(connection)
        finally:
            self._turnstile.leave(tenant_id)

    def report(self, fault: StorageFault) -> StorageFault:
        """The fault with the address of the database; tells the breaker about it, and logs it.

        A fault that has an address was reported before, and is returned unchanged.
        """
        if fault.place:
            return fault
        self._breaker.failed(placed := evolve(fault, place=str(self.address)))
        self._fault_log.log(placed)
        return placed

    def stats(self) -> PoolStats:
        pool = self._pool
        open_idle = sum(not connection.is_closed() for connection in self._idle)
        return PoolStats(
            size=pool.get_size() if pool else 0,
            idle=pool.get_idle_size() + open_idle if pool else 0,
            max_size=self._options.max_size,
            waiting=self.usage().waiting,
        )

    def usage(self) -> Usage:
        """How many connections there may be, how many are in use, in all and by the busiest tenant,
        and how many tasks wait for one.
        """
        return self._turnstile.usage()

    @property
    def is_refusing(self) -> bool:
        """Whether the breaker makes requests fail at once, as the server was not reached."""
        return self._breaker.fault is not None

    def silence(self) -> StorageFault:
        """The fault of an operation that got no answer in time: `pool_exhausted` if all connections
        are in use, else `no_answer`.
        """
        usage = self.usage()
        is_full = usage.taken == usage.size and not self._idle
        return ALL_IN_USE if is_full else fault_of(TimeoutError())

    def _idle_connection(self, tenant_id: str) -> "Connection | None":
        """The idle connection used last; None without one, if it was lost, or if the tenant may not
        have it at once.
        """
        if not self._idle or not self._turnstile.try_enter(tenant_id):
            return None
        if not (connection := self._idle.pop()).is_closed():
            return connection
        self._idle.append(connection)
        self._turnstile.leave(tenant_id)
        return None

    async def _wait(self, tenant_id: str, deadline: Deadline, *, insists: bool) -> Connection:
        """A connection, idle or new, when the tenant may have one. Raises what `acquire` raises."""
        started = monotonic()
        try:
            if not insists:
                self._expect_server()
            await self._enter(tenant_id, deadline.at_most(self._options.acquire_timeout))
            return await self._connection(tenant_id, deadline)
        except Unavailable as error:
            error.fault = error.fault and self.report(error.fault)
            raise
        finally:
            self.observer.waited(monotonic() - started)

    def _expect_server(self) -> None:
        fault = self._breaker.fault
        if fault is None and self._leader is not None:
            fault = self._leader._breaker.fault
        if fault is not None:
            raise self.refusals.storage_down(fault)

    async def _enter(self, tenant_id: str, seconds: float) -> None:
        try:
            await self._turnstile.enter(tenant_id, seconds)
        except TimeoutError:
            raise self.refusals.timed_out(tenant_id) from None

    async def _connection(self, tenant_id: str, deadline: Deadline) -> Connection:
        """A connection for a task that has a place in the turnstile; an error frees the place."""
        try:
            while self._idle:
                if not (connection := self._idle.pop()).is_closed():
                    return connection
                await self._return(connection)
            return await self._open(deadline.at_most(self._options.acquire_timeout))
        except BaseException:
            self._turnstile.leave(tenant_id)
            raise

    async def _open(self, seconds: float) -> Connection:
        """A new connection, or one that asyncpg's pool has rolled back. Raises Unavailable."""
        pool = self._opened()
        try:
            driver = await pool.acquire(timeout=seconds)
        except DRIVER_ERRORS as error:
            if isinstance(error, TimeoutError):
                self.observer.timed_out()
            self.observer.failed(getattr(error, "sqlstate", None))
            raise Unavailable(fault=fault_of(error)) from error
        self._breaker.succeeded()
        return Connection(driver, behind_pooler=self._options.behind_pooler)

    async def _return(self, connection: Connection) -> None:
        """Returns a connection to asyncpg's pool, which rolls back on it or closes it."""
        driver = cast("PoolConnectionProxy[Record]", connection.driver)
        try:
            await self._opened().release(driver, timeout=RESET_SECONDS)
        except DRIVER_ERRORS as error:
            _log.warning("a database connection was lost: %s", fault_of(error))

    async def _give_up(self, fault: StorageFault) -> None:
        """Closes the idle connections, which may be dead, and turns away the tasks that wait."""
        self._turnstile.turn_away(lambda: Unavailable(fault=fault))
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                connection.terminate()
            await self._return(connection)

    def _opened(self) -> "asyncpg.Pool[Record]":
        if self._pool is None:
            raise Unavailable("the storage is not open yet, try again in a moment")
        return self._pool
