"""Counts refused requests by kind, never by tenant."""

from prometheus_client import CollectorRegistry, Counter

from customers.entrypoints.observability.instruments import Children

_REFUSALS = (
    "customers_refusals",
    "Total number of requests that a limit refused, by kind of limit. See docs/limits.md.",
)


class RefusalMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._refusals = Children(Counter(*_REFUSALS, ("kind",), registry=registry).labels)

    def refused(self, kind: str) -> None:
        """Counts a request that the limit of this kind refused."""
        self._refusals[(kind,)].inc()
