"""Metrics for Prometheus: requests, ledger facts, segment builds and the connection pool.

Labels are route templates, methods, statuses and codes: never paths, tenants or ids. When to count
is the business of the HTTP and gRPC layers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from attrs import frozen
from prometheus_client import CollectorRegistry, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from customers.entrypoints.observability.instruments import (
    FactKind,
    Outcome,
    RequestMetrics,
    Transport,
    WithoutCreated,
    add_process_metrics,
    ledger_facts,
    pool_connections,
    segment_builds,
)

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER = "OTHER"
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def shared_environment(directory: Path) -> dict[str, str]:
    """The environment variables with which a process must start to share metrics in a directory."""
    return {_VARIABLE: str(directory)}


def forget_process(directory: Path, pid: int) -> None:
    """Removes the gauges of an ended process from a shared directory; its counters remain."""
    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


def method_label(method: str) -> str:
    """The label of a request's method: OTHER unless it is a standard one."""
    return method if method in _METHODS else _OTHER


@frozen(kw_only=True)
class PoolUsage:
    """The state of a connection pool; `waiting` is None where the pool does not report it."""

    size: int
    idle: int
    waiting: int | None = None

    def by_state(self) -> dict[str, int]:
        """The numbers by the `state` label of the metric."""
        states = {"size": self.size, "idle": self.idle, "in_use": self.size - self.idle}
        return states if self.waiting is None else states | {"waiting": self.waiting}


class Metrics:
    """The metrics of one process, or of several that share a directory, in an own registry."""

    def __init__(
        self, version: str, pool: Callable[[], PoolUsage] | None, multiprocess_dir: Path | None
    ) -> None:
        self._registry = CollectorRegistry()
        self._multiprocess_dir = multiprocess_dir
        self._http = RequestMetrics(self._registry, "HTTP", ("route", "method"), "status")
        self._rpc = RequestMetrics(self._registry, "gRPC", ("method",), "code")
        self._facts = ledger_facts(self._registry)
        self._build_count, self._build_progress = segment_builds(self._registry)
        self._pool = pool
        self._connections = pool_connections(self._registry) if pool else None
        add_process_metrics(self._registry, version)

    @classmethod
    def create(
        cls,
        *,
        version: str,
        pool: Callable[[], PoolUsage] | None = None,
        multiprocess_dir: Path | None = None,
    ) -> Self:
        """Metrics of this process alone, or merged with those of all that share the directory.

        Raises RuntimeError when this process was not started with `shared_environment`.
        """
        if multiprocess_dir and values.ValueClass is values.MutexValue:
            raise RuntimeError(f"metrics cannot be shared: start with {_VARIABLE} set")
        return cls(version, pool, multiprocess_dir)

    def http_started(self) -> None:
        self._http.started()

    def http_finished(self, *, method: str, route: str | None, status: int, seconds: float) -> None:
        """Counts a handled request; `route` is a template, or None when no route matched."""
        self._http.finished((route or "unmatched", method_label(method)), str(status), seconds)

    def rpc_started(self) -> None:
        self._rpc.started()

    def rpc_finished(self, *, method: str | None, code: str, seconds: float) -> None:
        """Counts a handled call; `method` is `package.Service/Method`, or None when it does not
        exist; `code` is the name of a status code.
        """
        self._rpc.finished((method.lstrip("/") if method else _OTHER,), code, seconds)

    def count_fact(self, *, kind: FactKind, transport: Transport, outcome: Outcome) -> None:
        """Counts one received order, refund or cancellation, duplicates included."""
        self._facts[kind, transport, outcome].inc()

    def set_segment_builds(self, count: int, progress: float) -> None:
        """Sets how many segments this process is building, and the progress of the slowest one:
        the share of customers it has scanned, from 0 to 1.
        """
        self._build_count.set(count)
        self._build_progress.set(progress)

    def sample_pool(self) -> None:
        """Sets the pool's gauges to its current state.

        `render` does so for its own process. Processes that share metrics do it every second or
        so, because the other processes render their gauges.
        """
        if self._pool is None or self._connections is None:
            return
        for state, number in self._pool().by_state().items():
            self._connections[(state,)].set(number)

    def render(self) -> tuple[bytes, str]:
        """The metrics as text for Prometheus, and the content type."""
        self.sample_pool()
        return generate_latest(WithoutCreated(self._source())), CONTENT_TYPE_PLAIN_0_0_4

    def _source(self) -> CollectorRegistry:
        if self._multiprocess_dir is None:
            return self._registry
        merged = CollectorRegistry()
        MultiProcessCollector(merged, str(self._multiprocess_dir))  # type: ignore[no-untyped-call]
        return merged
