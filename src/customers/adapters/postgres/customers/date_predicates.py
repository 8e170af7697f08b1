"""Conditions of rules on moments, days and ages, as SQL. Their columns are in `rule_predicates`.

An age is a whole number of days. A condition on an age compares the stored moment with the moment
that many days ago, for which an index can be used. Every condition is true or false, never NULL,
also for a missing value.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any, TypeAlias

from sqlalchemy import Numeric, and_, any_, extract, false, func, literal, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.schema.types import MOMENT
from customers.core.model.rules.days import duration
from customers.core.model.rules.fields import Operator

Sql: TypeAlias = ColumnElement[bool]
Moment: TypeAlias = ColumnElement[Any]


def age(operator: Operator, moment: Moment, operand: Any, now: datetime) -> Sql:
    """Whether the operator holds for the days since a moment; they are 0 for a future moment."""
    return _AGE[operator](moment, operand, now)


def date(operator: Operator, moment: Moment, operand: Any, now: datetime) -> Sql:
    """Whether the operator holds for a moment or a day."""
    return _DATE[operator](moment, operand, now)


def _is_old(moment: Moment, days: int, now: datetime) -> Sql:
    """Whether the age is `days` or more."""
    if days <= 0:
        return moment.is_not(None)
    ago = _ago(now, timedelta(days=days))
    return _exists_and(moment, moment <= literal(ago, MOMENT) if ago else false())


def _is_young(moment: Moment, days: int, now: datetime) -> Sql:
    """Whether the age is less than `days`."""
    if days <= 0:
        return false()
    ago = _ago(now, timedelta(days=days))
    return _exists_and(moment, moment > literal(ago, MOMENT) if ago else true())


def _is_between(moment: Moment, days: tuple[Decimal, Decimal], now: datetime) -> Sql:
    low, high = days
    return and_(_is_old(moment, ceil(low), now), _is_young(moment, floor(high) + 1, now))


def _is_in(moment: Moment, days: Collection[Decimal], now: datetime) -> Sql:
    """Whether the age is one of `days`. It is also compared with the least and the greatest of
    them, for which an index can be used.
    """
    if not days:
        return false()
    seconds = extract("epoch", literal(now, MOMENT) - moment)
    whole_days = func.greatest(func.div(seconds, 86_400), 0)
    listed = whole_days == any_(literal(list(days), ARRAY(Numeric())))
    return and_(_is_between(moment, (min(days), max(days)), now), listed)


def _is_within(moment: Moment, days: Decimal, now: datetime) -> Sql:
    ago = _ago(now, duration(days))
    return _exists_and(moment, moment >= literal(ago, MOMENT) if ago else true())


def _is_beyond(moment: Moment, days: Decimal, now: datetime) -> Sql:
    ago = _ago(now, duration(days))
    return _exists_and(moment, moment < literal(ago, MOMENT) if ago else false())


def _is_before(moment: Moment, operand: Any, _now: datetime) -> Sql:
    return _exists_and(moment, moment < literal(operand, moment.type))


def _is_after(moment: Moment, operand: Any, _now: datetime) -> Sql:
    return _exists_and(moment, moment > literal(operand, moment.type))


def _is_from_to(moment: Moment, operands: Any, _now: datetime) -> Sql:
    low, high = (literal(operand, moment.type) for operand in operands)
    return _exists_and(moment, moment.between(low, high))


def _is_missing(moment: Moment, _operand: Any, _now: datetime) -> Sql:
    return moment.is_(None)


def _ago(now: datetime, duration: timedelta) -> datetime | None:
    """The moment `duration` before now; None if that is before the first moment of the calendar, so
    that every stored moment is later.
    """
    try:
        return now - duration
    except OverflowError:
        return None


def _exists_and(moment: Moment, condition: Sql) -> Sql:
    return and_(moment.is_not(None), condition)


_AGE: Mapping[Operator, Callable[[Moment, Any, datetime], Sql]] = {
    Operator.EQ: lambda moment, days, now: _is_between(moment, (days, days), now),
    Operator.GT: lambda moment, days, now: _is_old(moment, floor(days) + 1, now),
    Operator.GTE: lambda moment, days, now: _is_old(moment, ceil(days), now),
    Operator.LT: lambda moment, days, now: _is_young(moment, ceil(days), now),
    Operator.LTE: lambda moment, days, now: _is_young(moment, floor(days) + 1, now),
    Operator.BETWEEN: _is_between,
    Operator.IN: _is_in,
    Operator.IS_EMPTY: _is_missing,
}
_DATE: Mapping[Operator, Callable[[Moment, Any, datetime], Sql]] = {
    Operator.BEFORE: _is_before,
    Operator.AFTER: _is_after,
    Operator.BETWEEN: _is_from_to,
    Operator.WITHIN_LAST_DAYS: _is_within,
    Operator.MORE_THAN_DAYS_AGO: _is_beyond,
    Operator.IS_EMPTY: _is_missing,
}
