"""The gRPC service: records orders, refunds and cancellations by the same use cases as REST.

The interceptor lets calls about one order in, completes those that have begun even when the caller
disconnects, and turns errors into statuses. Batches are admitted by the number of their orders.
"""

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from grpc.aio import ServicerContext

from customers.bulkheads.turns import in_slices
from customers.core.errors import Invalid
from customers.core.errors.access import TenantForbidden
from customers.core.model.principal import Principal
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.grpc.access import choose_tenant, principal_of_call
from customers.entrypoints.grpc.errors import status_of
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    CancelOrderResponse,
    RecordOrderOutcome,
    RecordOrderRequest,
    RecordOrderResponse,
    RecordOrdersRequest,
    RecordOrdersResponse,
    RefundOrderRequest,
    RefundOrderResponse,
)
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceServicer
from customers.entrypoints.grpc.messages import Messages
from customers.entrypoints.ledger.batch import TOO_MANY_ORDERS, OrderBatches, Outcome
from customers.entrypoints.ledger.batch_room import MAX_BATCH_ORDERS
from customers.entrypoints.ledger.commands import OrderCommand
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics

Context = ServicerContext[Any, Any]


@frozen
class Ledger(CustomersServiceServicer):
    _orders: Orders
    _batches: OrderBatches
    _ledger_metrics: LedgerMetrics
    _messages: Messages

    async def RecordOrder(  # noqa: N802 - the names of the contract
        self, request: RecordOrderRequest, _: Context
    ) -> RecordOrderResponse:
        result = await self._record(request)
        return self._messages.response(RecordOrderResponse, result)

    async def RefundOrder(  # noqa: N802
        self, request: RefundOrderRequest, _: Context
    ) -> RefundOrderResponse:
        result = await self._refund(request)
        return self._messages.response(RefundOrderResponse, result)

    async def CancelOrder(  # noqa: N802
        self, request: CancelOrderRequest, _: Context
    ) -> CancelOrderResponse:
        result = await self._cancel(request)
        return self._messages.response(CancelOrderResponse, result)

    async def RecordOrders(  # noqa: N802
        self, request: RecordOrdersRequest, _: Context
    ) -> RecordOrdersResponse:
        if len(request.orders) > MAX_BATCH_ORDERS:
            raise Invalid([TOO_MANY_ORDERS])
        principal = principal_of_call()
        errors = [_tenant_error(order, principal) for order in request.orders]
        orders = list(zip(request.orders, errors, strict=True))
        with self._batches.admit(order.tenant_id for order, error in orders if error is None):
            return await self._record_batch(orders)

    async def _record_batch(
        self, orders: Iterable[tuple[RecordOrderRequest, TenantForbidden | None]]
    ) -> RecordOrdersResponse:
        commands = [error or self._read(request) async for request, error in in_slices(orders)]
        outcomes = await self._batches.record(commands, self._ledger_metrics)
        encoded = [self._outcome(outcome) async for outcome in in_slices(outcomes)]
        return RecordOrdersResponse(outcomes=encoded)

    def _read(self, request: RecordOrderRequest) -> OrderCommand | Invalid:
        try:
            return self._messages.order(request)
        except Invalid as invalid:
            return invalid

    def _outcome(self, outcome: Outcome) -> RecordOrderOutcome:
        if isinstance(outcome, LedgerResult):
            response = self._messages.response(RecordOrderResponse, outcome)
            return RecordOrderOutcome(recorded=response)
        return RecordOrderOutcome(error=status_of(outcome))

    async def _record(self, request: RecordOrderRequest) -> LedgerResult:
        with self._ledger_metrics.observe("order") as observation:
            order = self._messages.order(request)
            key = (order.tenant_id, order.customer_id)
            observation.result = result = await self._orders.record(*key, order)
        return result

    async def _refund(self, request: RefundOrderRequest) -> LedgerResult:
        with self._ledger_metrics.observe("refund") as observation:
            refund = self._messages.refund(request)
            key = (refund.tenant_id, refund.customer_id, refund.order_id)
            observation.result = result = await self._orders.refund(*key, refund)
        return result

    async def _cancel(self, request: CancelOrderRequest) -> LedgerResult:
        with self._ledger_metrics.observe("cancellation") as observation:
            order = self._messages.cancellation(request)
            key = (order.tenant_id, order.customer_id, order.order_id)
            observation.result = result = await self._orders.cancel(*key)
        return result


def _tenant_error(request: RecordOrderRequest, principal: Principal) -> TenantForbidden | None:
    """The error of an order for whose tenant the principal may not act; None for other orders."""
    try:
        choose_tenant(request, principal)
    except TenantForbidden as error:
        return error
    return None
