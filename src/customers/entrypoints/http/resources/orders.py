"""The routes of a customer's orders: telling facts, and reading the ledger."""

from datetime import datetime
from typing import cast

from aiohttp import web

from customers.core.errors import (
    CustomerNotFound,
    OrderConflict,
    RefundConflict,
    RefundExceedsOrder,
)
from customers.core.model.order import Cancellation, Entry, Order, Refund
from customers.core.model.query import JournalKey
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.http import parameters
from customers.entrypoints.http.lists import journal_query, journal_response
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics


class OrderRoutes:
    name = "Orders"

    def __init__(self, orders: Orders, ledger_metrics: LedgerMetrics, encoder: Encoder) -> None:
        self._orders = orders
        self._ledger_metrics = ledger_metrics
        self._encoder = encoder

    def table(self) -> list[Route]:
        order = f"{CUSTOMER}/orders/{{orderId}}"
        told = {200: shapes.LedgerResult}
        return [
            Route(
                "recordOrder",
                "POST",
                f"{CUSTOMER}/record-order",
                self.record,
                told,
                body=Body(Order),
                refuses=(CustomerNotFound, OrderConflict),
            ),
            Route(
                "refundOrder",
                "POST",
                f"{order}/refunds",
                self.refund,
                told,
                body=Body(Refund),
                refuses=(CustomerNotFound, OrderConflict, RefundConflict, RefundExceedsOrder),
            ),
            Route(
                "cancelOrder",
                "POST",
                f"{order}/cancel",
                self.cancel,
                told,
                body=Body(Cancellation, is_required=False),
                refuses=(CustomerNotFound, OrderConflict),
            ),
            Route(
                "listOrders",
                "GET",
                f"{CUSTOMER}/orders",
                self.all,
                {200: list[shapes.LedgerOrder]},
                query=parameters.JOURNAL,
                refuses=(CustomerNotFound,),
            ),
        ]

    async def record(self, context: RequestContext) -> web.Response:
        """Tell an order

        As often as you like: an order counts once, and a repeat answers `duplicate: true`.
        """
        with self._ledger_metrics.observe("order") as observation:
            order = context.read(Order)
            result = await self._orders.record(context.tenant, context.id("customerId"), order)
            observation.result = result
        return self._response("Order recorded successfully", result)

    async def refund(self, context: RequestContext) -> web.Response:
        """Tell a refund

        Once per order and refund id; it may come before its order.
        """
        with self._ledger_metrics.observe("refund") as observation:
            refund = context.read(Refund)
            result = await self._orders.refund(
                context.tenant, context.id("customerId"), context.order_id, refund
            )
            observation.result = result
        return self._response("Refund recorded successfully", result)

    async def cancel(self, context: RequestContext) -> web.Response:
        """Tell that an order was cancelled

        It stops counting; it may come before its order.
        """
        with self._ledger_metrics.observe("cancellation") as observation:
            if context.body is not None:
                context.read(Cancellation)
            result = await self._orders.cancel(
                context.tenant, context.id("customerId"), context.order_id
            )
            observation.result = result
        return self._response("Order cancelled successfully", result)

    async def all(self, context: RequestContext) -> web.Response:
        """List a customer's orders, newest first"""
        question = journal_query(context, context.query())
        found = await self._orders.newest(
            context.tenant, context.id("customerId"), question.key, question.limit
        )
        return journal_response(context, question, found, self._encoder.entry, _key)

    def _response(self, message: str, result: LedgerResult) -> web.Response:
        body: shapes.LedgerResult = {
            "message": message,
            "customer": self._encoder.customer(result.customer),
            "duplicate": result.duplicate,
        }
        return json_response(body)


def _key(entry: Entry) -> JournalKey:
    """Only told orders are listed, and those have a date."""
    return JournalKey(at=cast("datetime", entry.order_date), id=entry.order_id)
