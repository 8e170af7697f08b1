"""Connections: asyncpg's pool, made so that the service outlives the database being away.

A connection is handed back as it is, without the reset that asyncpg would send: nothing here
leaves anything in a session. What runs on a connection is the business of `session`.
"""

import logging
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy
from attrs import frozen

from customers.adapters.postgres.codecs import set_codecs
from customers.adapters.postgres.refusals import DRIVER_ERRORS, is_away, translate
from customers.core.errors import Unavailable

Connection: TypeAlias = "PoolConnectionProxy[Record]"

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
    """How many connections are open, how many of them are idle, and how many there may be."""

    size: int
    idle: int
    most: int


class Pool:
    def __init__(self, dsn: str, options: PoolOptions) -> None:
        self._dsn = for_asyncpg(dsn)
        self._options = options
        self._pool: asyncpg.Pool[Record] | None = None

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
        if self._pool is not None:
            await self._pool.close()

    async def acquire(self) -> Connection:
        """A connection for one task, to be released. Raises Unavailable."""
        pool = self._opened()
        try:
            return await pool.acquire(timeout=self._options.acquire_timeout)
        except DRIVER_ERRORS as error:
            translate(error, lost=pool.is_closing())

    async def release(self, connection: Connection) -> None:
        """What was done over the connection is done, even if it cannot be handed back."""
        try:
            await self._opened().release(connection)
        except DRIVER_ERRORS as error:
            _log.warning("a connection was closed, not handed back: %s", type(error).__name__)

    def numbers(self) -> PoolNumbers:
        pool = self._pool
        return PoolNumbers(
            size=pool.get_size() if pool else 0,
            idle=pool.get_idle_size() if pool else 0,
            most=self._options.max_size,
        )

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
            statement_cache_size=0 if options.behind_pooler else 200,
            server_settings=_server_settings(options),
        )


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
        "jit": "off",  # it would compile for longer than these statements run
        "max_parallel_workers_per_gather": "0",  # one count must not take every core from writers
        "statement_timeout": _milliseconds(options.statement_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(options.idle_in_transaction_timeout),
    }


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


async def _keep_as_it_is(connection: "asyncpg.Connection[Record]") -> None:
    """Nothing is left in a session, so nothing has to be put back."""
