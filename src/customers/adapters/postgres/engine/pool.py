"""The connection pool. It works again after the database was away.

A connection passes from one task to the next without the reset that asyncpg would send, since no
statement here leaves state in a session. What runs on a connection is in `session`.
"""

import asyncio
import logging
from collections import deque
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy
from attrs import evolve, frozen

from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.codecs import set_codecs
from customers.adapters.postgres.engine.errors import DRIVER_ERRORS
from customers.adapters.postgres.engine.fault_log import FaultLog
from customers.adapters.postgres.engine.faults import fault_of
from customers.adapters.postgres.engine.observer import UNOBSERVED, DatabaseObserver
from customers.core.errors import StorageFault, Unavailable

Connection: TypeAlias = "PoolConnectionProxy[Record]"
# What a waiting task gets: a connection, or None for a permit to acquire one from asyncpg's pool.
Grant: TypeAlias = "Connection | None"

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class PoolOptions:
    """The number of connections, and time-outs in seconds.

    `behind_pooler` is for a transaction-mode pooler (PgBouncer): statements are not prepared by
    name and the time-outs are not set on the server, so set them on the role: ALTER ROLE … SET.
    """

    max_size: int = 10
    acquire_timeout: float = 5
    statement_timeout: float = 10
    idle_in_transaction_timeout: float = 15
    behind_pooler: bool = False


@frozen(kw_only=True)
class PoolStats:
    """The number of open connections, of idle ones among them, of those it may open at most, and
    of tasks waiting for one.
    """

    size: int
    idle: int
    max_size: int
    waiting: int


