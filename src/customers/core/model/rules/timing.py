"""When time alone may change whether a customer matches a rule: the thresholds of the rule.

Time alone changes the result of a condition on an age or a window of days only when a date of the
customer reaches a certain age: a whole number of days for an age, one microsecond more than its
duration for a window. `matches` gives the result at that moment.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import ceil, floor
from typing import Any
from weakref import WeakKeyDictionary

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.rules.days import duration
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.matches import matches
from customers.core.model.rules.tree import Condition, Rule


class DateField(StrEnum):
    """The dates of a customer that rules can compare by their age."""

    CREATED_AT = "created_at"
    FIRST_ORDER_DATE = "first_order_date"
    LAST_ORDER_DATE = "last_order_date"

    def of(self, customer: Customer) -> datetime | None:
        """The date of a customer; None for an order date if there are no orders."""
        source = customer if self is DateField.CREATED_AT else customer.statistics
        date: datetime | None = getattr(source, self.value)
        return date


@frozen(kw_only=True)
class Threshold:
    """The age of a date, greater than 0, at which the result of a rule may change."""

    date: DateField
    offset: timedelta

    def of(self, customer: Customer) -> datetime | None:
        """The moment at which a customer's date reaches that age; None if it never does."""
        date = self.date.of(customer)
        try:
            return None if date is None else date + self.offset
        except OverflowError:
            return None


def date_of(field: Field) -> DateField:
    """The date that an age or moment field is about. Raises KeyError for other fields."""
    return _DATES[field]


def thresholds(rule: Rule) -> frozenset[Threshold]:
    """The thresholds of a rule; without any, time alone never changes its result."""
    if (cached := _cache.get(rule)) is None:
        cached = _cache[rule] = frozenset().union(*map(_thresholds_of, rule.conditions))
    return cached


def _thresholds_of(condition: Condition) -> frozenset[Threshold]:
    """The thresholds of one condition."""
    date = _DATES.get(condition.field)
    if date is None:
        return frozenset()
    offsets = (offset for offset in _offsets(condition) if offset > _NO_TIME)
    return frozenset(Threshold(date=date, offset=offset) for offset in offsets)


def crossing_times(
    rule: Rule, customer: Customer, after: datetime, until: datetime | None = None
) -> list[datetime]:
    """The moments at which an unchanged customer crosses a threshold of a rule, in order: after
    `after`, and up to `until` if it is not None.
    """
    times = {threshold.of(customer) for threshold in thresholds(rule)}
    return sorted(
        time
        for time in times
        if time is not None and after < time and (until is None or time <= until)
    )


def next_change(rule: Rule, customer: Customer, now: datetime) -> datetime | None:
    """The next moment at which time alone changes whether a customer matches a rule, or None."""
    is_match = matches(rule, customer, now)
    times = crossing_times(rule, customer, now)
    return next((time for time in times if matches(rule, customer, time) is not is_match), None)


def reads_orders(rule: Rule) -> bool:
    """Whether a rule has a condition on a field that orders change."""
    return any(condition.field in _ORDER_FIELDS for condition in rule.conditions)


def _offsets(condition: Condition) -> Collection[timedelta]:
    """The ages of the date at which the result of a condition may change."""
    if condition.operator in _WINDOWS:
        days: Any = condition.operand
        return [duration(days) + _INSTANT]
    if condition.field.kind is not Kind.AGE or condition.operator not in _AGES:
        return []
    return [timedelta(days=age) for age in _AGES[condition.operator](condition.operand)]


def _exactly(days: Decimal) -> list[int]:
    """The ages at which equality with `days` may change; none for a fraction, because an age is a
    whole number of days.
    """
    whole = floor(days)
    return [whole, whole + 1] if whole == days else []


def _one_of(options: Collection[Decimal]) -> list[int]:
    return [age for days in options for age in _exactly(days)]


# The thresholds of the rules that are in use.
_cache = WeakKeyDictionary[Rule, frozenset[Threshold]]()
_NO_TIME = timedelta(0)
_INSTANT = timedelta(microseconds=1)
_AGES: dict[Operator, Callable[[Any], Collection[int]]] = {
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
_WINDOWS = frozenset({Operator.WITHIN_LAST_DAYS, Operator.MORE_THAN_DAYS_AGO})
_DATES = {
    Field.DAYS_SINCE_CREATED: DateField.CREATED_AT,
    Field.DAYS_SINCE_FIRST_ORDER: DateField.FIRST_ORDER_DATE,
    Field.DAYS_SINCE_LAST_ORDER: DateField.LAST_ORDER_DATE,
    Field.CREATED_AT: DateField.CREATED_AT,
    Field.FIRST_ORDER_DATE: DateField.FIRST_ORDER_DATE,
    Field.LAST_ORDER_DATE: DateField.LAST_ORDER_DATE,
}
_ORDER_FIELDS = frozenset(
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
