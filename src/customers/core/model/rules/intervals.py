"""Conditions on numbers, days, moments and ages as stretches of a line.

A cut is just below a value or just above it, a stretch goes from one cut up to another. Values
that are whole, such as numbers of orders and the microseconds of a moment, have one cut between
two neighbours, so that no stretch is left where no value lies. Texts, choices, flags and tags are
in `domains`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from math import ceil, floor
from typing import Any, TypeAlias

from attrs import frozen

from customers.core.model.rules.days import span
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.tree import Condition

Cut: TypeAlias = tuple[Decimal, bool]
Interval: TypeAlias = tuple[Cut, Cut]

_LOWEST: Cut = (Decimal("-Infinity"), False)
_HIGHEST: Cut = (Decimal("Infinity"), False)
NEGATIVE: Interval = (_LOWEST, (Decimal(0), False))


def looks_back(condition: Condition) -> bool:
    """Whether it is about how long ago a moment was, not about the moment itself."""
    return condition.field.kind is Kind.AGE or condition.operator in _WINDOWS


def stretches(condition: Condition) -> Sequence[Interval]:
    """Where the values lie for which the condition holds, in order and apart from each other."""
    found = _STRETCHES[condition.operator](_line(condition), condition.operand)
    return sorted((low, high) for low, high in found if low < high)


def outside(stretched: Sequence[Interval]) -> Sequence[Interval]:
    """What of the line the stretches, in order and apart, leave out."""
    cuts = [_LOWEST, *chain.from_iterable(stretched), _HIGHEST]
    return list(zip(cuts[::2], cuts[1::2], strict=True))


def cover_everything(stretched: Iterable[Interval]) -> bool:
    """Whether the stretches, in any order, leave nothing of the line out."""
    reached = _LOWEST
    for low, high in sorted(stretched):
        if low > reached:
            return False
        reached = max(reached, high)
    return reached == _HIGHEST


@frozen
class _Line:
    """Where a line is cut by the value of an operand."""

    below: Callable[[Any], Cut]
    above: Callable[[Any], Cut]


def _line(condition: Condition) -> _Line:
    if condition.operator in _WINDOWS:
        return _WINDOW
    return _WHOLE if condition.field is Field.TOTAL_ORDERS else _LINES[condition.field.kind]


def _whole(position: Callable[[Any], Decimal | int]) -> _Line:
    """A line of whole numbers; `position` tells an operand's place on it."""
    return _Line(
        below=lambda value: (Decimal(ceil(position(value))), False),
        above=lambda value: (Decimal(floor(position(value)) + 1), False),
    )


def _age(days: int) -> Cut:
    """The cut below that age, in microseconds gone. A moment to come is 0 days old too."""
    return (Decimal(timedelta(days=days) // _INSTANT), False) if days > 0 else _LOWEST


_INSTANT = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WINDOWS = frozenset({Operator.WITHIN_LAST_DAYS, Operator.MORE_THAN_DAYS_AGO})
_WHOLE = _whole(lambda value: value)
_WINDOW = _whole(lambda days: span(days) // _INSTANT)
_LINES = {
    Kind.NUMBER: _Line(below=lambda value: (value, False), above=lambda value: (value, True)),
    Kind.AGE: _Line(below=lambda days: _age(ceil(days)), above=lambda days: _age(floor(days) + 1)),
    Kind.MOMENT: _whole(lambda moment: (moment - _EPOCH) // _INSTANT),
    Kind.DATE: _whole(date.toordinal),
}
_STRETCHES: dict[Operator, Callable[[_Line, Any], Iterable[Interval]]] = {
    Operator.EQ: lambda line, value: [(line.below(value), line.above(value))],
    Operator.GT: lambda line, value: [(line.above(value), _HIGHEST)],
    Operator.GTE: lambda line, value: [(line.below(value), _HIGHEST)],
    Operator.LT: lambda line, value: [(_LOWEST, line.below(value))],
    Operator.LTE: lambda line, value: [(_LOWEST, line.above(value))],
    Operator.BETWEEN: lambda line, ends: [(line.below(ends[0]), line.above(ends[1]))],
    Operator.IN: lambda line, values: [(line.below(each), line.above(each)) for each in values],
    Operator.BEFORE: lambda line, value: [(_LOWEST, line.below(value))],
    Operator.AFTER: lambda line, value: [(line.above(value), _HIGHEST)],
    Operator.WITHIN_LAST_DAYS: lambda line, days: [(_LOWEST, line.above(days))],
    Operator.MORE_THAN_DAYS_AGO: lambda line, days: [(line.above(days), _HIGHEST)],
}
