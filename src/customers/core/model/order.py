"""Orders, refunds and cancellations as callers report them, and the statistics of a customer.

Such a report is called a fact. Facts may arrive in any order and more than once: if all are
accepted and state their dates, they give the same statistics. Ledger entries are in `ledger`.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, NewType, Self

from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.moments import Moment, MomentGate
from customers.core.model.money import ZERO, Currency, CurrencyCode, Money
from customers.core.model.values import TextGate, VisibleGate

MAX_AHEAD = timedelta(days=1)

OrderId = Annotated[str, VisibleGate(max_length=100)]
RefundId = Annotated[str, VisibleGate(max_length=100)]
OrderNumber = Annotated[str, TextGate(max_length=100)]
OrderDate = NewType("OrderDate", datetime)
RefundAmount = NewType("RefundAmount", Decimal)


@frozen(kw_only=True)
class Order:
    """An order as reported. `order_date` None means now; `currency` None means that of the
    deployment.
    """

    order_id: OrderId
    total_amount: Money
    order_date: OrderDate | None = None
    order_number: OrderNumber = ""
    currency: CurrencyCode | None = None


@frozen(kw_only=True)
class Refund:
    """A refund as reported. `refunded_at` None means now; `currency` None means that of the
    deployment.
    """

    refund_id: RefundId
    amount: RefundAmount
    refunded_at: Moment | None = None
    currency: CurrencyCode | None = None


@frozen(kw_only=True)
class Cancellation:
    """A cancellation as reported; the path of the request names the order."""

    currency: CurrencyCode | None = None


@frozen(kw_only=True)
class StoredRefund:
    """A refund in the ledger, once per `(order_id, refund_id)`."""

    order_id: str
    refund_id: str
    amount: Decimal
    refunded_at: datetime
    recorded_at: datetime

    @classmethod
    def of(cls, refund: Refund, order_id: str, *, now: datetime) -> Self:
        return cls(
            order_id=order_id,
            refund_id=refund.refund_id,
            amount=refund.amount,
            refunded_at=refund.refunded_at or now,
            recorded_at=now,
        )


@frozen(kw_only=True, weakref_slot=False)
class Statistics:
    """The statistics of a customer, computed from the ledger. The dates are those of the first and
    the last order that is not cancelled.
    """

    total_orders: int = 0
    total_spent: Decimal = ZERO
    first_order_date: datetime | None = None
    last_order_date: datetime | None = None
    average_order_value: Decimal = ZERO

    @property
    def lifetime_value(self) -> Decimal:
        return self.total_spent


NO_ORDERS = Statistics()


def order_date(raw: object, *, now: datetime) -> OrderDate:
    """The gate of order dates: a moment, at most a day in the future. Raises InvalidValue."""
    moment = MomentGate().read(raw)
    if moment > now + MAX_AHEAD:
        raise InvalidValue("INVALID_VALUE", "must not be more than a day in the future")
    return OrderDate(moment)


def refund_amount(raw: object, currency: Currency) -> RefundAmount:
    """The gate of refund amounts: an amount of money above 0. Raises InvalidValue."""
    amount = currency.amount(raw)
    if not amount:
        raise InvalidValue("INVALID_VALUE", "must be greater than 0")
    return RefundAmount(amount)
