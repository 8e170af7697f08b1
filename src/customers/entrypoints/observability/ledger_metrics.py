"""Counting ledger facts by outcome, whichever way they were told."""

from collections.abc import Awaitable, Callable

from customers.core.errors import Conflict, CustomersError, Invalid, NotFound, Unavailable
from customers.core.services.orders import LedgerResult
from customers.entrypoints.observability.metrics import FactKind, Metrics, Outcome, Transport

_OUTCOMES: tuple[tuple[type[CustomersError], Outcome], ...] = (
    (NotFound, "not_found"),
    (Conflict, "conflict"),
    (Invalid, "invalid"),
    (Unavailable, "unavailable"),
)


class LedgerMetrics:
    """Tells facts and counts what became of them."""

    def __init__(self, metrics: Metrics, transport: Transport) -> None:
        self._metrics = metrics
        self._transport: Transport = transport

    async def tell(
        self, kind: FactKind, telling: Callable[[], Awaitable[LedgerResult]]
    ) -> LedgerResult:
        """Awaits what `telling` begins; refusals are counted and go on."""
        try:
            recorded = await telling()
        except CustomersError as error:
            self._count(kind, _outcome(error))
            raise
        self._count(kind, "duplicate" if recorded.duplicate else "recorded")
        return recorded

    def _count(self, kind: FactKind, outcome: Outcome | None) -> None:
        if outcome is not None:
            self._metrics.fact(kind=kind, transport=self._transport, outcome=outcome)


def _outcome(error: CustomersError) -> Outcome | None:
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), None)
