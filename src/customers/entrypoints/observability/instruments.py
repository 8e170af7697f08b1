"""The Prometheus metrics of requests, the ledger and segment builds: names, labels and help texts.

Also those of HTTP connections and of the program's version. All others have modules of their own.
"""

import platform
from collections.abc import Callable, Iterator
from itertools import product
from typing import Generic, Literal, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

FactKind = Literal["order", "refund", "cancellation"]
Transport = Literal["http", "grpc"]
Outcome = Literal["recorded", "duplicate", "conflict", "not_found", "invalid", "unavailable"]

Child = TypeVar("Child")

# Seconds: finest around a read by id, up to the statement timeout and beyond.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Children(dict[tuple[str, ...], Child], Generic[Child]):
    """The children of a metric by their label values: a cache, faster than `labels()`."""

    def __init__(self, labels: Callable[..., Child]) -> None:
        super().__init__()
        self._labels = labels

    def __missing__(self, label_values: tuple[str, ...]) -> Child:
        child = self[label_values] = self._labels(*label_values)
        return child


# The name and the help of each metric; `{}` stands for the interface, HTTP or gRPC.
_IN_FLIGHT = ("customers_{}_requests_in_flight", "Current number of {} requests being handled.")
_REQUESTS = ("customers_{}_requests", "Total number of {} requests handled.")
_DURATION = ("customers_{}_request_duration_seconds", "Duration of {} requests in seconds.")
_CONNECTIONS = ("customers_http_connections", "Current number of open HTTP connections.")
_FACTS = (
    "customers_ledger_facts",
    "Total number of orders, refunds and cancellations received, by outcome.",
)
_BUILDS = ("customers_segment_builds", "Current number of segments whose members are being built.")
_BUILD_PROGRESS = (
    "customers_segment_build_progress_ratio",
    "Share of customers scanned by the slowest segment build; 1 when there is none.",
)
_BUILD_INFO = (
    "customers_build_info",
    "Version of the service and of Python; the value is always 1.",
)


class RequestMetrics:
    """The requests of one interface: in flight, total by result, and duration."""

    def __init__(
        self,
        registry: CollectorRegistry,
        interface: Literal["HTTP", "gRPC"],
        label_names: tuple[str, ...],
        result_label: str,
    ) -> None:
        in_flight, total, duration = (
            (name.format(interface.lower()), help.format(interface))
            for name, help in (_IN_FLIGHT, _REQUESTS, _DURATION)
        )
        labels = (*label_names, result_label)
        self._in_flight = Gauge(*in_flight, registry=registry, multiprocess_mode="livesum")
        self._total = Children(Counter(*total, labels, registry=registry).labels)
        seconds = Histogram(*duration, label_names, registry=registry, buckets=BUCKETS)
        self._duration = Children(seconds.labels)

    def started(self) -> None:
        self._in_flight.inc()

    def finished(self, label_values: tuple[str, ...], result: str, seconds: float) -> None:
        self._in_flight.dec()
        self._total[*label_values, result].inc()
        self._duration[label_values].observe(seconds)


class WithoutCreated(Collector):
    """A registry without the `_created` samples, which lengthen the output and are not used."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric


def http_connections(registry: CollectorRegistry) -> Gauge:
    return Gauge(*_CONNECTIONS, registry=registry, multiprocess_mode="livesum")


def ledger_facts(registry: CollectorRegistry) -> Children[Counter]:
    labels = ("kind", "transport", "outcome")
    facts = Children(Counter(*_FACTS, labels, registry=registry).labels)
    for label_values in product(get_args(FactKind), get_args(Transport), get_args(Outcome)):
        facts[label_values].inc(0)  # rate() needs the zero before the first fact
    return facts


def segment_builds(registry: CollectorRegistry) -> tuple[Gauge, Gauge]:
    """The gauges of the number and the progress of builds; 0 and 1 where no sweeper runs."""
    count = Gauge(*_BUILDS, registry=registry, multiprocess_mode="livemax")
    progress = Gauge(*_BUILD_PROGRESS, registry=registry, multiprocess_mode="livemin")
    progress.set(1)
    return count, progress


def build_info(registry: CollectorRegistry, version: str) -> None:
    labels = ("version", "python")
    info = Gauge(*_BUILD_INFO, labels, registry=registry, multiprocess_mode="max")
    info.labels(version, platform.python_version()).set(1)
