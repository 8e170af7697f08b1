"""What the service counts and measures, for Prometheus: requests, calls, ledger facts, the pool.

Labels are route templates, methods, statuses and codes: never paths, tenants or ids. When to count
is the business of the HTTP and gRPC layers.
"""

import platform
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Generic, Literal, Self, TypeVar, get_args

from attrs import frozen
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    values,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

FactKind = Literal["order", "refund", "cancellation"]
Transport = Literal["http", "grpc"]
Outcome = Literal["recorded", "duplicate", "conflict", "not_found", "invalid", "unavailable"]

Child = TypeVar("Child")

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER = "OTHER"
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Seconds: finest where a read by id lies, up to where a statement is given up.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def shared_environment(directory: Path) -> dict[str, str]:
    """What the environment of a process must hold from its start, to share metrics in a folder."""
    return {_VARIABLE: str(directory)}


def forget_process(directory: Path, pid: int) -> None:
    """Takes the gauges of a process that has ended out of the shared folder; its counts remain."""
    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


def known_method(method: str) -> str:
    """The method of a request as a label: one that HTTP knows, else OTHER."""
    return method if method in _METHODS else _OTHER


@frozen(kw_only=True)
class PoolNumbers:
    """A connection pool at one moment; `waiting` is None where the pool does not know."""

    size: int
    idle: int
    waiting: int | None = None

    @property
    def in_use(self) -> int:
        return self.size - self.idle


class Metrics:
    """The metrics of one process, or of several that share a folder, in a registry of their own."""

    def __init__(
        self, version: str, pool: Callable[[], PoolNumbers] | None, multiprocess_dir: Path | None
    ) -> None:
        self._registry = CollectorRegistry()
        self._multiprocess_dir = multiprocess_dir
        self._http = _Traffic(self._registry, "http", ("route", "method"), "status")
        self._rpc = _Traffic(self._registry, "grpc", ("method",), "code")
        self._facts = _facts(self._registry)
        self._builds, self._progress = _builds(self._registry)
        self._pool = pool
        self._connections = _connections(self._registry) if pool else None
        _tell_build(self._registry, version)

    @classmethod
    def create(
        cls,
        *,
        version: str,
        pool: Callable[[], PoolNumbers] | None = None,
        multiprocess_dir: Path | None = None,
    ) -> Self:
        """Metrics of this process alone, or merged with those of all that share the folder.

        A process that shares must be started with `shared_environment`; RuntimeError if it was not.
        """
        if multiprocess_dir and values.ValueClass is values.MutexValue:
            raise RuntimeError(f"metrics cannot be shared: start with {_VARIABLE} set")
        return cls(version, pool, multiprocess_dir)

    def http_started(self) -> None:
        self._http.started()

    def http_finished(self, *, method: str, route: str | None, status: int, seconds: float) -> None:
        """Counts a request that has been answered; `route` is a template, None if none matched."""
        self._http.finished((route or "unmatched", known_method(method)), str(status), seconds)

    def rpc_started(self) -> None:
        self._rpc.started()

    def rpc_finished(self, *, method: str | None, code: str, seconds: float) -> None:
        """Counts a call that has been answered; `method` is `package.Service/Method`, None if
        there is no such method, `code` the name of a status."""
        self._rpc.finished((method.lstrip("/") if method else _OTHER,), code, seconds)

    def fact(self, *, kind: FactKind, transport: Transport, outcome: Outcome) -> None:
        """Counts one order, refund or cancellation as told to us, a repeat included."""
        self._facts[kind, transport, outcome].inc()

    def tell_builds(self, number: int, progress: float) -> None:
        """How many segments' members are being built by this process, and how far they are: the
        share of customers, from 0 to 1, that the slowest of them has seen."""
        self._builds.set(number)
        self._progress.set(progress)

    def sample_pool(self) -> None:
        """Takes the pool's numbers of now. `render` does so for its own process; processes that
        share metrics do it every second or so, for their numbers are read by the others."""
        if self._pool is None or self._connections is None:
            return
        now = self._pool()
        states = {"size": now.size, "idle": now.idle, "in_use": now.in_use, "waiting": now.waiting}
        for state, number in states.items():
            if number is not None:
                self._connections[(state,)].set(number)

    def render(self) -> tuple[bytes, str]:
        """The text for Prometheus, and its content type."""
        self.sample_pool()
        return generate_latest(_WithoutCreated(self._source())), CONTENT_TYPE_PLAIN_0_0_4

    def _source(self) -> CollectorRegistry:
        if self._multiprocess_dir is None:
            return self._registry
        merged = CollectorRegistry()
        MultiProcessCollector(merged, str(self._multiprocess_dir))  # type: ignore[no-untyped-call]
        return merged


