"""Pages by creation time of few customers: those who were changed, or ordered last, in a range.

The customers of the range are read off its index, and sorted. Along the index of the sort, the
customers outside the range would be read as well. Whether a range has few customers is seen when
the statement is run: if not, it returns no rows, and `pages` reads the page as any other.
"""

from typing import Any, cast

from sqlalchemy import CTE, Select, Uuid, bindparam, func, literal_column, select, tuple_
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.util import ClauseAdapter

from customers.adapters.postgres.customers.filters import CLAUSES, Condition, Conditions
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
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.query import CustomerSort, SortField

# Reading so many takes 2 to 4 ms, which are lost if there are more.
MAX_CUSTOMERS = 2000


def range_of(customer_filter: CustomerFilter, sort: CustomerSort) -> tuple[str, ...]:
    """The parameters of the range by which such a page is read; none if it is a page of another
    sort, if no range has a beginning, or if a criterion needs `customers`.
    """
    ranges = (names for names in _RANGES if getattr(customer_filter, names[0]) is not None)
    names = next(ranges, ())
    if sort.by is not SortField.CREATED_AT or not names or not _needs_no_customers(customer_filter):
        return ()
    return tuple(name for name in names if getattr(customer_filter, name) is not None)


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
    columns = [in_range.c[one.name] for one in (*ORDER_COLUMNS, _statistics.customer_id)]
    place = in_range.c.created_at, in_range.c.customer_id
    rows = select(*columns, in_range.c.created_at.label("sort_value")).where(
        is_narrow, *(_of(in_range, one) for one in conditions)
    )
    if after_key:
        key = tuple_(bindparam("key_value", type_=MOMENT), bindparam("key_id", type_=Uuid()))
        rows = rows.where(tuple_(*place) > key if ascends(sort) else tuple_(*place) < key)
    first = rows.order_by(*ordered(sort, *place)).limit(LIMIT)
    return complete(first if after_key else first.offset(OFFSET), (customer_statistics,), sort)


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


def _of(in_range: CTE, condition: Condition) -> ColumnElement[bool]:
    """The condition on rows of the range, in place of those of the table."""
    clause = cast("ColumnElement[bool]", condition.of_one(customer_statistics))
    return ClauseAdapter(in_range).traverse(clause)


_statistics = customer_statistics.c
# The value in an index, by the parameters of its range. Of two, the first has fewer customers: an
# order changes its customer.
_RANGES = {
    ("last_order_from", "last_order_to"): INDEXED_DATES["last_order_date"],
    ("updated_from", "updated_to"): _statistics.updated_at,
}
# The criteria that rows of `customer_statistics` are checked for.
_CHECKED = (
    "statuses types created_from created_to updated_from updated_to last_order_from last_order_to "
    "min_total_orders max_total_orders min_total_spent max_total_spent"
).split()
