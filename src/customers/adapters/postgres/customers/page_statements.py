"""The statements of lists of customers: a page from an offset, a page after a key, a count.

Each is composed of the conditions of a filter: one for the living customers that it keeps, one for
the deleted ones, or both.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache, reduce
from operator import add
from typing import Any, cast

from attrs import frozen
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    Subquery,
    Table,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)

from customers.adapters.postgres.customers import counters
from customers.adapters.postgres.customers.filters import Conditions
from customers.adapters.postgres.customers.lateral import lateral
from customers.adapters.postgres.customers.rows import CUSTOMERS, with_look_ups
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.statistics_table import (
    INDEXED_DATES,
    INFINITY,
    MINUS_INFINITY,
    SORTS,
    customer_statistics,
)
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import MONEY
from customers.core.model.query import CustomerSort, SortDirection, SortField

_BOTH = (customers, customer_statistics)
LIMIT = bindparam("limit", type_=BigInteger)
OFFSET = bindparam("offset", type_=BigInteger)


@frozen
class PagePlan:
    """How a page is read.

    It must end within `max_rows` rows, if set; see `_among_first`. If it `is_deep`, the rows before
    it are not read from `customers`, whose rows are wide: its ids are read off the index, and its
    rows are looked up. If it `looks_up`, a page that needs both tables reads customers and looks up
    the statistics of each; see `rows.with_look_ups`.
    """

    max_rows: int | None = None
    is_deep: bool = False
    looks_up: bool = False


def page(conditions: Conditions, sort: CustomerSort, plan: PagePlan) -> Select[Any]:
    """A page from an offset."""
    table = _single_table(conditions, sort)
    held = () if plan.is_deep and table is customers else _tables(table)
    return complete(_page(conditions, table, held, sort, plan, offset=OFFSET), held, sort)


def page_with_total(
    conditions: Conditions,
    sort: CustomerSort,
    shape: counters.Shape | None,
    plan: PagePlan,
) -> Select[Any]:
    """A page with the total, which is read from counters, or counted if `shape` is None."""
    total = count(conditions, plan.looks_up) if shape is None else counters.select_total(shape)
    rows = page(conditions, sort, plan)
    return rows.add_columns(total.scalar_subquery().label("total"))


def page_after(conditions: Conditions, sort: CustomerSort, plan: PagePlan) -> Select[Any]:
    """A page after a key."""
    table = _single_table(conditions, sort)
    held = _tables(table)
    return complete(_page(conditions, table, held, sort, plan, offset=None), held, sort)


@lru_cache(maxsize=1024)
def needs_both(conditions: Conditions, sort: CustomerSort) -> bool:
    """Whether both tables decide which customers are on a page."""
    return _single_table(conditions, sort) is None


def count(conditions: Conditions, looks_up: bool) -> Select[Any]:
    """The number of customers. Living and deleted ones have indexes of their own, and are counted
    separately, each in one table if that suffices. For `looks_up` see PagePlan.
    """
    counts = list[ColumnElement[int]]()
    for one in conditions:
        of_one = (one.of_one(table) for table in (customers, customer_statistics))
        condition = next((condition for condition in of_one if condition is not None), None)
        rows = select(func.count()).where(one.of_both() if condition is None else condition)
        if looks_up and condition is None:
            rows = with_look_ups(rows)
        counts.append(rows.scalar_subquery())
    return select(reduce(add, counts).label("count"))


@frozen
class _Part:
    """The customers that satisfy a condition; of those, only the ones for whom the date of the sort
    `is_missing`, or only the others. None: all.
    """

    condition: ColumnElement[bool]
    is_missing: bool | None = None


def _page(
    conditions: Conditions,
    table: Table | None,
    held: Collection[Table],
    sort: CustomerSort,
    plan: PagePlan,
    *,
    offset: ColumnElement[int] | None,
) -> Select[Any]:
    """The rows of a page, with the columns of CUSTOMERS in the `held` tables and the id; after the
    key if there is no offset.
    """
    columns, parts = _columns(held, sort), _parts(conditions, table, sort)
    rows = [_rows(part, sort, columns, after_key=offset is None) for part in parts]
    if plan.looks_up and table is None:
        rows = [with_look_ups(one) for one in rows]
    if len(rows) > 1:
        return _merged(rows, sort, offset)
    if plan.max_rows is not None:
        return _among_first(plan.max_rows, rows[0], sort).offset(offset)
    return rows[0].limit(LIMIT).offset(offset)


def _single_table(conditions: Conditions, sort: CustomerSort) -> Table | None:
    """The table that alone decides which customers are on a page; None if both are needed."""
    table = customer_statistics if _column(sort) in SORTS else customers
    needs_both = any(condition.of_one(table) is None for condition in conditions)
    return None if needs_both else table


def _tables(table: Table | None) -> Sequence[Table]:
    return _BOTH if table is None else (table,)


def _columns(held: Collection[Table], sort: CustomerSort) -> Sequence[ColumnElement[Any]]:
    """The columns of CUSTOMERS that are in these tables, and the id."""
    columns = [one for one in CUSTOMERS.columns if one.table in held]
    return columns if customers in held else [*columns, _id(sort)]


def complete(page: Select[Any], held: Collection[Table], sort: CustomerSort) -> Select[Any]:
    """The columns of CUSTOMERS for each row of the page, which has a `sort_value`; those of tables
    that are not `held` are looked up.
    """
    rows = page.subquery("page")
    own_id, joined, sources = _id_of(rows), cast("FromClause", rows), dict[Any, FromClause]()
    for table in _BOTH:
        if table in held:
            sources[table] = rows
            continue
        own = [one for one in CUSTOMERS.columns if one.table is table]
        looked_up = select(*own).where(table.c.tenant_id == TENANT, _id_of(table) == own_id)
        sources[table] = lateral(looked_up, f"of_{table.name}")
        joined = joined.join(sources[table], true())
    columns = [sources[one.table].c[one.name] for one in CUSTOMERS.columns]
    in_order = ordered(sort, rows.c.sort_value, own_id)
    return select(*columns).select_from(joined).order_by(*in_order)


def _id_of(rows: FromClause) -> ColumnElement[Any]:
    """The customer's id in rows of either table."""
    return rows.c.id if "id" in rows.c else rows.c.customer_id


