"""The gRPC service: records orders, refunds and cancellations by the same use cases as REST.

A call that has started is completed even when its caller disconnects. Errors are raised; the
interceptor turns them into statuses.
"""

import asyncio
from typing import Any

from grpc.aio import ServicerContext

from customers.core.errors import Invalid, Problem
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.grpc.background_tasks import BackgroundTasks
from customers.entrypoints.grpc.batch import Batch
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    CancelOrderResponse,
    RecordOrderRequest,
    RecordOrderResponse,
    RecordOrdersRequest,
    RecordOrdersResponse,
    RefundOrderRequest,
    RefundOrderResponse,
)
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceServicer
from customers.entrypoints.grpc.messages import Messages
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics

MAX_BATCH_ORDERS = 1_000
# Orders of batches that are recorded concurrently, over all batches: fewer than the connections of
# a pool, so that single calls are still served.
MAX_CONCURRENT_ORDERS = 4

Context = ServicerContext[Any, Any]


class Ledger(CustomersServiceServicer):
    def __init__(
        self,
        orders: Orders,
        ledger_metrics: LedgerMetrics,
        messages: Messages,
        background_tasks: BackgroundTasks,
    ) -> None:
        self._orders = orders
        self._ledger_metrics = ledger_metrics
        self._messages = messages
        self._background_tasks = background_tasks
        self._batch_slots = asyncio.Semaphore(MAX_CONCURRENT_ORDERS)

    async def RecordOrder(  # noqa: N802 - the names of the contract
        self, request: RecordOrderRequest, _: Context
    ) -> RecordOrderResponse:
        result = await self._background_tasks.run(self._record(request))
        return self._messages.response(RecordOrderResponse, result)

    async def RefundOrder(  # noqa: N802
        self, request: RefundOrderRequest, _: Context
    ) -> RefundOrderResponse:
        result = await self._background_tasks.run(self._refund(request))
        return self._messages.response(RefundOrderResponse, result)

    async def CancelOrder(  # noqa: N802
        self, request: CancelOrderRequest, _: Context
    ) -> CancelOrderResponse:
        result = await self._background_tasks.run(self._cancel(request))
        return self._messages.response(CancelOrderResponse, result)

    async def RecordOrders(  # noqa: N802
        self, request: RecordOrdersRequest, _: Context
    ) -> RecordOrdersResponse:
        if len(request.orders) > MAX_BATCH_ORDERS:
            raise Invalid([_TOO_MANY_ORDERS])
        batch = Batch(self._orders, self._ledger_metrics, self._messages)
        recording = batch.record(request.orders, self._batch_slots)
        return RecordOrdersResponse(outcomes=await self._background_tasks.run(recording))

    async def _record(self, request: RecordOrderRequest) -> LedgerResult:
        with self._ledger_metrics.observe("order") as observation:
            order = self._messages.order(request)
            result = await self._orders.record(order.tenant_id, order.customer_id, order)
            observation.result = result
        return result

    async def _refund(self, request: RefundOrderRequest) -> LedgerResult:
        with self._ledger_metrics.observe("refund") as observation:
            refund = self._messages.refund(request)
            result = await self._orders.refund(
                refund.tenant_id, refund.customer_id, refund.order_id, refund
            )
            observation.result = result
        return result

    async def _cancel(self, request: CancelOrderRequest) -> LedgerResult:
        with self._ledger_metrics.observe("cancellation") as observation:
            cancellation = self._messages.cancellation(request)
            result = await self._orders.cancel(
                cancellation.tenant_id, cancellation.customer_id, cancellation.order_id
            )
            observation.result = result
        return result


_TOO_MANY_ORDERS = Problem(
    field="orders", message=f"must be at most {MAX_BATCH_ORDERS:,} orders", code="MAX_LENGTH"
)
