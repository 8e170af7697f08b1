"""Metrics for Prometheus: requests, ledger facts, segments, the database and the process.

Labels are route templates, methods, statuses and other fixed sets: never paths, tenants or ids.
Callers decide when to count.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from customers.entrypoints.observability.access_metrics import access_refusals
from customers.entrypoints.observability.database_metrics import PoolMetrics, PoolUsage
from customers.entrypoints.observability.instruments import (
    FactKind,
    Outcome,
    RequestMetrics,
    Transport,
    WithoutCreated,
    build_info,
    http_connections,
    ledger_facts,
    segment_builds,
)
from customers.entrypoints.observability.process_metrics import ProcessMetrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from customers.entrypoints.observability.share_metrics import ShareMetrics, Usages
from customers.entrypoints.observability.sweeper_metrics import SweeperMetrics
from customers.entrypoints.observability.upsert_metrics import UpsertMetrics, UpsertResult

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER = "OTHER"
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def shared_environment(directory: Path) -> dict[str, str]:
    """The environment variables with which a process must start to share metrics in a directory."""
    return {_VARIABLE: str(directory)}


def forget_process(directory: Path, pid: int) -> None:
    """Removes the `live…` gauges of an ended process from a directory; its other metrics remain."""
    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


def method_label(method: str) -> str:
    """The label of a request's method; OTHER for one that is not in `_METHODS`."""
    return method if method in _METHODS else _OTHER


class Metrics:
    """The metrics of one process, or of several that share a directory."""

    def __init__(
        self,
        version: str,
        registry: CollectorRegistry,
        pool: Callable[[], PoolUsage] | None,
        usages: Usages,
        multiprocess_dir: Path | None,
        *,
        refusals: RefusalMetrics,
    ) -> None:
        self._registry = registry
        self._multiprocess_dir = multiprocess_dir
        self._http = RequestMetrics(registry, "HTTP", ("route", "method"), "status")
        self._rpc = RequestMetrics(registry, "gRPC", ("method",), "code")
        self._facts = ledger_facts(registry)
        self._build_count, self._build_progress = segment_builds(registry)
        self._upserts = UpsertMetrics(registry)
        self._sweeper = SweeperMetrics(registry)
        self._connections = http_connections(registry)
        self._refusals = refusals
        self._access_refusals = access_refusals(registry)
        self._pool = PoolMetrics(registry, pool) if pool else None
        self._shares = ShareMetrics(registry, usages)
        self._process = ProcessMetrics(registry)
        build_info(registry, version)

    @classmethod
    def create(
        cls,
        *,
        version: str,
        registry: CollectorRegistry | None = None,
        pool: Callable[[], PoolUsage] | None = None,
        usages: Usages = MappingProxyType({}),
        refusals: RefusalMetrics | None = None,
        multiprocess_dir: Path | None = None,
    ) -> Self:
        """Metrics of this process alone, or merged with those of all that share the directory.

        `registry` may have metrics already, those of the database. Raises RuntimeError if metrics
        are to be shared and this process was not started with `shared_environment`.
        """
        if multiprocess_dir and values.ValueClass is values.MutexValue:
            raise RuntimeError(f"metrics cannot be shared: start with {_VARIABLE} set")
        registry = registry or CollectorRegistry()
        refusals = refusals or RefusalMetrics(registry)
        return cls(version, registry, pool, usages, multiprocess_dir, refusals=refusals)

    def http_started(self) -> None:
        self._http.started()

    def http_finished(self, *, method: str, route: str | None, status: int, seconds: float) -> None:
        """Counts a handled request; `route` is a template, or None when no route matched."""
        self._http.finished((route or "unmatched", method_label(method)), str(status), seconds)

    def set_connections(self, count: int) -> None:
        """Sets the number of open HTTP connections."""
        self._connections.set(count)

    def refused(self, kind: str) -> None:
        """Counts a request that a limit refused; `kind` names the limit."""
        self._refusals.refused(kind)

    def access_refused(self, reason: str, count: int = 1) -> None:
        """Counts a call, or orders of a batch, that access control refused."""
        self._access_refusals[(reason,)].inc(count)

    def rpc_started(self) -> None:
        self._rpc.started()

    def rpc_finished(self, *, method: str | None, code: str, seconds: float) -> None:
        """Counts a handled call; `method` is `/package.Service/Method`, or None when it does not
        exist; `code` is the name of a status code.
        """
        self._rpc.finished((method.lstrip("/") if method else _OTHER,), code, seconds)

    def count_fact(self, *, kind: FactKind, transport: Transport, outcome: Outcome) -> None:
        """Counts one received order, refund or cancellation, duplicates included."""
        self._facts[kind, transport, outcome].inc()

    def count_upserts(self, numbers: Mapping[UpsertResult, int]) -> None:
        """Counts rows of a bulk upsert: their numbers by outcome."""
        self._upserts.count(numbers)

    def set_segment_builds(self, count: int, progress: float) -> None:
        """Sets how many segments are being built, and the progress of the slowest one, 0 to 1."""
        self._build_count.set(count)
        self._build_progress.set(progress)

    def set_sweeper(
        self,
        *,
        is_leader: bool,
        pending_changes: int = 0,
        lag_seconds: float = 0,
        failed_builds: int = 0,
    ) -> None:
        """Sets whether this process holds the sweeper's lease. If so, also the number of pending
        changes of all tenants, the age of the oldest in seconds, and the number of failed builds.
        """
        self._sweeper.set(
            is_leader=is_leader,
            pending_changes=pending_changes,
            lag_seconds=lag_seconds,
            failed_builds=failed_builds,
        )

    def sweep_succeeded(self) -> None:
        """Sets the time of the last successful sweep to now."""
        self._sweeper.succeeded()

    def sample(self) -> None:
        """Sets the metrics of the process, the shares and the pool to the current values.

        `render` calls it for its own process. Processes that share metrics call it every second,
        because another process may render their values.
        """
        self._process.sample()
        self._shares.sample()
        if self._pool is not None:
            self._pool.sample()

    def render(self) -> tuple[bytes, str]:
        """The metrics as text for Prometheus, and the content type."""
        self.sample()
        return generate_latest(WithoutCreated(self._source())), CONTENT_TYPE_PLAIN_0_0_4

    def _source(self) -> CollectorRegistry:
        if self._multiprocess_dir is None:
            return self._registry
        merged = CollectorRegistry()
        _WrittenFiles(merged, str(self._multiprocess_dir))  # type: ignore[no-untyped-call]
        return merged


class _WrittenFiles(MultiProcessCollector):
    """Merges the files of all processes, but for empty ones: a process that starts creates its
    files before it writes to them, and the collector of the client cannot read them until then.
    """

    def collect(self) -> Iterable[Metric]:
        files = [entry.path for entry in os.scandir(self._path) if _is_written(entry)]
        return self.merge(files)  # type: ignore[no-untyped-call,no-any-return]


def _is_written(entry: os.DirEntry[str]) -> bool:
    with suppress(FileNotFoundError):  # it was of a process that has ended meanwhile
        return entry.name.endswith(".db") and entry.stat().st_size > 0
    return False