def _parts(conditions: Conditions, table: Table | None, sort: CustomerSort) -> list[_Part]:
    """The parts of a list, each in an order that an index has. Missing dates come last, but are the
    first in the index: a list that ascends has two parts.
    """
    own = [one.of_both() if table is None else one.of_one(table) for one in conditions]
    chosen = [condition for condition in own if condition is not None]
    if not (ascends(sort) and _column(sort) in INDEXED_DATES):
        return [_Part(condition) for condition in chosen]
    value = _indexed_value(sort)
    dated = [_Part(and_(condition, value > MINUS_INFINITY), False) for condition in chosen]
    return dated + [_Part(and_(condition, value == MINUS_INFINITY), True) for condition in chosen]


def _rows(
    part: _Part, sort: CustomerSort, columns: Sequence[ColumnElement[Any]], *, after_key: bool
) -> Select[Any]:
    """The rows of a part in order, with the value by which parts are sorted as `sort_value`."""
    in_order = ordered(sort, _indexed_value(sort), _id(sort))
    rows = select(*columns, _sort_value(sort).label("sort_value")).where(part.condition)
    if after_key:
        rows = rows.where(_is_after(part, sort))
    return rows.order_by(*in_order)


def _is_after(part: _Part, sort: CustomerSort) -> ColumnElement[bool]:
    """Whether a row of the part comes after the key."""
    value, own_id = _indexed_value(sort), _id(sort)
    kind = Numeric() if value.type is MONEY else value.type
    key_value: ColumnElement[Any] = bindparam("key_value", type_=kind)
    key_id = bindparam("key_id", type_=Uuid())
    if part.is_missing:
        return own_id > case((key_value.is_(None), key_id), else_=_BEFORE_ALL)
    if _column(sort) in INDEXED_DATES:
        key_value = func.coalesce(key_value, INFINITY if ascends(sort) else MINUS_INFINITY)
    place, key = tuple_(value, own_id), tuple_(key_value, key_id)
    return place > key if ascends(sort) else place < key


def _merged(
    parts: Sequence[Select[Any]], sort: CustomerSort, offset: ColumnElement[int] | None
) -> Select[Any]:
    """The first rows of all parts together, in order. Of each part, only as many rows are read as
    the page and the `offset` rows before it can contain.
    """
    limit = LIMIT if offset is None else LIMIT + offset
    first = [select(part.limit(limit).subquery()) for part in parts]
    return _page_of(union_all(*first).subquery("merged"), sort).offset(offset)


def _among_first(max_rows: int, rows: Select[Any], sort: CustomerSort) -> Select[Any]:
    """The page, selected from the first `max_rows` rows.

    Without this literal limit the server would plan each run of the statement anew: the planner
    would expect a page of a tenth of all rows, so a plan for the real page would look much cheaper.
    """
    first = rows.limit(literal_column(str(max_rows)))
    return _page_of(first.subquery("first"), sort)


def _page_of(rows: Subquery, sort: CustomerSort) -> Select[Any]:
    in_order = ordered(sort, rows.c.sort_value, _id_of(rows))
    return select(rows).order_by(*in_order).limit(LIMIT)


def ordered(sort: CustomerSort, *columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """The columns in the direction of the sort, for ORDER BY."""
    return [column if ascends(sort) else column.desc() for column in columns]


def _sort_value(sort: CustomerSort) -> ColumnElement[Any]:
    """The value of this sort, by which the rows of several parts are sorted."""
    name = _column(sort)
    if ascends(sort) and name in INDEXED_DATES:
        return func.coalesce(customer_statistics.c[name], INFINITY)
    return _indexed_value(sort)


def _indexed_value(sort: CustomerSort) -> ColumnElement[Any]:
    """The expression in the index of this sort."""
    name = _column(sort)
    if name in SORTS:
        return INDEXED_DATES.get(name, customer_statistics.c[name])
    return customers.c[name]


def _id(sort: CustomerSort) -> ColumnElement[Any]:
    """The id, in the table that has the index of this sort."""
    is_of_statistics = _column(sort) in SORTS
    return customer_statistics.c.customer_id if is_of_statistics else customers.c.id


def _column(sort: CustomerSort) -> str:
    return _COLUMNS.get(sort.by, sort.by.value)


def ascends(sort: CustomerSort) -> bool:
    return sort.direction is SortDirection.ASC


_BEFORE_ALL = literal_column("'00000000-0000-0000-0000-000000000000'::uuid", Uuid())
_COLUMNS = {SortField.LIFETIME_VALUE: "total_spent"}
