"""Metrics of the places that tenants share: for database connections, and for requests in progress.

No label names a tenant. Of the busiest tenant only the number of its places is shown.
"""

from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from customers.bulkheads.shares import Usage
from customers.entrypoints.observability.instruments import Children

# By resource, the function that returns its current usage.
Usages = Mapping[str, Callable[[], Usage]]

_SIZE = (
    "customers_shares_max",
    "Places that tenants share, by resource: connections (POOL_SIZE of every worker), "
    "analytic_connections (ANALYTIC_POOL_SIZE of every worker), requests (those in progress).",
)
_TAKEN = ("customers_shares_taken", "Places taken by all tenants.")
_BUSIEST = (
    "customers_shares_busiest_tenant",
    "Places taken by the tenant that has the most; of several workers, the largest number.",
)
_WAITING = ("customers_shares_waiting", "Requests that wait for a place.")


class ShareMetrics:
    """How the places are used, as of the last sample."""

    def __init__(self, registry: CollectorRegistry, usages: Usages) -> None:
        gauge = partial(Gauge, labelnames=("resource",), registry=registry)
        self._usages = usages
        self._size = Children(gauge(*_SIZE, multiprocess_mode="livesum").labels)
        self._taken = Children(gauge(*_TAKEN, multiprocess_mode="livesum").labels)
        self._busiest = Children(gauge(*_BUSIEST, multiprocess_mode="livemax").labels)
        self._waiting = Children(gauge(*_WAITING, multiprocess_mode="livesum").labels)

    def sample(self) -> None:
        for resource, usage_of in self._usages.items():
            usage = usage_of()
            self._size[(resource,)].set(usage.size)
            self._taken[(resource,)].set(usage.taken)
            self._busiest[(resource,)].set(usage.busiest)
            self._waiting[(resource,)].set(usage.waiting)
