"""The service of the RPC contract: facts about orders, told to the same use cases as over REST.

A call that has begun is finished, whatever becomes of its caller. What is refused is raised; the
frame around every call makes statuses of it.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from grpc.aio import ServicerContext

from customers.core.errors import Invalid, Problem
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.grpc.background_tasks import BackgroundTasks
from customers.entrypoints.grpc.batch import Batch, touched
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
from customers.entrypoints.grpc.keyed_order import in_turn
from customers.entrypoints.grpc.messages import Messages, OrderCommand
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics

MOST_ORDERS = 1_000
# Orders out of batches that are told at one time, all batches together: less than a pool has
# connections, so that single calls are still served.
AT_ONCE = 4

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
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def RecordOrder(  # noqa: N802 - the names of the contract
        self, request: RecordOrderRequest, _: Context
    ) -> RecordOrderResponse:
        result = await self._background_tasks.through(self._record(request))
        return self._recorded(result)

    async def RefundOrder(  # noqa: N802
        self, request: RefundOrderRequest, _: Context
    ) -> RefundOrderResponse:
        result = await self._background_tasks.through(self._refund(request))
        statistics = self._messages.statistics(result.customer)
        return RefundOrderResponse(statistics=statistics, duplicate=result.duplicate)

    async def CancelOrder(  # noqa: N802
        self, request: CancelOrderRequest, _: Context
    ) -> CancelOrderResponse:
        result = await self._background_tasks.through(self._cancel(request))
        statistics = self._messages.statistics(result.customer)
        return CancelOrderResponse(statistics=statistics, duplicate=result.duplicate)

    async def RecordOrders(  # noqa: N802
        self, request: RecordOrdersRequest, _: Context
    ) -> RecordOrdersResponse:
        if len(request.orders) > MOST_ORDERS:
            raise Invalid([_TOO_MANY])
        outcomes = await self._background_tasks.through(self._tell_all(request.orders))
        return RecordOrdersResponse(outcomes=outcomes)

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

    async def _tell_all(self, requests: Iterable[RecordOrderRequest]) -> list[RecordOrderOutcome]:
        told = []
        for request in requests:
            told.append(self._read(request))
            await asyncio.sleep(0)  # a thousand take a while to read, and others are waiting
        batch = Batch(self._orders, self._ledger_metrics, self._recorded)
        return await in_turn(told, touched, batch.outcome, self._at_once)

    def _read(self, request: RecordOrderRequest) -> OrderCommand | Invalid:
        try:
            return self._messages.order(request)
        except Invalid as invalid:
            return invalid

    def _recorded(self, recorded: LedgerResult) -> RecordOrderResponse:
        statistics = self._messages.statistics(recorded.customer)
        return RecordOrderResponse(statistics=statistics, duplicate=recorded.duplicate)


_TOO_MANY = Problem(
    field="orders", message=f"must be at most {MOST_ORDERS:,} orders", code="MAX_LENGTH"
)
