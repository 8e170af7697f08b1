"""When time alone may change what a rule says of a customer: its thresholds.

A rule that reads an age, or looks back over a window, changes its mind about a customer only when
one of the customer's dates has become so old: a whole number of days for an age, one instant
beyond its span for a window. What the rule says then is `matches`' business.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import ceil, floor
from typing import Any

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.rules.days import span
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.matches import matches
from customers.core.model.rules.tree import Condition, Group, Rule


class DateField(StrEnum):
    """The dates of a customer that rules can look back to."""

    CREATED_AT = "created_at"
    FIRST_ORDER_DATE = "first_order_date"
    LAST_ORDER_DATE = "last_order_date"

    def of(self, customer: Customer) -> datetime | None:
        """The customer's date; None while there is none."""
        if self is DateField.CREATED_AT:
            return customer.created_at
        if self is DateField.FIRST_ORDER_DATE:
            return customer.statistics.first_order_date
        return customer.statistics.last_order_date


@frozen(kw_only=True)
class Threshold:
    """How old a date has to be for a rule to say something else; longer than nothing."""

    date: DateField
    offset: timedelta

    def of(self, customer: Customer) -> datetime | None:
        """The moment at which the customer's date is so old; None where it never will be."""
        date = self.date.of(customer)
        try:
            return None if date is None else date + self.offset
        except OverflowError:
            return None


def date_of(field: Field) -> DateField:
    """The date that a field of ages or moments is about. KeyError for any other field."""
    return _DATES[field]


@lru_cache(maxsize=4_096)
def thresholds(rule: Rule) -> frozenset[Threshold]:
    """All of a rule's thresholds; none where time alone changes nothing."""
    return frozenset(each for leaf in _leaves(rule.root) for each in thresholds_of(leaf))


def thresholds_of(condition: Condition) -> frozenset[Threshold]:
    """Those of one condition."""
    date = _DATES.get(condition.field)
    crossings = _crossings(condition)
    if date is None:
        return frozenset()
    return frozenset(Threshold(date=date, offset=each) for each in crossings if each > _NO_TIME)


def moments(
    rule: Rule, customer: Customer, after: datetime, until: datetime | None = None
) -> list[datetime]:
    """When time alone may change what the rule says of a customer as they are, in order: later
    than one moment, and not later than the other where one is given.
    """
    found = {each.of(customer) for each in thresholds(rule)}
    return sorted(
        each
        for each in found
        if each is not None and after < each and (until is None or each <= until)
    )


def next_change(rule: Rule, customer: Customer, now: datetime) -> datetime | None:
    """The first moment after now at which the rule says something else of the customer as they
    are; None when it never will.
    """
    is_member = matches(rule, customer, now)
    later = moments(rule, customer, now)
    return next((each for each in later if matches(rule, customer, each) is not is_member), None)


@lru_cache(maxsize=4_096)
def reads_orders(rule: Rule) -> bool:
    """Whether a condition is about what orders change: numbers, sums or dates of orders."""
    return any(leaf.field in _OF_ORDERS for leaf in _leaves(rule.root))


def _leaves(group: Group) -> Iterator[Condition]:
    for member in group.members:
        if isinstance(member, Group):
            yield from _leaves(member)
        else:
            yield member


def _crossings(condition: Condition) -> Collection[timedelta]:
    """How old the date is at the moments at which the condition's verdict may change."""
    read = _OF_WINDOWS.get(condition.operator)
    if read is not None:
        return [read(condition.operand)]
    if condition.field.kind is not Kind.AGE or condition.operator not in _OF_AGES:
        return []
    return [timedelta(days=days) for days in _OF_AGES[condition.operator](condition.operand)]


def _exactly(days: Decimal) -> list[int]:
    """An age is whole, so half a day is nobody's."""
    whole = floor(days)
    return [whole, whole + 1] if whole == days else []


def _one_of(options: Collection[Decimal]) -> list[int]:
    return [each for days in options for each in _exactly(days)]


_NO_TIME = timedelta(0)
_INSTANT = timedelta(microseconds=1)
_OF_AGES: dict[Operator, Callable[[Any], Collection[int]]] = {
    Operator.GT: lambda days: [floor(days) + 1],
    Operator.GTE: lambda days: [ceil(days)],
    Operator.LT: lambda days: [ceil(days)],
    Operator.LTE: lambda days: [floor(days) + 1],
    Operator.EQ: _exactly,
    Operator.NEQ: _exactly,
    Operator.BETWEEN: lambda days: [ceil(days[0]), floor(days[1]) + 1],
    Operator.IN: _one_of,
    Operator.NOT_IN: _one_of,
}
_OF_WINDOWS: dict[Operator, Callable[[Any], timedelta]] = {
    Operator.WITHIN_LAST_DAYS: lambda days: span(days) + _INSTANT,
    Operator.MORE_THAN_DAYS_AGO: lambda days: span(days) + _INSTANT,
}
_DATES = {
    Field.DAYS_SINCE_CREATED: DateField.CREATED_AT,
    Field.DAYS_SINCE_FIRST_ORDER: DateField.FIRST_ORDER_DATE,
    Field.DAYS_SINCE_LAST_ORDER: DateField.LAST_ORDER_DATE,
    Field.CREATED_AT: DateField.CREATED_AT,
    Field.FIRST_ORDER_DATE: DateField.FIRST_ORDER_DATE,
    Field.LAST_ORDER_DATE: DateField.LAST_ORDER_DATE,
}
_OF_ORDERS = frozenset(
    {
        Field.TOTAL_ORDERS,
        Field.TOTAL_SPENT,
        Field.AVERAGE_ORDER_VALUE,
        Field.LIFETIME_VALUE,
        Field.DAYS_SINCE_FIRST_ORDER,
        Field.DAYS_SINCE_LAST_ORDER,
        Field.FIRST_ORDER_DATE,
        Field.LAST_ORDER_DATE,
    }
)
