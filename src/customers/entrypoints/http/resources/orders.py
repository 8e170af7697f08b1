"""The routes of a customer's orders: recording facts, and listing the ledger."""

from functools import partial

from aiohttp import web

from customers.core.errors import CustomerNotFound, OrderNotFound
from customers.core.errors.availability import BatchesBusy
from customers.core.errors.ledger import OrderConflict, RefundConflict, RefundExceedsOrder
from customers.core.model.order import Cancellation, Order, Refund
from customers.core.model.permissions import Permission
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.http.body_sizes import MAX_BYTES
from customers.entrypoints.http.ledger_lists import LedgerQuery, ledger_response
from customers.entrypoints.http.order_batch import OrderBatch, RawOrderBatch, record_batch
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.ledger.batch import OrderBatches
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics


class OrderRoutes:
    name = "Orders"

    def __init__(
        self,
        orders: Orders,
        batches: OrderBatches,
        ledger_metrics: LedgerMetrics,
        decoder: Decoder,
        encoder: Encoder,
    ) -> None:
        self._orders = orders
        self._batches = batches
        self._ledger_metrics = ledger_metrics
        self._decoder = decoder
        self._encoder = encoder

    def table(self) -> list[Route]:
        order = f"{CUSTOMER}/orders/{{orderId}}"
        results = {200: shapes.LedgerResult}
        count_invalid = self._ledger_metrics.count_invalid
        return [
            Route(
                "recordOrder",
                "POST",
                f"{CUSTOMER}/record-order",
                self.record,
                results,
                body=Body(Order),
                errors=(CustomerNotFound, OrderConflict),
                on_invalid=partial(count_invalid, "order"),
                permission=Permission.ORDERS_RECORD,
            ),
            Route(
                "refundOrder",
                "POST",
                f"{order}/refunds",
                self.refund,
                results,
                body=Body(Refund),
                errors=(CustomerNotFound, OrderConflict, RefundConflict, RefundExceedsOrder),
                on_invalid=partial(count_invalid, "refund"),
                permission=Permission.ORDERS_RECORD,
            ),
            Route(
                "cancelOrder",
                "POST",
                f"{order}/cancel",
                self.cancel,
                results,
                body=Body(Cancellation, is_required=False),
                errors=(CustomerNotFound, OrderConflict),
                on_invalid=partial(count_invalid, "cancellation"),
                permission=Permission.ORDERS_RECORD,
            ),
            Route(
                "recordOrderBatch",
                "POST",
                "/customers/orders/batch",
                self.record_batch,
                {200: shapes.OrderBatchResponse},
                body=Body(RawOrderBatch, described_as=OrderBatch),
                max_bytes=MAX_BYTES,
                errors=(BatchesBusy,),
                permission=Permission.ORDERS_RECORD,
            ),
            Route(
                "getOrder",
                "GET",
                order,
                self.get,
                {200: shapes.OrderWithRefunds},
                errors=(CustomerNotFound, OrderNotFound),
                permission=Permission.ORDERS_VIEW,
            ),
            Route(
                "listOrders",
                "GET",
                f"{CUSTOMER}/orders",
                self.all,
                {200: list[shapes.LedgerOrder]},
                query=LedgerQuery,
                errors=(CustomerNotFound,),
                permission=Permission.ORDERS_VIEW,
            ),
        ]

    async def record(self, context: RequestContext, order: Order) -> web.Response:
        """Record an order

        The request can be repeated: an order counts once, and the answer to a repeat has
        `duplicate: true`. The answer for an order that is cancelled has `cancelled: true`.
        """
        with self._ledger_metrics.observe("order") as observation:
            result = await self._orders.record(context.tenant, context.id("customerId"), order)
            observation.result = result
        return self._response("Order recorded successfully", result, with_cancellation=True)

    async def record_batch(self, context: RequestContext, batch: RawOrderBatch) -> web.Response:
        """Record a batch of orders

        Each order is recorded or refused by itself, as by `recordOrder`; the outcomes are in the
        order of the request. The request can be repeated: each order counts once. An order whose
        `tenantId` the caller may not act for has the outcome 403 `TENANT_FORBIDDEN`; one of another
        tenant than that of the request 400 `TENANT_MISMATCH`.
        """
        return json_response(
            await record_batch(
                context, batch.orders, self._decoder, self._batches, self._ledger_metrics
            )
        )

    async def refund(self, context: RequestContext, refund: Refund) -> web.Response:
        """Record a refund

        A refund counts once per order and refund id, and may arrive before its order.
        """
        with self._ledger_metrics.observe("refund") as observation:
            result = await self._orders.refund(
                context.tenant, context.id("customerId"), context.order_id, refund
            )
            observation.result = result
        return self._response("Refund recorded successfully", result)

    async def cancel(self, context: RequestContext, _: Cancellation | None) -> web.Response:
        """Cancel an order

        The order no longer counts. A cancellation may arrive before its order.
        """
        with self._ledger_metrics.observe("cancellation") as observation:
            result = await self._orders.cancel(
                context.tenant, context.id("customerId"), context.order_id
            )
            observation.result = result
        return self._response("Order cancelled successfully", result)

    async def all(self, context: RequestContext, query: LedgerQuery) -> web.Response:
        """List the orders of a customer, newest first"""
        entries = await self._orders.newest(
            context.tenant, context.id("customerId"), query.key, query.size
        )
        return ledger_response(context, query, entries, self._encoder)

    async def get(self, context: RequestContext) -> web.Response:
        """Get an order with its refunds"""
        order = await self._orders.get(context.tenant, context.id("customerId"), context.order_id)
        return json_response(self._encoder.order(order))

    def _response(
        self, message: str, result: LedgerResult, *, with_cancellation: bool = False
    ) -> web.Response:
        body: shapes.LedgerResult = {
            "message": message,
            "customer": self._encoder.customer(result.customer),
            "duplicate": result.duplicate,
        }
        if with_cancellation and result.is_cancelled:
            body["cancelled"] = True
        return json_response(body)
