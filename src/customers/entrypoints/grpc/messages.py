"""Messages to core values and back: the one mapping of the gRPC interface.

A request is read as the JSON of the same fact would be, by the same reader and through the same
gates; what is wrong with it is then named by the fields of the message.
"""

from collections.abc import Mapping
from typing import TypeVar

from attrs import AttrsInstance, evolve, frozen
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.customer import Customer
from customers.core.model.money import Currency
from customers.core.model.order import Order, OrderId, Refund
from customers.core.model.values import Id, Tenant
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    CustomerStatistics,
    RecordOrderRequest,
    RefundOrderRequest,
)
from customers.entrypoints.grpc.money import amount_of, moment_of, money_of, timestamp_of
from customers.entrypoints.json.decode import Decoder

Kind = TypeVar("Kind", bound=AttrsInstance)
Told = str | Money | Timestamp | None

# Keys of the JSON to fields of the messages.
_COMMON = {"tenantId": "tenant_id", "customerId": "customer_id", "orderId": "order_id"}
_ORDER = _COMMON | {
    "totalAmount": "order_total",
    "currency": "order_total.currency_code",
    "orderDate": "order_date",
    "orderNumber": "order_number",
}
_REFUND = _COMMON | {
    "refundId": "refund_id",
    "amount": "amount",
    "currency": "amount.currency_code",
    "refundedAt": "refund_date",
}


@frozen(kw_only=True)
class OrderCommand(Order):
    """An order, and whose it is."""

    tenant_id: Tenant
    customer_id: Id


@frozen(kw_only=True)
class RefundCommand(Refund):
    """A refund, and of what."""

    tenant_id: Tenant
    customer_id: Id
    order_id: OrderId


@frozen(kw_only=True)
class CancellationCommand:
    tenant_id: Tenant
    customer_id: Id
    order_id: OrderId


class Messages:
    """Reads requests and writes answers; amounts are in the deployment's currency.

    Reading raises Invalid, which names every bad field by its path in the request.
    """

    def __init__(self, decoder: Decoder, currency: Currency) -> None:
        self._decoder = decoder
        self._currency = currency

    def order(self, request: RecordOrderRequest) -> OrderCommand:
        return self._read(
            OrderCommand,
            _ORDER,
            tenantId=request.tenant_id,
            customerId=request.customer_id,
            orderId=request.order_id,
            totalAmount=request.order_total if request.HasField("order_total") else None,
            currency=request.order_total.currency_code,
            orderDate=request.order_date if request.HasField("order_date") else None,
            orderNumber=request.order_number,
        )

    def refund(self, request: RefundOrderRequest) -> RefundCommand:
        return self._read(
            RefundCommand,
            _REFUND,
            tenantId=request.tenant_id,
            customerId=request.customer_id,
            orderId=request.order_id,
            refundId=request.refund_id,
            amount=request.amount if request.HasField("amount") else None,
            currency=request.amount.currency_code,
            refundedAt=request.refund_date if request.HasField("refund_date") else None,
        )

    def cancellation(self, request: CancelOrderRequest) -> CancellationCommand:
        return self._read(
            CancellationCommand,
            _COMMON,
            tenantId=request.tenant_id,
            customerId=request.customer_id,
            orderId=request.order_id,
        )

    def statistics(self, customer: Customer) -> CustomerStatistics:
        known = customer.statistics
        return CustomerStatistics(
            customer_id=str(customer.id),
            total_orders=known.total_orders,
            total_spent=money_of(known.total_spent, self._currency),
            average_order_value=money_of(known.average_order_value, self._currency),
            lifetime_value=money_of(known.lifetime_value, self._currency),
            first_order_date=timestamp_of(known.first_order_date),
            last_order_date=timestamp_of(known.last_order_date),
        )

    def _read(self, kind: type[Kind], fields: Mapping[str, str], **told: Told) -> Kind:
        body, problems = self._as_json(told)
        misread = {problem.field for problem in problems}
        try:
            read = self._decoder.decode(kind, body)
        except Invalid as invalid:
            # A field that could not be read is missing from the body, which is no news.
            problems += [each for each in invalid.problems if each.field not in misread]
            raise _named(problems, fields) from invalid
        if problems:
            raise _named(problems, fields)
        return read

    def _as_json(self, told: Mapping[str, Told]) -> tuple[dict[str, object], list[Problem]]:
        body: dict[str, object] = {}
        problems = []
        for key, value in told.items():
            try:
                body[key] = self._plain(value)
            except InvalidValue as refused:
                problems.append(refused.at(key))
        return body, problems

    def _plain(self, value: Told) -> object:
        if isinstance(value, Money):
            return amount_of(value, self._currency)
        if isinstance(value, Timestamp):
            return moment_of(value)
        return value or None  # a text that was not given is an empty one


def _named(problems: list[Problem], fields: Mapping[str, str]) -> Invalid:
    return Invalid([evolve(each, field=fields[each.field], pointer=None) for each in problems])
