"""Connections: lent, handed on and parked, so that the service outlives the database being away.

A connection is handed on as it is, without the reset that asyncpg would send: nothing here leaves
anything in a session. What runs on a connection is the business of `session`.
"""

import asyncio
import logging
from collections import deque
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy
from attrs import frozen

from customers.adapters.postgres.engine.codecs import set_codecs
from customers.adapters.postgres.engine.errors import DRIVER_ERRORS, is_away, translate
from customers.core.errors import Unavailable

Connection: TypeAlias = "PoolConnectionProxy[Record]"
# What one who waits is told: a connection, or None for the place of one.
Told: TypeAlias = "Connection | None"

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class PoolOptions:
    """How many connections there are, and how long anything may take, in seconds.

    `min_size` are opened at once where the database is there. `behind_pooler`: connections go
    through a transaction-mode pooler (PgBouncer): statements are not prepared by name and the
    time-outs are not set on the server, so set them on the role: ALTER ROLE … SET.
    """

    min_size: int = 1
    max_size: int = 10
    acquire_timeout: float = 5
    statement_timeout: float = 10
    idle_in_transaction_timeout: float = 15
    behind_pooler: bool = False


@frozen(kw_only=True)
class PoolNumbers:
    """How many connections are open, how many of them are idle, how many wait for one, and how
    many there may be.
    """

    size: int
    idle: int
    waiting: int
    most: int


