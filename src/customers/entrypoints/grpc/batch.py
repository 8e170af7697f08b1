"""The orders of one call: each told by itself, with its own end.

Which of them may be told at the same time is the business of `turns.py`.
"""

from collections.abc import Callable, Collection, Hashable

from customers.core.errors import Invalid, Unavailable
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.grpc.errors import status_of
from customers.entrypoints.grpc.generated.customers_pb2 import (
    RecordOrderOutcome,
    RecordOrderResponse,
)
from customers.entrypoints.grpc.messages import OrderCommand
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics


class Batch:
    """Once the storage is away, the rest of the batch is refused without asking it again."""

    def __init__(
        self,
        orders: Orders,
        ledger_metrics: LedgerMetrics,
        shown: Callable[[LedgerResult], RecordOrderResponse],
    ) -> None:
        self._orders = orders
        self._ledger_metrics = ledger_metrics
        self._shown = shown
        self._is_away = False

    async def outcome(self, told: OrderCommand | Invalid) -> RecordOrderOutcome:
        """What became of one order, which may have been refused when it was read."""
        try:
            with self._ledger_metrics.observe("order") as observation:
                result = observation.result = await self._record(told)
            return RecordOrderOutcome(recorded=self._shown(result))
        except Exception as error:
            return RecordOrderOutcome(error=status_of(error))

    async def _record(self, told: OrderCommand | Invalid) -> LedgerResult:
        if isinstance(told, Invalid):
            raise told
        if self._is_away:
            raise Unavailable
        try:
            return await self._orders.record(told.tenant_id, told.customer_id, told)
        except Unavailable:
            self._is_away = True
            raise


def touched(told: OrderCommand | Invalid) -> Collection[Hashable]:
    """What orders must share to be told one after the other: an order id, or a customer."""
    if isinstance(told, Invalid):
        return ()
    return ((told.tenant_id, told.customer_id), (told.tenant_id, told.order_id))
