"""How connections are opened: their number, time-outs and settings, and the URL for asyncpg.

asyncpg's pool opens and closes them; `pool` lends them to tasks.
"""

from urllib.parse import parse_qsl, urlencode

import asyncpg
from asyncpg import Record
from attrs import frozen

from customers.adapters.postgres.engine.codecs import set_codecs
from customers.adapters.postgres.engine.connection import PreparingConnection


@frozen(kw_only=True)
class PoolOptions:
    """The most connections that a pool opens, its time-outs in seconds, and two modes.

    `max_per_tenant` is the most that one tenant has, even while no others wait; if it is None, only
    `bulkheads.shares` limits it.

    `work_timeout` limits everything that a task does with one connection, including the wait for
    it; if it is None, the deadline of the request applies instead.

    `behind_pooler` is for a transaction-mode pooler (PgBouncer): statements are not prepared by
    name, and the server is sent no time-outs or planner settings: ALTER ROLE … SET must set them.

    With `row_security` the policies of the tables apply to the role, and each transaction sets the
    tenant whose rows it reads and writes; see the module `row_security`.
    """

    max_size: int = 10
    max_per_tenant: int | None = None
    acquire_timeout: float = 5
    statement_timeout: float = 10
    work_timeout: float | None = None
    idle_in_transaction_timeout: float = 15
    behind_pooler: bool = False
    row_security: bool = False


async def connections_to(dsn: str, options: PoolOptions) -> "asyncpg.Pool[Record]":
    """An asyncpg pool with no open connection yet."""
    return await asyncpg.create_pool(
        for_asyncpg(dsn),
        min_size=0,  # else asyncpg tries to restore the minimum, and logs each failure
        max_size=options.max_size,
        connection_class=PreparingConnection,
        init=set_codecs,
        reset=_no_reset,
        timeout=options.acquire_timeout,
        # The server's time-out comes first, and releases locks; this one is for a server that
        # cannot be reached.
        command_timeout=options.statement_timeout + 1,
        max_inactive_connection_lifetime=0,
        statement_cache_size=0 if options.behind_pooler else 200,
        server_settings=_server_settings(options),
    )


async def expect_answer(dsn: str, seconds: float) -> None:
    """Raises one of DRIVER_ERRORS unless the server accepts a new connection in time."""
    connection = await asyncpg.connect(for_asyncpg(dsn), timeout=seconds)
    connection.terminate()


def for_asyncpg(dsn: str) -> str:
    """The URL without libpq's own settings, which asyncpg would send to the server, and with an
    application name if it has none.
    """
    address, _, query = dsn.partition("?")
    settings = {"application_name": "customers-service"}
    settings |= {name: value for name, value in parse_qsl(query) if name not in _LIBPQ_ONLY}
    return f"{address}?{urlencode(settings)}"


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