class Pool:
    """Lends connections. asyncpg's pool makes and closes them, and takes back what had trouble;
    one that was used well is handed on as it is, or parked for the next one who comes.
    """

    def __init__(self, dsn: str, options: PoolOptions) -> None:
        self._dsn = for_asyncpg(dsn)
        self._options = options
        self._pool: asyncpg.Pool[Record] | None = None
        self._parked: list[Connection] = []
        self._waiting: deque[asyncio.Future[Told]] = deque()
        self._lent: set[Connection] = set()
        self._places = options.max_size
        """How many more connections asyncpg's pool may be asked for."""
        self._is_closing = False

    async def open(self) -> None:
        """Opens connections; where the database is away none, and each when it is needed."""
        try:
            self._pool = await self._new(self._options.min_size)
        except DRIVER_ERRORS as error:
            if not is_away(error):
                raise
            _log.warning("the database is away at the start: %s", type(error).__name__)
            self._pool = await self._new(0)

    async def close(self) -> None:
        """Waits for the connections that are in use."""
        self._is_closing = True
        while self._parked:
            await self._give_back(self._parked.pop())
        if self._pool is not None:
            await self._pool.close()

    async def acquire(self) -> Connection:
        """A connection for one task, to be released. Raises Unavailable."""
        connection = await self._free_one()
        self._lent.add(connection)
        return connection

    async def release(self, connection: Connection, *, had_trouble: bool = False) -> None:
        """What was done over the connection is done, even if it cannot be handed back. Released
        again it stays so.

        `had_trouble`: nobody else gets it before it has been put right, or closed.
        """
        if connection not in self._lent:
            return
        self._lent.remove(connection)
        if had_trouble or self._is_closing or is_gone(connection):
            await self._give_back(connection)
        elif (next_one := self._next_waiting()) is not None:
            next_one.set_result(connection)
        else:
            self._parked.append(connection)

    def numbers(self) -> PoolNumbers:
        pool = self._pool
        return PoolNumbers(
            size=pool.get_size() if pool else 0,
            idle=pool.get_idle_size() + sum(not is_gone(each) for each in self._parked)
            if pool
            else 0,
            waiting=sum(not each.done() for each in self._waiting),
            most=self._options.max_size,
        )

    async def _free_one(self) -> Connection:
        while self._parked:
            connection = self._parked.pop()
            if not is_gone(connection):
                return connection
            await self._give_back(connection)
        seconds = self._options.acquire_timeout
        if self._places:
            self._places -= 1
            return await self._take(seconds)
        now = asyncio.get_running_loop().time
        deadline = now() + seconds
        return await self._wait(seconds) or await self._take(deadline - now())

    async def _take(self, seconds: float) -> Connection:
        """One from asyncpg's pool, which has one or makes one, for a place that was given."""
        pool = self._opened()
        try:
            return await pool.acquire(timeout=max(seconds, 0))
        except BaseException as error:
            self._free_place()
            if isinstance(error, DRIVER_ERRORS):
                translate(error, lost=pool.is_closing())
            raise

    async def _give_back(self, connection: Connection) -> None:
        try:
            await self._opened().release(connection)
        except DRIVER_ERRORS as error:
            _log.warning("a connection was closed, not handed back: %s", type(error).__name__)
        finally:
            self._free_place()

    async def _wait(self, seconds: float) -> Told:
        """What the next one hands on."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Told] = loop.create_future()
        self._waiting.append(told)
        timer = loop.call_later(seconds, _too_late, told)
        try:
            return await told
        except BaseException:
            if told in self._waiting:
                self._waiting.remove(told)
            elif not told.cancelled() and told.exception() is None:
                await self._hand_on(told.result())  # it came when the task was being cancelled
            raise
        finally:
            timer.cancel()

    async def _hand_on(self, told: Told) -> None:
        """For one who got it too late."""
        if told is None:
            self._free_place()
        else:
            self._lent.add(told)
            await self.release(told)

    def _free_place(self) -> None:
        if (next_one := self._next_waiting()) is not None:
            next_one.set_result(None)
        else:
            self._places += 1

    def _next_waiting(self) -> "asyncio.Future[Told] | None":
        while self._waiting:
            if not (next_one := self._waiting.popleft()).done():
                return next_one
        return None

    def _opened(self) -> "asyncpg.Pool[Record]":
        if self._pool is None:
            raise Unavailable("the storage is not open yet, try again in a moment")
        return self._pool

    async def _new(self, min_size: int) -> "asyncpg.Pool[Record]":
        options = self._options
        return await asyncpg.create_pool(
            self._dsn,
            min_size=min_size,
            max_size=options.max_size,
            init=set_codecs,
            reset=_keep_as_it_is,
            timeout=options.acquire_timeout,
            # The server's time-out frees its locks; ours is for a server out of reach.
            command_timeout=options.statement_timeout + 1,
            max_inactive_connection_lifetime=0,
            statement_cache_size=0 if options.behind_pooler else 200,
            server_settings=_server_settings(options),
        )


def _too_late(told: "asyncio.Future[Told]") -> None:
    if not told.done():
        told.set_exception(Unavailable("every connection is in use, try again in a moment"))


def for_asyncpg(dsn: str) -> str:
    """The URL without the settings of libpq that asyncpg would take for the server's, and with a
    name to be seen by in the server's list of connections.
    """
    address, _, query = dsn.partition("?")
    told = [(name, value) for name, value in parse_qsl(query) if name not in _LIBPQ_ONLY]
    return f"{address}?{urlencode({'application_name': 'customers-service', **dict(told)})}"


def is_gone(connection: Connection) -> bool:
    """Whether the connection was lost: it can be released, and nothing else."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken a lost connection back already
        return True


_LIBPQ_ONLY = frozenset(
    "channel_binding connect_timeout fallback_application_name gssdelegation gssencmode keepalives "
    "keepalives_count keepalives_idle keepalives_interval load_balance_hosts pgbouncer requiressl "
    "sslcompression sslsni tcp_user_timeout".split()
)


def _server_settings(options: PoolOptions) -> dict[str, str]:
    if options.behind_pooler:  # it lets nobody in who asks for settings
        return {}
    return {
        "enable_seqscan": "off",  # a table holds all tenants, and nothing is asked of more than one
        "jit": "off",  # it would compile for longer than these statements run
        "max_parallel_workers_per_gather": "0",  # one count must not take every core from writers
        "statement_timeout": _milliseconds(options.statement_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(options.idle_in_transaction_timeout),
    }


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


async def _keep_as_it_is(connection: "asyncpg.Connection[Record]") -> None:
    """Nothing is left in a session, so nothing has to be put back."""
