"""The statements of lists of customers: a page from an offset, a page after a key, a count.

Each is composed of the conditions of a filter: one for the living customers that it keeps, one for
the deleted ones, or both.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Select,
    Subquery,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)

from customers.adapters.postgres.customers import counters
from customers.adapters.postgres.customers.filters import Conditions
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.schema.tables import (
    ASCENDING_DATES,
    DESCENDING_DATES,
    INFINITY,
    MINUS_INFINITY,
    customers,
)
from customers.adapters.postgres.schema.types import MONEY
from customers.core.model.query import CustomerSort, SortDirection, SortField

_LIMIT = bindparam("limit", type_=BigInteger)
_OFFSET = bindparam("offset", type_=BigInteger)


def page(conditions: Conditions, sort: CustomerSort, max_rows: int | None = None) -> Select[Any]:
    """A page from an offset. It must end within `max_rows` rows, if set; see `_among_first`."""
    rows = [_select(condition, sort) for condition in conditions]
    if len(rows) > 1:
        return _merged(rows, sort).offset(_OFFSET)
    if max_rows is not None:
        return _among_first(max_rows, rows[0], sort).offset(_OFFSET)
    return rows[0].limit(_LIMIT).offset(_OFFSET)


def page_with_total(
    conditions: Conditions,
    sort: CustomerSort,
    shape: counters.Shape | None,
    max_rows: int | None = None,
) -> Select[Any]:
    """A page with the total, which is read from counters, or counted if `shape` is None."""
    total = count(conditions) if shape is None else counters.select_total(shape)
    return page(conditions, sort, max_rows).add_columns(total.scalar_subquery().label("total"))


def page_after(
    conditions: Conditions, sort: CustomerSort, max_rows: int | None = None
) -> Select[Any]:
    value = _sort_value(sort)
    place = tuple_(value, customers.c.id)
    key = tuple_(_key_value(value, sort), bindparam("key_id", type_=Uuid()))
    is_after = place > key if _ascends(sort) else place < key
    rows = [_select(condition, sort).where(is_after) for condition in conditions]
    if len(rows) > 1:
        return _merged(rows, sort, offset=None)
    return rows[0].limit(_LIMIT) if max_rows is None else _among_first(max_rows, rows[0], sort)


def count(conditions: Conditions) -> Select[Any]:
    """The number of customers. Living and deleted ones have indexes of their own, and are counted
    separately.
    """
    counts = [
        select(func.count()).select_from(customers).where(condition).scalar_subquery()
        for condition in conditions
    ]
    return select(reduce(add, counts).label("count"))


def _select(condition: ColumnElement[bool], sort: CustomerSort) -> Select[Any]:
    in_order = _in_order(sort, _sort_value(sort), customers.c.id)
    return select(*CUSTOMERS.columns).where(condition).order_by(*in_order)


def _merged(
    groups: Sequence[Select[Any]],
    sort: CustomerSort,
    offset: ColumnElement[int] | None = _OFFSET,
) -> Select[Any]:
    """The first rows of all groups together, in order. Of each group, only as many rows are read as
    the page and the `offset` rows before it can contain.
    """
    limit = _LIMIT if offset is None else _LIMIT + offset
    first = [select(_first(limit, group, sort).subquery()) for group in groups]
    return _page_of(union_all(*first).subquery("merged"), sort)


def _among_first(max_rows: int, rows: Select[Any], sort: CustomerSort) -> Select[Any]:
    """The page, selected from the first `max_rows` rows.

    Without this literal limit the server would plan each run of the statement anew: the planner
    would expect a page of a tenth of all rows, so a plan for the real page would look much cheaper.
    """
    return _page_of(_first(literal_column(str(max_rows)), rows, sort).subquery("first"), sort)


def _first(limit: ColumnElement[int], rows: Select[Any], sort: CustomerSort) -> Select[Any]:
    """The first `limit` rows, with the value by which they are sorted as `sort_value`."""
    return rows.add_columns(_sort_value(sort).label("sort_value")).limit(limit)


def _page_of(rows: Subquery, sort: CustomerSort) -> Select[Any]:
    columns = [rows.c[column.name] for column in CUSTOMERS.columns]
    return select(*columns).order_by(*_in_order(sort, rows.c.sort_value, rows.c.id)).limit(_LIMIT)


def _in_order(sort: CustomerSort, *columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    return [column if _ascends(sort) else column.desc() for column in columns]


def _sort_value(sort: CustomerSort) -> ColumnElement[Any]:
    """The expression in the index of this sort."""
    dates = ASCENDING_DATES if _ascends(sort) else DESCENDING_DATES
    name = _COLUMNS.get(sort.by, sort.by.value)
    return dates.get(name, customers.c[name])


def _key_value(value: ColumnElement[Any], sort: CustomerSort) -> ColumnElement[Any]:
    """The key's value as the index has it: a missing date is infinity or minus infinity."""
    kind = Numeric() if value.type is MONEY else value.type
    key_value: ColumnElement[Any] = bindparam("key_value", type_=kind)
    if sort.by.value not in ASCENDING_DATES:
        return key_value
    return func.coalesce(key_value, INFINITY if _ascends(sort) else MINUS_INFINITY)


def _ascends(sort: CustomerSort) -> bool:
    return sort.direction is SortDirection.ASC


_COLUMNS = {SortField.LIFETIME_VALUE: "total_spent"}
