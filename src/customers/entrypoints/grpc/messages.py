"""The messages of the gRPC interface: turns requests into commands, and results into responses."""

from typing import TypeVar

from customers.core.model.customer import Customer
from customers.core.model.money import Currency
from customers.core.model.tenant import TenantGate
from customers.core.ports.clock import Clock
from customers.core.services.orders import LedgerResult
from customers.entrypoints.grpc.command_reader import CommandReader, DeploymentGates
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    CancelOrderResponse,
    CustomerStatistics,
    RecordOrderRequest,
    RecordOrderResponse,
    RefundOrderRequest,
    RefundOrderResponse,
)
from customers.entrypoints.grpc.money import money_of, timestamp_of
from customers.entrypoints.ledger.commands import CancellationCommand, OrderCommand, RefundCommand

Response = TypeVar("Response", RecordOrderResponse, RefundOrderResponse, CancelOrderResponse)

_ORDER_PATHS = {"total_amount": "order_total", "currency": "order_total.currency_code"}
_REFUND_PATHS = {"refunded_at": "refund_date", "currency": "amount.currency_code"}


class Messages:
    """Reads requests and builds responses; amounts are in the deployment's currency.

    Reading raises Invalid, which names every invalid field by its path in the request.
    """

    def __init__(self, currency: Currency, clock: Clock, tenants: TenantGate) -> None:
        self._currency = currency
        gates = DeploymentGates(currency=currency, clock=clock, tenants=tenants)
        self._orders = CommandReader(OrderCommand, gates, _ORDER_PATHS)
        self._refunds = CommandReader(RefundCommand, gates, _REFUND_PATHS)
        self._cancellations = CommandReader(CancellationCommand, gates, {})

    def order(self, request: RecordOrderRequest) -> OrderCommand:
        return self._orders.read(request)

    def refund(self, request: RefundOrderRequest) -> RefundCommand:
        return self._refunds.read(request)

    def cancellation(self, request: CancelOrderRequest) -> CancellationCommand:
        return self._cancellations.read(request)

    def response(self, kind: type[Response], result: LedgerResult) -> Response:
        return kind(statistics=self._statistics(result.customer), duplicate=result.duplicate)

    def _statistics(self, customer: Customer) -> CustomerStatistics:
        statistics = customer.statistics
        return CustomerStatistics(
            customer_id=str(customer.id),
            total_orders=statistics.total_orders,
            total_spent=money_of(statistics.total_spent, self._currency),
            average_order_value=money_of(statistics.average_order_value, self._currency),
            lifetime_value=money_of(statistics.lifetime_value, self._currency),
            first_order_date=timestamp_of(statistics.first_order_date),
            last_order_date=timestamp_of(statistics.last_order_date),
        )
