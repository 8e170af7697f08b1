"""Conditions on numbers, dates, moments and ages as intervals of a number line.

A boundary lies just below or just above a value, and an interval goes from one boundary to a
higher one. Discrete values, such as numbers of orders and the microseconds of a moment, have one
boundary between neighbours, so that every interval contains a value. Texts, choices, flags and
tags are in `satisfiability`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any, NamedTuple

from attrs import frozen

from customers.core.model.rules.days import duration
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.tree import Condition


class Boundary(NamedTuple):
    """A point of a number line between values: just below `value`, or just above it."""

    value: Decimal
    is_above: bool = False


class Interval(NamedTuple):
    """The values between two boundaries; none when `low` is not below `high`.

    It is a tuple because the check of one rule compares thousands of intervals, and tuples compare
    ten times as fast as instances of other classes.
    """

    low: Boundary
    high: Boundary

    @property
    def is_empty(self) -> bool:
        return self.low >= self.high


LOWEST = Boundary(Decimal("-Infinity"))
HIGHEST = Boundary(Decimal("Infinity"))
NEGATIVE = Interval(LOWEST, Boundary(Decimal(0)))


def is_about_age(condition: Condition) -> bool:
    """Whether a condition is about the time since a date, not about the date itself."""
    return condition.field.kind is Kind.AGE or condition.operator in _WINDOWS


def intervals(condition: Condition) -> Sequence[Interval]:
    """The values for which a condition holds, as disjoint intervals in order."""
    candidates = _INTERVALS[condition.operator](_line(condition), condition.operand)
    return sorted(interval for interval in candidates if not interval.is_empty)


def gaps(disjoint: Sequence[Interval]) -> Sequence[Interval]:
    """The intervals that disjoint intervals, in order, leave uncovered."""
    lows = [LOWEST, *(interval.high for interval in disjoint)]
    highs = [*(interval.low for interval in disjoint), HIGHEST]
    return [Interval(low, high) for low, high in zip(lows, highs, strict=True)]


def cover_everything(overlapping: Iterable[Interval]) -> bool:
    """Whether every value is in one of the intervals, which may overlap."""
    reached = LOWEST
    for interval in sorted(overlapping):
        if interval.low > reached:
            return False
        reached = max(reached, interval.high)
    return reached == HIGHEST


@frozen
class _Line:
    """A number line: the boundaries just below and just above the value of an operand."""

    below: Callable[[Any], Boundary]
    above: Callable[[Any], Boundary]

    def between(self, low: Any, high: Any) -> Interval:
        """The values from `low` to `high`, both included."""
        return Interval(self.below(low), self.above(high))


def _line(condition: Condition) -> _Line:
    if condition.operator in _WINDOWS:
        return _WINDOW_LINE
    if condition.field is Field.TOTAL_ORDERS:
        return _WHOLE_NUMBER_LINE
    return _LINES[condition.field.kind]


def _discrete(position: Callable[[Any], Decimal | int]) -> _Line:
    """A line of whole numbers; `position` maps an operand to its place on it."""
    return _Line(
        below=lambda value: Boundary(Decimal(ceil(position(value)))),
        above=lambda value: Boundary(Decimal(floor(position(value)) + 1)),
    )


def _up_to(boundary: Boundary) -> list[Interval]:
    return [Interval(LOWEST, boundary)]


def _from(boundary: Boundary) -> list[Interval]:
    return [Interval(boundary, HIGHEST)]


def _age_boundary(days: int) -> Boundary:
    """The boundary below an age in days, in microseconds. A date in the future has the age 0."""
    return Boundary(Decimal(timedelta(days=days) // _INSTANT)) if days > 0 else LOWEST


_INSTANT = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WINDOWS = frozenset({Operator.WITHIN_LAST_DAYS, Operator.MORE_THAN_DAYS_AGO})
_WHOLE_NUMBER_LINE = _discrete(lambda value: value)
_WINDOW_LINE = _discrete(lambda days: duration(days) // _INSTANT)
_LINES = {
    Kind.NUMBER: _Line(below=Boundary, above=lambda value: Boundary(value, is_above=True)),
    Kind.AGE: _Line(
        below=lambda days: _age_boundary(ceil(days)),
        above=lambda days: _age_boundary(floor(days) + 1),
    ),
    Kind.MOMENT: _discrete(lambda moment: (moment - _EPOCH) // _INSTANT),
    Kind.DATE: _discrete(date.toordinal),
}
_INTERVALS: dict[Operator, Callable[[_Line, Any], Iterable[Interval]]] = {
    Operator.EQ: lambda line, value: [line.between(value, value)],
    Operator.GT: lambda line, value: _from(line.above(value)),
    Operator.GTE: lambda line, value: _from(line.below(value)),
    Operator.LT: lambda line, value: _up_to(line.below(value)),
    Operator.LTE: lambda line, value: _up_to(line.above(value)),
    Operator.BETWEEN: lambda line, ends: [line.between(*ends)],
    Operator.IN: lambda line, values: [line.between(value, value) for value in values],
    Operator.BEFORE: lambda line, value: _up_to(line.below(value)),
    Operator.AFTER: lambda line, value: _from(line.above(value)),
    Operator.WITHIN_LAST_DAYS: lambda line, days: _up_to(line.above(days)),
    Operator.MORE_THAN_DAYS_AGO: lambda line, days: _from(line.above(days)),
}
