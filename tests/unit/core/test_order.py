"""The ledger: facts in any order, any number of times, fold to the same statistics."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from customers.core.errors import InvalidValue
from customers.core.errors.ledger import OrderConflict, RefundConflict, RefundExceedsOrder
from customers.core.model.ledger import Entry, fold_ledger
from customers.core.model.money import Currency, Money
from customers.core.model.order import (
    Order,
    OrderDate,
    Refund,
    RefundAmount,
    order_date,
    refund_amount,
)
from tests.support.builders import NOW, USD, an_id, later

CUSTOMER = an_id()
STUB = Entry(order_id="o", customer_id=CUSTOMER)


def order(amount: str = "10", date: datetime | None = NOW, number: str = "") -> Order:
    order_date = None if date is None else OrderDate(date)
    return Order(
        order_id="o",
        total_amount=Money(Decimal(amount)),
        order_date=order_date,
        order_number=number,
    )


def refund(amount: str) -> Refund:
    return Refund(refund_id="r", amount=RefundAmount(Decimal(amount)))


def entry_with(order: Order) -> Entry:
    return STUB.record(order, now=NOW)


def test_a_repeat_that_differs_in_nothing_stated_is_the_same_entry() -> None:
    entry = entry_with(order(number="7"))
    assert entry.record(order(number="8"), now=later(days=1)) is entry
    assert entry.record(order(date=None), now=later(days=1)) is entry


@pytest.mark.parametrize("other", [order("11"), order(date=later(seconds=1))])
def test_a_repeat_with_another_amount_or_date_conflicts(other: Order) -> None:
    with pytest.raises(OrderConflict):
        entry_with(order()).record(other, now=NOW)


def test_a_date_conflicts_if_the_first_report_had_none() -> None:
    with pytest.raises(OrderConflict):
        entry_with(order(date=None)).record(order(date=NOW), now=NOW)


def test_an_order_of_another_customer_conflicts() -> None:
    with pytest.raises(OrderConflict):
        STUB.belonging_to(an_id())


def test_refunds_cannot_exceed_the_amount_of_the_order() -> None:
    entry = entry_with(order("10")).refund(refund("6"), None)
    assert entry.spent == 4
    with pytest.raises(RefundExceedsOrder):
        entry.refund(refund("5"), None)


def test_a_repeated_refund_changes_nothing_and_conflicts_with_another_amount() -> None:
    entry = entry_with(order("10")).refund(refund("6"), None)
    assert entry.refund(refund("6"), Decimal(6)) is entry
    with pytest.raises(RefundConflict):
        entry.refund(refund("6"), Decimal(5))


def test_an_order_below_the_refunds_that_arrived_first_is_fully_refunded() -> None:
    entry = STUB.refund(refund("6"), None).refund(refund("6"), None).record(order("10"), now=NOW)
    assert (entry.refunded_amount, entry.spent) == (Decimal(10), Decimal(0))


def test_facts_in_any_order_fold_to_the_same() -> None:
    facts: list[Callable[[Entry], Entry]] = [
        lambda entry: entry.record(order("10"), now=NOW),
        lambda entry: entry.refund(refund("3"), None),
        lambda entry: entry.refund(refund("4"), None),
        lambda entry: entry.cancel(NOW),
    ]
    results = set()
    for arranged in permutations(facts):
        entry = STUB
        for fact in arranged:
            entry = fact(entry)
        results.add((entry.refunded_amount, fold_ledger([entry], USD)))
    assert len(results) == 1


def test_a_fold_counts_recorded_orders_that_are_not_cancelled() -> None:
    first = Entry.of(order("10", later(days=-2)), CUSTOMER, now=NOW)
    second = Entry.of(order("0.01", later(days=-1)), CUSTOMER, now=NOW)
    cancelled = Entry.of(order("99", later(days=-9)), CUSTOMER, now=NOW).cancel(NOW)
    folded = fold_ledger([second, cancelled, first, STUB], USD)
    assert (folded.total_orders, folded.total_spent) == (2, Decimal("10.01"))
    assert (folded.first_order_date, folded.last_order_date) == (later(days=-2), later(days=-1))


@pytest.mark.parametrize(
    ("currency", "amounts", "average"),
    [
        ("USD", ["0.01", "0.02"], "0.02"),
        ("USD", ["10", "0", "0"], "3.33"),
        ("JPY", ["1", "2"], "2"),
    ],
)
def test_an_average_is_rounded_half_up_to_the_minor_unit(
    currency: str, amounts: list[str], average: str
) -> None:
    entries = [Entry.of(order(amount), CUSTOMER, now=NOW) for amount in amounts]
    assert fold_ledger(entries, Currency.of(currency)).average_order_value == Decimal(average)


def test_the_average_of_an_empty_ledger_is_0() -> None:
    assert fold_ledger([], USD).average_order_value == 0


def test_an_order_date_is_at_most_a_day_in_the_future() -> None:
    tomorrow = (NOW + timedelta(days=1)).isoformat()
    assert order_date(tomorrow, now=NOW) == NOW + timedelta(days=1)
    with pytest.raises(InvalidValue):
        order_date(tomorrow, now=NOW - timedelta(microseconds=1))


def test_a_refund_of_0_is_refused() -> None:
    with pytest.raises(InvalidValue):
        refund_amount(0, USD)
