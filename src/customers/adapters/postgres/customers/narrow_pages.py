"""Pages by creation time of few customers: those who were changed, ordered last, or have ordered or
spent, in a range.

The customers of the range are read off its index, and sorted. Along the index of the sort, the
customers outside the range would be read as well. Whether a range has few customers is seen when
the statement is run: if not, it returns no rows, and `pages` reads the page as any other.

Ranges of dates usually have few customers; those of totals usually have many, so some customers are
first walked along the index of the sort, which then suffices.
"""

from typing import Any, cast

from sqlalchemy import (
    CTE,
    FromClause,
    Select,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.util import ClauseAdapter

from customers.adapters.postgres.customers.filters import CLAUSES, Condition, Conditions
from customers.adapters.postgres.customers.lateral import lateral
from customers.adapters.postgres.customers.page_statements import (
    LIMIT,
    OFFSET,
    ascends,
    complete,
    ordered,
)
from customers.adapters.postgres.customers.rows import ORDER_COLUMNS
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.statistics_table import INDEXED_DATES, customer_statistics
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.query import CustomerSort, SortField

# Reading so many takes 2 to 4 ms, which are lost if there are more.
MAX_CUSTOMERS = 2000
# Walking so many takes 3 to 5 ms, which are lost if too few of them are in the range.
MAX_WALKED = 1000


def range_of(customer_filter: CustomerFilter, sort: CustomerSort) -> tuple[str, ...]:
    """The parameters of the range by which such a page is read; none if it is a page of another
    sort, if no range has a beginning, or if a criterion needs `customers`.
    """
    ranges = (names for names in _RANGES if getattr(customer_filter, names[0]) is not None)
    names = next(ranges, ())
    if sort.by is not SortField.CREATED_AT or not names or not _needs_no_customers(customer_filter):
        return ()
    return tuple(name for name in names if getattr(customer_filter, name) is not None)


def usually_has_many(range_names: tuple[str, ...]) -> bool:
    """Whether to walk some customers before the range is read."""
    return range_names[0] in _TOTALS


def walk(
    conditions: Conditions, sort: CustomerSort, max_walked: int, after_key: bool
) -> Select[Any]:
    """A page from an offset or after a key, of those among the next `max_walked` customers who
    satisfy the conditions: the whole page, if it is full.
    """
    living = cast("ColumnElement[bool]", Condition("living", ()).of_one(customers))
    place = customers.c.created_at, customers.c.id
    walked = select(*place).where(living).order_by(*ordered(sort, *place))
    if after_key:
        walked = walked.where(_is_after_key(sort, *place))
    most: ColumnElement[int] = literal_column(str(max_walked))
    own = walked.limit(most).subquery("walked")
    looked_up = select(customer_statistics).where(
        _statistics.tenant_id == TENANT, _statistics.customer_id == own.c.id
    )
    of_own = lateral(looked_up, "of_walked")
    rows = _rows_of(of_own, conditions).select_from(own.join(of_own, true()))
    return _page_of(rows, sort, after_key, own.c.created_at, own.c.id)


def is_narrow(
    conditions: Conditions,  # noqa: ARG001
    range_names: tuple[str, ...],
    max_customers: int,
) -> Select[Any]:
    """Whether the range has at most `max_customers`, so that `page` reads all its pages."""
    in_range = _in_range(range_names, max_customers)
    return select((func.count() <= max_customers).label("is_narrow")).select_from(in_range)


def page(
    conditions: Conditions,
    range_names: tuple[str, ...],
    sort: CustomerSort,
    max_customers: int,
    after_key: bool,
) -> Select[Any]:
    """A page from an offset or after a key; no rows if the range has more than `max_customers`.
    `range_names` are the parameters of the range; see `range_of`.
    """
    in_range = _in_range(range_names, max_customers)
    is_narrow = select(func.count() <= max_customers).select_from(in_range).scalar_subquery()
    place = in_range.c.created_at, in_range.c.customer_id
    rows = _rows_of(in_range, conditions).where(is_narrow)
    if after_key:
        rows = rows.where(_is_after_key(sort, *place))
    return _page_of(rows, sort, after_key, *place)


def _rows_of(statistics: FromClause, conditions: Conditions) -> Select[Any]:
    """Those of these rows of statistics that satisfy the conditions."""
    columns = [statistics.c[one.name] for one in (*ORDER_COLUMNS, _statistics.customer_id)]
    return select(*columns).where(*(_of(statistics, one) for one in conditions))


def _page_of(
    rows: Select[Any], sort: CustomerSort, after_key: bool, *place: ColumnElement[Any]
) -> Select[Any]:
    first = rows.add_columns(place[0].label("sort_value")).order_by(*ordered(sort, *place))
    first = first.limit(LIMIT)
    return complete(first if after_key else first.offset(OFFSET), (customer_statistics,), sort)


def _is_after_key(sort: CustomerSort, *place: ColumnElement[Any]) -> ColumnElement[bool]:
    key = tuple_(bindparam("key_value", type_=MOMENT), bindparam("key_id", type_=Uuid()))
    return tuple_(*place) > key if ascends(sort) else tuple_(*place) < key


def _needs_no_customers(customer_filter: CustomerFilter) -> bool:
    checked = {name: getattr(customer_filter, name) for name in _CHECKED}
    return customer_filter == CustomerFilter(**checked)


def _in_range(range_names: tuple[str, ...], max_customers: int) -> CTE:
    """The living customers of the range, but not many more than `max_customers`.

    The order keeps the planner from reading the table, which it would expect to find so many soon.
    """
    own = _statistics.tenant_id == TENANT, _statistics.is_living
    rows = select(customer_statistics).where(*own, *(CLAUSES[name] for name in range_names))
    [indexed] = [value for names, value in _RANGES.items() if range_names[0] in names]
    one_more: ColumnElement[int] = literal_column(str(max_customers + 1))
    return rows.order_by(indexed).limit(one_more).cte("in_range")


def _of(statistics: FromClause, condition: Condition) -> ColumnElement[bool]:
    """The condition on these rows of statistics, in place of those of the table."""
    clause = cast("ColumnElement[bool]", condition.of_one(customer_statistics))
    return ClauseAdapter(statistics).traverse(clause)


_statistics = customer_statistics.c
_TOTALS = {
    "min_total_spent": _statistics.total_spent,
    "min_total_orders": _statistics.total_orders,
}
# The value in an index, by the parameters of its range. Of two, the first has fewer customers: an
# order changes its customer.
_RANGES = {
    ("last_order_from", "last_order_to"): INDEXED_DATES["last_order_date"],
    ("updated_from", "updated_to"): _statistics.updated_at,
    ("min_total_spent", "max_total_spent"): _TOTALS["min_total_spent"],
    ("min_total_orders", "max_total_orders"): _TOTALS["min_total_orders"],
}
# The criteria that rows of `customer_statistics` are checked for.
_CHECKED = (
    "statuses types created_from created_to updated_from updated_to last_order_from last_order_to "
    "min_total_orders max_total_orders min_total_spent max_total_spent"
).split()
