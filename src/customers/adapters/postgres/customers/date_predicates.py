"""What rules ask of moments, days and ages, as SQL. Which columns they ask about is in `rules`.

An age is a whole number of days, so it is compared through the moment so many days ago: an index
on the moment can serve. Each answer is true or false, also for a value that is missing.
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
    """Whether the days since a moment, 0 for one to come, are as the operator says."""
    return _AGE[operator](moment, operand, now)


def when(operator: Operator, moment: Moment, operand: Any, now: datetime) -> Sql:
    """Whether a moment, or a day, lies where the operator says."""
    return _WHEN[operator](moment, operand, now)


def _is_old(moment: Moment, days: int, now: datetime) -> Sql:
    """Of an age of so many days or more."""
    if days <= 0:
        return moment.is_not(None)
    ago = _ago(now, timedelta(days=days))
    return _there(moment, moment <= literal(ago, MOMENT) if ago else false())


def _is_young(moment: Moment, days: int, now: datetime) -> Sql:
    """Of an age of less than so many days."""
    if days <= 0:
        return false()
    ago = _ago(now, timedelta(days=days))
    return _there(moment, moment > literal(ago, MOMENT) if ago else true())


def _is_between(moment: Moment, days: tuple[Decimal, Decimal], now: datetime) -> Sql:
    low, high = days
    return and_(_is_old(moment, ceil(low), now), _is_young(moment, floor(high) + 1, now))


def _is_in(moment: Moment, days: Collection[Decimal], now: datetime) -> Sql:
    """Of one of these ages, however many: first by bounds that an index can serve."""
    if not days:
        return false()
    seconds = extract("epoch", literal(now, MOMENT) - moment)
    whole_days = func.greatest(func.div(seconds, 86_400), 0)
    listed = whole_days == any_(literal(list(days), ARRAY(Numeric())))
    return and_(_is_between(moment, (min(days), max(days)), now), listed)


def _is_within(moment: Moment, days: Decimal, now: datetime) -> Sql:
    ago = _ago(now, duration(days))
    return _there(moment, moment >= literal(ago, MOMENT) if ago else true())


def _is_beyond(moment: Moment, days: Decimal, now: datetime) -> Sql:
    ago = _ago(now, duration(days))
    return _there(moment, moment < literal(ago, MOMENT) if ago else false())


def _is_before(when: Moment, operand: Any, _now: datetime) -> Sql:
    return _there(when, when < literal(operand, when.type))


def _is_after(when: Moment, operand: Any, _now: datetime) -> Sql:
    return _there(when, when > literal(operand, when.type))


def _is_from_to(when: Moment, operands: Any, _now: datetime) -> Sql:
    low, high = (literal(each, when.type) for each in operands)
    return _there(when, when.between(low, high))


def _is_missing(when: Moment, _operand: Any, _now: datetime) -> Sql:
    return when.is_(None)


def _ago(now: datetime, time: timedelta) -> datetime | None:
    """None before the calendar's first moment: everything that is kept is younger."""
    try:
        return now - time
    except OverflowError:
        return None


def _there(value: Moment, holds: Sql) -> Sql:
    return and_(value.is_not(None), holds)


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
_WHEN: Mapping[Operator, Callable[[Moment, Any, datetime], Sql]] = {
    Operator.BEFORE: _is_before,
    Operator.AFTER: _is_after,
    Operator.BETWEEN: _is_from_to,
    Operator.WITHIN_LAST_DAYS: _is_within,
    Operator.MORE_THAN_DAYS_AGO: _is_beyond,
    Operator.IS_EMPTY: _is_missing,
}
