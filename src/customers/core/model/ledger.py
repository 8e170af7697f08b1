"""The ledger: what has been recorded of orders, and the statistics that follow from it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Self
from uuid import UUID

from attrs import evolve, frozen

from customers.core.errors.ledger import (
    TOO_MUCH,
    Difference,
    OrderConflict,
    RefundConflict,
    RefundExceedsOrder,
)
from customers.core.model.money import ZERO, Currency
from customers.core.model.order import Order, Refund, Statistics, StoredRefund


class OrderStatus(StrEnum):
    """The status of an order as shoppers see it; an order has exactly one."""

    COMPLETED = "completed"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


@frozen(kw_only=True, weakref_slot=False)
class Entry:
    """One order in the ledger. Until the order is recorded the entry is a stub: `total_amount` is
    None, and it has the refunds and the cancellation that arrived before the order.

    `refunds_total` is the sum of the order's refunds; `order_date_stated` is whether the caller
    stated the order date.
    """

    order_id: str
    customer_id: UUID
    order_number: str = ""
    total_amount: Decimal | None = None
    order_date: datetime | None = None
    order_date_stated: bool = False
    refunds_total: Decimal = ZERO
    cancelled_at: datetime | None = None
    recorded_at: datetime | None = None

    @classmethod
    def of(cls, order: Order, customer_id: UUID, *, now: datetime) -> Self:
        """The entry of a new order."""
        return cls(order_id=order.order_id, customer_id=customer_id)._with_order(order, now=now)

    @property
    def is_recorded(self) -> bool:
        return self.total_amount is not None

    @property
    def counts(self) -> bool:
        """Whether the order counts in the statistics."""
        return self.is_recorded and self.cancelled_at is None

    @property
    def refunded_amount(self) -> Decimal:
        """The sum of the refunds, at most the amount of the order."""
        return min(self.refunds_total, self.total_amount or ZERO)

    @property
    def spent(self) -> Decimal:
        return (self.total_amount or ZERO) - self.refunded_amount if self.counts else ZERO

    @property
    def status(self) -> OrderStatus:
        """Cancelled if the order was cancelled; else refunded if its whole amount was; else
        completed.
        """
        if self.cancelled_at is not None:
            return OrderStatus.CANCELLED
        is_refunded = self.refunded_amount > ZERO and self.refunded_amount == self.total_amount
        return OrderStatus.REFUNDED if is_refunded else OrderStatus.COMPLETED

    def belonging_to(self, customer_id: UUID) -> Self:
        """This entry. Raises OrderConflict when it belongs to another customer."""
        if self.customer_id != customer_id:
            raise OrderConflict
        return self

    def record(self, order: Order, *, now: datetime) -> Self:
        """The entry with the order recorded. If it was recorded before, only a missing order number
        is added; the entry itself if there is nothing to add.

        Raises OrderConflict when it was recorded with another amount or date.
        """
        if not self.is_recorded:
            return self._with_order(order, now=now)
        if differences := list(self._differences(order)):
            raise OrderConflict(differences)
        if self.order_number or not order.order_number:
            return self
        return evolve(self, order_number=order.order_number)

    def _differences(self, order: Order) -> Iterator[Difference]:
        """The fields in which the order differs from the recorded one; a date that it leaves out is
        no difference.
        """
        if order.total_amount != self.total_amount:
            yield Difference(
                field="totalAmount", given=order.total_amount, stored=self.total_amount
            )
        stated_date = self.order_date if self.order_date_stated else None
        if order.order_date is not None and order.order_date != stated_date:
            yield Difference(field="orderDate", given=order.order_date, stored=stated_date)

    def states_the_same_as(self, other: Self) -> bool:
        """Whether both entries are equal, apart from the order number."""
        return evolve(self, order_number=other.order_number) == other

    def refund(self, refund: Refund, stored_amount: Decimal | None) -> Self:
        """The entry with the refund recorded; itself when it was recorded before.

        `stored_amount` is the amount that is stored for the id of the refund, None for a new
        refund.

        Raises RefundConflict, RefundExceedsOrder.
        """
        if stored_amount is not None:
            if stored_amount != refund.amount:
                difference = Difference(field="amount", given=refund.amount, stored=stored_amount)
                raise RefundConflict([difference])
            return self
        total = self.refunds_total + refund.amount
        if self.total_amount is not None and total > self.total_amount:
            rest = self.total_amount - self.refunded_amount
            raise RefundExceedsOrder(
                [Difference(field="amount", given=refund.amount, stored=rest, message=TOO_MUCH)]
            )
        return evolve(self, refunds_total=total)

    def cancel(self, now: datetime) -> Self:
        """The cancelled entry; itself when it was cancelled before."""
        return self if self.cancelled_at is not None else evolve(self, cancelled_at=now)

    def _with_order(self, order: Order, *, now: datetime) -> Self:
        return evolve(
            self,
            order_number=order.order_number,
            total_amount=order.total_amount,
            order_date=order.order_date or now,
            order_date_stated=order.order_date is not None,
            recorded_at=now,
        )


@frozen(kw_only=True)
class RecordedOrder:
    """The entry of a recorded order with its refunds, oldest first, ties by refund id."""

    entry: Entry
    refunds: Sequence[StoredRefund]


def fold_ledger(entries: Iterable[Entry], currency: Currency) -> Statistics:
    """The statistics of a ledger; the order of the entries does not matter."""
    orders = [entry for entry in entries if entry.counts]
    dates = [entry.order_date for entry in orders if entry.order_date is not None]
    return statistics(
        total_orders=len(orders),
        total_spent=sum((entry.spent for entry in orders), ZERO),
        first_order_date=min(dates, default=None),
        last_order_date=max(dates, default=None),
        currency=currency,
    )


def with_order(before: Statistics, entry: Entry, currency: Currency) -> Statistics:
    """The statistics with one more entry that counts, without folding the ledger again."""
    dates = (before.first_order_date, before.last_order_date, entry.order_date)
    order_dates = [date for date in dates if date is not None]
    return statistics(
        total_orders=before.total_orders + 1,
        total_spent=before.total_spent + entry.spent,
        first_order_date=min(order_dates, default=None),
        last_order_date=max(order_dates, default=None),
        currency=currency,
    )


def statistics(
    *,
    total_orders: int,
    total_spent: Decimal,
    first_order_date: datetime | None,
    last_order_date: datetime | None,
    currency: Currency,
) -> Statistics:
    """Statistics with their average, rounded half-up to the minor unit; 0 without orders."""
    average = (
        (total_spent / total_orders).quantize(currency.unit, ROUND_HALF_UP)
        if total_orders
        else ZERO
    )
    return Statistics(
        total_orders=total_orders,
        total_spent=total_spent,
        first_order_date=first_order_date,
        last_order_date=last_order_date,
        average_order_value=average,
    )