class _Children(dict[tuple[str, ...], Child], Generic[Child]):
    """The children of a metric by their labels; the library's own look-up takes much longer."""

    def __init__(self, look_up: Callable[..., Child]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, labels: tuple[str, ...]) -> Child:
        child = self[labels] = self._look_up(*labels)
        return child


class _Traffic:
    """The requests of one interface: how many are in flight, how each ended, how long they took."""

    def __init__(
        self, registry: CollectorRegistry, interface: str, labels: tuple[str, ...], end: str
    ) -> None:
        name = f"customers_{interface}_request"
        self._in_flight = Gauge(
            f"{name}s_in_flight",
            f"Requests over {interface} that have no answer yet.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._ended = _Children(
            Counter(
                f"{name}s",
                f"Requests over {interface} that were answered.",
                (*labels, end),
                registry=registry,
            ).labels
        )
        self._duration = _Children(
            Histogram(
                f"{name}_duration_seconds",
                f"Time to answer a request over {interface}.",
                labels,
                registry=registry,
                buckets=_BUCKETS,
            ).labels
        )

    def started(self) -> None:
        self._in_flight.inc()

    def finished(self, labels: tuple[str, ...], end: str, seconds: float) -> None:
        self._in_flight.dec()
        self._ended[*labels, end].inc()
        self._duration[labels].observe(seconds)


class _WithoutCreated(Collector):
    """A registry without the `_created` twins of its counters, which double the text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric


def _facts(registry: CollectorRegistry) -> _Children[Counter]:
    facts = _Children(
        Counter(
            "customers_ledger_facts",
            "Orders, refunds and cancellations as told to the service.",
            ("kind", "transport", "outcome"),
            registry=registry,
        ).labels
    )
    for labels in product(get_args(FactKind), get_args(Transport), get_args(Outcome)):
        facts[labels].inc(0)  # a rate needs the nought before the first one
    return facts


def _builds(registry: CollectorRegistry) -> tuple[Gauge, Gauge]:
    """Of several processes one sweeps; to the others nothing is being built."""
    number = Gauge(
        "customers_segment_builds",
        "Segments whose members are being built.",
        registry=registry,
        multiprocess_mode="livemax",
    )
    progress = Gauge(
        "customers_segment_build_progress_ratio",
        "Share of customers that the slowest build of a segment has seen; 1 when none is built.",
        registry=registry,
        multiprocess_mode="livemin",
    )
    progress.set(1)
    return number, progress


def _connections(registry: CollectorRegistry) -> _Children[Gauge]:
    return _Children(
        Gauge(
            "customers_pool_connections",
            "Database connections: size (idle and in_use), and requests waiting for one.",
            ("state",),
            registry=registry,
            multiprocess_mode="livesum",
        ).labels
    )


def _tell_build(registry: CollectorRegistry, version: str) -> None:
    build = Gauge(
        "customers_build_info",
        "Always 1; its labels name the build.",
        ("version", "python"),
        registry=registry,
        multiprocess_mode="max",
    )
    build.labels(version, platform.python_version()).set(1)
    # Of this process only: where several share metrics these are not among the merged ones.
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
