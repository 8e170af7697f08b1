"""Metrics of refusals: what a limit or a wall of the service turned away, by kind."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

_REFUSALS: Final = (
    "customers_refusals",
    "Total number of requests, calls and connections that a limit refused, by kind of limit.",
)


class RefusalMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._total = Counter(*_REFUSALS, ("kind",), registry=registry)

    def refused(self, kind: str) -> None:
        """Counts a refusal; the kind names a limit, never a tenant."""
        self._total.labels(kind).inc()
