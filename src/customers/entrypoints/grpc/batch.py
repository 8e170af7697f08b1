"""A batch of orders: each is recorded or refused on its own.

Which orders of a batch may run concurrently is decided in `keyed_order.py`.
"""

import asyncio
from collections.abc import Collection, Hashable, Iterable

from customers.core.errors import Invalid, Unavailable
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.grpc.commands import OrderCommand
from customers.entrypoints.grpc.errors import status_of
from customers.entrypoints.grpc.generated.customers_pb2 import (
    RecordOrderOutcome,
    RecordOrderRequest,
    RecordOrderResponse,
)
from customers.entrypoints.grpc.keyed_order import run_in_key_order
from customers.entrypoints.grpc.messages import Messages
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics


class Batch:
    """One batch. After the storage was unavailable once, its other orders fail without a try."""

    def __init__(self, orders: Orders, ledger_metrics: LedgerMetrics, messages: Messages) -> None:
        self._orders = orders
        self._ledger_metrics = ledger_metrics
        self._messages = messages
        self._is_storage_unavailable = False

    async def record(
        self, requests: Iterable[RecordOrderRequest], slots: asyncio.Semaphore
    ) -> list[RecordOrderOutcome]:
        """The outcome of each order, in the order of the requests."""
        commands = []
        for request in requests:
            commands.append(self._read(request))
            await asyncio.sleep(0)  # reading a thousand orders takes a while: let others run
        return await run_in_key_order(commands, _keys, self._outcome, slots)

    def _read(self, request: RecordOrderRequest) -> OrderCommand | Invalid:
        try:
            return self._messages.order(request)
        except Invalid as invalid:
            return invalid

    async def _outcome(self, command: OrderCommand | Invalid) -> RecordOrderOutcome:
        try:
            with self._ledger_metrics.observe("order") as observation:
                result = observation.result = await self._record(command)
            response = self._messages.response(RecordOrderResponse, result)
            return RecordOrderOutcome(recorded=response)
        except Exception as error:
            return RecordOrderOutcome(error=status_of(error))

    async def _record(self, command: OrderCommand | Invalid) -> LedgerResult:
        if isinstance(command, Invalid):
            raise command
        if self._is_storage_unavailable:
            raise Unavailable
        try:
            return await self._orders.record(command.tenant_id, command.customer_id, command)
        except Unavailable:
            self._is_storage_unavailable = True
            raise


def _keys(command: OrderCommand | Invalid) -> Collection[Hashable]:
    """Orders of the same customer, or with the same id, are recorded one after another."""
    if isinstance(command, Invalid):
        return ()
    return ((command.tenant_id, command.customer_id), (command.tenant_id, command.order_id))
