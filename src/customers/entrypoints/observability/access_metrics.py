"""Counts the calls, and the orders of batches, that access control refused, by reason."""

from prometheus_client import CollectorRegistry, Counter

from customers.entrypoints.observability.instruments import Children

_REFUSALS = (
    "customers_access_refused",
    "Total number of calls, and of orders in batches, that were refused because of who called, by "
    "reason: the code of the error in lower case. See docs/security.md.",
)


def access_refusals(registry: CollectorRegistry) -> Children[Counter]:
    return Children(Counter(*_REFUSALS, ("reason",), registry=registry).labels)
