"""Metrics of the database: its connection pool, its errors and the revision of its schema.

The storage reports waits, errors and checks when they happen; its connections are sampled.
"""

from collections.abc import Callable
from functools import partial

from attrs import frozen
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from customers.entrypoints.observability.instruments import BUCKETS, Children
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics

CONNECTION, OTHER = "connection", "other"
_STATEMENT_TIMEOUT = "57014"
_CALL_BUCKETS = (1, 2, 5, 10, 20, 50, 100)
# The classes of SQLSTATE that this service can meet; all others are counted as OTHER.
_CLASSES = frozenset("08 0A 22 23 25 26 28 3D 3F 40 42 53 54 55 57 58 F0 XX".split())


# The name and the help of each metric.
_WAIT = (
    "customers_pool_wait_seconds",
    "Time that requests waited for a database connection, in seconds: for one that was in use, or "
    "for a new one to open. Requests that got an idle one at once are not counted.",
)
_TIMEOUTS = (
    "customers_pool_timeouts",
    "Total number of requests that got no database connection within POOL_TIMEOUT, or within what "
    "was left of REQUEST_TIMEOUT.",
)
_ERRORS = (
    "customers_database_errors",
    "Total number of errors of the database, by class: the first two characters of the SQLSTATE, "
    "'other' for a rare one, 'connection' if the connection failed. Class 23 includes "
    "duplicates, which callers get a normal answer for.",
)
_STATEMENT_TIMEOUTS = (
    "customers_database_statement_timeouts",
    "Total number of statements that the database cancelled (SQLSTATE 57014), nearly always "
    "because they took longer than STATEMENT_TIMEOUT or ANALYTIC_TIMEOUT. The errors of class 57 "
    "include them.",
)
_SHARED_CALLS = (
    "customers_database_shared_calls",
    "Number of calls that each shared statement answered: reads by id, look-ups by e-mail and "
    "single orders of a tenant that come while others are under way wait for the next statement. "
    "Calls that do not wait have their own, and are not counted.",
)
_SCHEMA_REVISION = (
    "customers_schema_revision",
    "Revision of the database's schema when it was last checked; 0 before the first check, and for "
    "a database without a schema of this service.",
)
_NEEDED_REVISION = (
    "customers_schema_revision_needed",
    "Oldest revision of the schema that this program works with; 0 before the first check.",
)
_CONNECTIONS = (
    "customers_pool_connections",
    "Open connections of the request pools by state: 'idle' or 'in_use'.",
)
_MAX_CONNECTIONS = (
    "customers_pool_connections_max",
    "Maximum number of open connections of the request pools: POOL_SIZE times WORKERS; those of "
    "ANALYTIC_POOL_SIZE come on top.",
)
_WAITING_REQUESTS = (
    "customers_pool_waiting_requests",
    "Requests that wait because every connection of their request pool is in use.",
)


@frozen(kw_only=True)
class PoolUsage:
    """The open connections of a pool, their maximum, and the number of requests that wait."""

    in_use: int
    idle: int
    max_connections: int
    waiting: int


class DatabaseMetrics:
    """What the storage reports: waits, timeouts, refusals, errors, shared statements, schema."""

    def __init__(self, registry: CollectorRegistry, refusals: RefusalMetrics) -> None:
        self._refusals = refusals
        counter = partial(Counter, registry=registry)
        revision = partial(Gauge, registry=registry, multiprocess_mode="mostrecent")
        self._wait = Histogram(*_WAIT, registry=registry, buckets=BUCKETS)
        self._timeouts = counter(*_TIMEOUTS)
        self._errors = Children(counter(*_ERRORS, ("class",)).labels)
        for label in (*sorted(_CLASSES), CONNECTION, OTHER):
            self._errors[(label,)].inc(0)  # rate() needs the zero before the first error
        self._statement_timeouts = counter(*_STATEMENT_TIMEOUTS)
        self._shared_calls = Histogram(*_SHARED_CALLS, registry=registry, buckets=_CALL_BUCKETS)
        self._schema_revision = revision(*_SCHEMA_REVISION)
        self._needed_revision = revision(*_NEEDED_REVISION)

    def waited(self, seconds: float) -> None:
        """Counts a request that waited for a connection, whether it got one or not."""
        self._wait.observe(seconds)

    def timed_out(self) -> None:
        """Counts a request that got no connection in time."""
        self._timeouts.inc()

    def refused(self, kind: str) -> None:
        """Counts a request that the storage refused, by the kind of refusal."""
        self._refusals.refused(kind)

    def failed(self, sqlstate: str | None) -> None:
        """Counts an error by its SQLSTATE; None if the connection failed."""
        self._errors[(_class_label(sqlstate),)].inc()
        if sqlstate == _STATEMENT_TIMEOUT:
            self._statement_timeouts.inc()

    def shared(self, calls: int) -> None:
        """Counts a statement that answered this number of calls."""
        self._shared_calls.observe(calls)

    def checked_schema(self, revision: str | None, needed: str) -> None:
        """Sets the revision of the schema, and the oldest one that this program works with."""
        self._schema_revision.set(_number(revision))
        self._needed_revision.set(_number(needed))


class PoolMetrics:
    """The connections of a pool, as of the last sample."""

    def __init__(self, registry: CollectorRegistry, usage: Callable[[], PoolUsage]) -> None:
        gauge = partial(Gauge, registry=registry, multiprocess_mode="livesum")
        self._usage = usage
        self._connections = Children(gauge(*_CONNECTIONS, ("state",)).labels)
        self._max = gauge(*_MAX_CONNECTIONS)
        self._waiting = gauge(*_WAITING_REQUESTS)

    def sample(self) -> None:
        usage = self._usage()
        self._connections[("in_use",)].set(usage.in_use)
        self._connections[("idle",)].set(usage.idle)
        self._max.set(usage.max_connections)
        self._waiting.set(usage.waiting)


def _class_label(sqlstate: str | None) -> str:
    if not sqlstate:
        return CONNECTION
    return sqlstate[:2] if sqlstate[:2] in _CLASSES else OTHER


def _number(revision: str | None) -> int:
    """The number of a revision; 0 for None or a revision of another program."""
    return int(revision) if revision and revision.isdecimal() else 0
