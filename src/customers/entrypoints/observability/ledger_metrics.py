"""Counts the facts that callers report to the ledger, by kind, transport and outcome."""

from types import TracebackType
from typing import Self

from attrs import define, field

from customers.core.errors import Conflict, CustomersError, Invalid, NotFound
from customers.core.errors.availability import Busy, Unavailable
from customers.core.services.orders import LedgerResult
from customers.entrypoints.observability.instruments import FactKind, Outcome, Transport
from customers.entrypoints.observability.metrics import Metrics

_OUTCOMES: tuple[tuple[type[CustomersError], Outcome], ...] = (
    (NotFound, "not_found"),
    (Conflict, "conflict"),
    (Invalid, "invalid"),
    (Busy, "unavailable"),
    (Unavailable, "unavailable"),
)


@define
class Observation:
    """Counts one fact when its `with` block ends; the block sets `result`."""

    _metrics: "LedgerMetrics"
    _kind: FactKind
    result: LedgerResult | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if (outcome := error or self.result) is not None:
            self._metrics.count_outcome(self._kind, outcome)


class LedgerMetrics:
    def __init__(self, metrics: Metrics, transport: Transport) -> None:
        self._metrics = metrics
        self._transport: Transport = transport

    def observe(self, kind: FactKind) -> Observation:
        """A context manager that counts one fact, as `count_outcome` does."""
        return Observation(self, kind)

    def count_invalid(self, kind: FactKind) -> None:
        """Counts a fact whose request was refused as invalid before the use case was called."""
        self.count(kind, "invalid")

    def count_outcome(self, kind: FactKind, outcome: LedgerResult | BaseException) -> None:
        """Counts a fact by its result or error; errors that are not in `_OUTCOMES` do not count."""
        if isinstance(outcome, LedgerResult):
            self.count(kind, "duplicate" if outcome.duplicate else "recorded")
        elif isinstance(outcome, CustomersError):
            self.count(kind, _outcome(outcome))

    def count(self, kind: FactKind, outcome: Outcome | None) -> None:
        """Counts a fact, unless its outcome is None."""
        if outcome is not None:
            self._metrics.count_fact(kind=kind, transport=self._transport, outcome=outcome)

    def count_access_refusals(self, reason: str, count: int) -> None:
        """Counts orders of a batch that access control refused."""
        self._metrics.access_refused(reason, count)


def _outcome(error: CustomersError) -> Outcome | None:
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), None)