class Pool:
    """Lends connections to tasks.

    asyncpg's pool opens and closes them, and resets those that had an error. All others pass to the
    next waiting task as they are, or stay idle until a task comes.
    """

    def __init__(
        self, dsn: str, options: PoolOptions, observer: DatabaseObserver = UNOBSERVED
    ) -> None:
        self.observer = observer
        self._dsn = for_asyncpg(dsn)
        self.address = DatabaseAddress.of(dsn)
        self._options = options
        self._fault_log = FaultLog()
        self._pool: asyncpg.Pool[Record] | None = None
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Grant]] = deque()
        self._in_use: set[Connection] = set()
        self._permits = options.max_size
        """How many more connections may be acquired from asyncpg's pool."""
        self._is_closing = False

    async def open(self) -> None:
        """Opens a first connection; none if the database is away, then each when needed.

        Raises Unavailable for a fault that waiting does not cure.
        """
        self._pool = await self._new()
        try:
            await self.release(await self.acquire())
        except Unavailable as error:
            if error.fault is not None and error.fault.is_permanent:
                raise

    async def close(self) -> None:
        """Waits for the connections that are in use."""
        self._is_closing = True
        while self._idle:
            await self._return(self._idle.pop())
        if self._pool is not None:
            await self._pool.close()

    async def acquire(self) -> Connection:
        """A connection for one task, which must release it. Raises Unavailable."""
        try:
            connection = await self._free_connection()
        except Unavailable as error:
            error.fault = error.fault and self.report(error.fault)
            raise
        self._in_use.add(connection)
        return connection

    async def release(self, connection: Connection, *, had_error: bool = False) -> None:
        """Takes a connection back; does nothing for one that is not in use.

        After an error it is reset or closed before another task gets it.
        """
        if connection not in self._in_use:
            return
        self._in_use.remove(connection)
        if had_error or self._is_closing or is_closed(connection):
            await self._return(connection)
        elif (waiter := self._next_waiter()) is not None:
            waiter.set_result(connection)
        else:
            self._idle.append(connection)

    def report(self, fault: StorageFault) -> StorageFault:
        """Adds the address of the database to a fault, and logs it."""
        placed = fault if fault.place else evolve(fault, place=str(self.address))
        self._fault_log.log(placed)
        return placed

    def stats(self) -> PoolStats:
        pool = self._pool
        open_idle = sum(not is_closed(connection) for connection in self._idle)
        return PoolStats(
            size=pool.get_size() if pool else 0,
            idle=pool.get_idle_size() + open_idle if pool else 0,
            max_size=self._options.max_size,
            waiting=sum(not waiter.done() for waiter in self._waiting),
        )

    async def _free_connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not is_closed(connection):
                return connection
            await self._return(connection)
        now = asyncio.get_running_loop().time
        started = now()
        deadline = started + self._options.acquire_timeout
        try:
            if self._permits:
                self._permits -= 1
                return await self._acquire(deadline - started)
            return await self._wait(deadline - started) or await self._acquire(deadline - now())
        finally:
            self.observer.waited(now() - started)

    async def _acquire(self, seconds: float) -> Connection:
        """A connection from asyncpg's pool, opened if need be; uses up one permit."""
        pool = self._opened()
        try:
            return await pool.acquire(timeout=max(seconds, 0))
        except BaseException as error:
            self._add_permit()
            if isinstance(error, TimeoutError):
                self.observer.timed_out()
            if isinstance(error, DRIVER_ERRORS):
                self.observer.failed(getattr(error, "sqlstate", None))
                raise Unavailable(fault=fault_of(error)) from error
            raise

    async def _return(self, connection: Connection) -> None:
        """Returns a connection to asyncpg's pool, which resets or closes it."""
        try:
            await self._opened().release(connection)
        except DRIVER_ERRORS as error:
            _log.warning("a database connection was lost: %s", fault_of(error))
        finally:
            self._add_permit()

    async def _wait(self, seconds: float) -> Grant:
        """Waits for a connection or a permit that another task gives up."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Grant] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(seconds, _time_out, waiter)
        try:
            return await waiter
        except BaseException as error:
            if isinstance(error, Unavailable):
                self.observer.timed_out()
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                await self._pass_on(waiter.result())  # granted while the task was being cancelled
            raise
        finally:
            timer.cancel()

    async def _pass_on(self, grant: Grant) -> None:
        if grant is None:
            self._add_permit()
        else:
            self._in_use.add(grant)
            await self.release(grant)

    def _add_permit(self) -> None:
        if (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)
        else:
            self._permits += 1

    def _next_waiter(self) -> "asyncio.Future[Grant] | None":
        while self._waiting:
            if not (waiter := self._waiting.popleft()).done():
                return waiter
        return None

    def _opened(self) -> "asyncpg.Pool[Record]":
        if self._pool is None:
            raise Unavailable("the storage is not open yet, try again in a moment")
        return self._pool

    def silence(self) -> StorageFault:
        """The fault of an operation that got no answer in time."""
        is_full = not self._permits and not self._idle
        return _ALL_IN_USE if is_full else fault_of(TimeoutError())

    async def _new(self) -> "asyncpg.Pool[Record]":
        options = self._options
        return await asyncpg.create_pool(
            self._dsn,
            min_size=0,  # else asyncpg tries to restore the minimum, and logs each failure
            max_size=options.max_size,
            init=set_codecs,
            reset=_no_reset,
            timeout=options.acquire_timeout,
            # The server's time-out releases its locks; ours is for a server that cannot be reached.
            command_timeout=options.statement_timeout + 1,
            max_inactive_connection_lifetime=0,
            statement_cache_size=0 if options.behind_pooler else 200,
            server_settings=_server_settings(options),
        )


_ALL_IN_USE = StorageFault(
    kind="pool_exhausted",
    cause="every connection of the pool was in use for POOL_TIMEOUT",
    remedy="look for slow statements in pg_stat_activity, or raise POOL_SIZE",
)


def _time_out(waiter: "asyncio.Future[Grant]") -> None:
    if not waiter.done():
        message = "every connection is in use, try again in a moment"
        waiter.set_exception(Unavailable(message, fault=_ALL_IN_USE))


def for_asyncpg(dsn: str) -> str:
    """The URL without libpq's own settings, which asyncpg would send to the server, and with an
    application name unless it has one.
    """
    address, _, query = dsn.partition("?")
    settings = {"application_name": "customers-service"}
    settings |= {name: value for name, value in parse_qsl(query) if name not in _LIBPQ_ONLY}
    return f"{address}?{urlencode(settings)}"


def is_closed(connection: Connection) -> bool:
    """Whether the connection was lost, so that it can only be released."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # asyncpg's pool has taken the lost connection back already
        return True


_LIBPQ_ONLY = frozenset(
    "channel_binding connect_timeout fallback_application_name gssdelegation gssencmode keepalives "
    "keepalives_count keepalives_idle keepalives_interval load_balance_hosts pgbouncer requiressl "
    "sslcompression sslsni tcp_user_timeout".split()
)


def _server_settings(options: PoolOptions) -> dict[str, str]:
    if options.behind_pooler:  # a pooler refuses connections with such settings
        return {}
    return {
        "enable_seqscan": "off",  # a table holds all tenants, and a statement reads only one
        "jit": "off",  # it would compile for longer than these statements run
        "max_parallel_workers_per_gather": "0",  # one count must not take every core from writers
        "statement_timeout": _milliseconds(options.statement_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(options.idle_in_transaction_timeout),
    }


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


async def _no_reset(connection: "asyncpg.Connection[Record]") -> None:
    """Does nothing: no statement leaves state in a session."""
