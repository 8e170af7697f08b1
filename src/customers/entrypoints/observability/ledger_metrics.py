"""Counts the facts that callers report to the ledger, by kind, transport and outcome."""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define

from customers.core.errors import Conflict, CustomersError, Invalid, NotFound, Unavailable
from customers.core.services.orders import LedgerResult
from customers.entrypoints.observability.instruments import FactKind, Outcome, Transport
from customers.entrypoints.observability.metrics import Metrics

_OUTCOMES: tuple[tuple[type[CustomersError], Outcome], ...] = (
    (NotFound, "not_found"),
    (Conflict, "conflict"),
    (Invalid, "invalid"),
    (Unavailable, "unavailable"),
)


@define
class Observation:
    """One fact while it is recorded; the `with` block sets the result."""

    result: LedgerResult | None = None


class LedgerMetrics:
    def __init__(self, metrics: Metrics, transport: Transport) -> None:
        self._metrics = metrics
        self._transport: Transport = transport

    @contextmanager
    def observe(self, kind: FactKind) -> Iterator[Observation]:
        """Counts one fact when the block ends, by the block's result or error.

        Other exceptions than CustomersError are not counted.
        """
        observation = Observation()
        try:
            yield observation
        except CustomersError as error:
            self._count(kind, _outcome(error))
            raise
        if observation.result is not None:
            self._count(kind, "duplicate" if observation.result.duplicate else "recorded")

    def count_invalid(self, kind: FactKind) -> None:
        """Counts a fact that was refused before it could be recorded."""
        self._count(kind, "invalid")

    def _count(self, kind: FactKind, outcome: Outcome | None) -> None:
        if outcome is not None:
            self._metrics.count_fact(kind=kind, transport=self._transport, outcome=outcome)


def _outcome(error: CustomersError) -> Outcome | None:
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), None)
