"""Metrics of the process and of the interpreter, in a form that several processes can share.

The collectors of the Prometheus client cover one process only, so their samples are copied here
into metrics that can be merged. A counter keeps what an ended worker added to it.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import frozen
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Metric,
    PlatformCollector,
    ProcessCollector,
)

Labels: TypeAlias = tuple[str, ...]


@frozen
class _Meaning:
    """The help of a metric, and for a gauge how the values of several workers become one."""

    text: str
    merged_by: Literal["livesum", "livemax", "max"] = "livesum"


_MEANINGS: Mapping[str, _Meaning] = {
    "process_cpu_seconds": _Meaning("Total CPU time of all workers, user and system, in seconds."),
    "process_resident_memory_bytes": _Meaning("Resident memory of all workers, in bytes."),
    "process_virtual_memory_bytes": _Meaning("Virtual memory of all workers, in bytes."),
    "process_open_fds": _Meaning("Open file descriptors of all workers."),
    "process_max_fds": _Meaning("Maximum number of open file descriptors, of all workers."),
    "process_start_time_seconds": _Meaning(
        "Start of the worker that started last, in seconds since 1970.", "livemax"
    ),
    "python_info": _Meaning("Version of Python; the value is always 1.", "max"),
    "python_gc_collections": _Meaning("Total number of garbage collections, by generation."),
    "python_gc_objects_collected": _Meaning(
        "Total number of objects that garbage collections freed, by generation."
    ),
    "python_gc_objects_uncollectable": _Meaning(
        "Total number of objects that garbage collections could not free, by generation."
    ),
}


class ProcessMetrics:
    """The metrics of this process, as of the last sample; those of /proc only where it exists."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._source = CollectorRegistry()
        ProcessCollector(registry=self._source)
        PlatformCollector(registry=self._source)
        GCCollector(registry=self._source)
        self._copies = {
            family.name: _Copy(family, meaning, registry)
            for family in self._source.collect()
            if (meaning := _MEANINGS.get(family.name))
        }

    def sample(self) -> None:
        """Copies the current values."""
        for family in self._source.collect():
            if (copy := self._copies.get(family.name)) is not None:
                copy.update(family)


class _Copy:
    """A copy of a collector's metric that several processes can share."""

    def __init__(self, family: Metric, meaning: _Meaning, registry: CollectorRegistry) -> None:
        self._label_names = tuple(family.samples[0].labels)
        described = (family.name, meaning.text, self._label_names)
        self._metric = (
            Counter(*described, registry=registry)
            if family.type == "counter"
            else Gauge(*described, registry=registry, multiprocess_mode=meaning.merged_by)
        )
        self._last: dict[Labels, float] = {}

    def update(self, family: Metric) -> None:
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in self._label_names)
            metric = self._metric.labels(*labels) if labels else self._metric
            if isinstance(metric, Gauge):
                metric.set(sample.value)
            else:
                metric.inc(sample.value - self._last.get(labels, 0.0))
                self._last[labels] = sample.value
