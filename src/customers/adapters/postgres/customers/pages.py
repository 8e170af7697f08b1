"""Lists of customers: pages by number, pages after a key, and totals.

Every sort of living customers has an index, ties and missing dates included, so a page costs the
same however many there are, and a page after a key the same however far it is into the list.
Deleted customers have an index by creation; for other sorts, all that a filter keeps are sorted.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

from asyncpg import Record
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Select,
    Uuid,
    bindparam,
    func,
    select,
    tuple_,
    union_all,
)

from customers.adapters.postgres.customers import (
    counters,
    email_search,
    filters,
    member_pages,
    order_search,
)
from customers.adapters.postgres.customers.filters import Conditions
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.customers.search_predicates import LookedUp
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.schema.tables import (
    ASCENDING_DATES,
    DESCENDING_DATES,
    INFINITY,
    MINUS_INFINITY,
    customers,
)
from customers.adapters.postgres.schema.types import MONEY
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerSort,
    Page,
    SortDirection,
    SortField,
)

_MAX_OFFSET = 2**62
_LIMIT = bindparam("limit", type_=BigInteger)
_OFFSET = bindparam("offset", type_=BigInteger)


async def page(
    session: Session, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
) -> Sequence[Record]:
    """The rows of one page, with the columns of CUSTOMERS."""
    if not customer_filter.finds_anyone:
        return []
    values = await _values(session, customer_filter)
    return await _rows(
        session, customer_filter, values, sort, limit=page.size, offset=_offset(page)
    )


async def page_with_total(
    session: Session, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
) -> tuple[Sequence[Record], int]:
    """As `page`, with the total."""
    if not customer_filter.finds_anyone:
        return [], 0
    offset = _offset(page)
    if (shape := counters.shape(customer_filter)) is None:
        return await _page_and_count(session, customer_filter, sort, page.size, offset)
    values = filters.values(customer_filter)
    statement = filters.statement(customer_filter, values, _page_with_total, sort, shape)
    values |= counters.values(customer_filter)
    rows = await session.rows(statement, limit=page.size, offset=offset, **values)
    if rows:
        return rows, rows[0]["total"]
    return rows, await count(session, customer_filter) if offset else 0


async def page_after(
    session: Session,
    customer_filter: CustomerFilter,
    sort: CustomerSort,
    key: CustomerKey | None,
    limit: int,
) -> Sequence[Record]:
    """The rows after a key, or the first ones, with the columns of CUSTOMERS."""
    if key is None or not customer_filter.finds_anyone:
        return await page(session, customer_filter, sort, Page(size=limit))
    values = await _values(session, customer_filter)
    if member_pages.supports(customer_filter, sort):
        statement = member_pages.page_after(sort.direction)
    else:
        statement = filters.statement(customer_filter, values, _page_after, sort)
    values |= {"key_value": key.value, "key_id": key.id}
    return await session.rows(statement, limit=limit, **values)


async def count(session: Session, customer_filter: CustomerFilter) -> int:
    if (shape := counters.shape(customer_filter)) is not None:
        total = await session.value(counters.total(shape), **counters.values(customer_filter))
        return int(total)
    if not customer_filter.finds_anyone:
        return 0
    return await _counted(session, customer_filter, await _values(session, customer_filter))


async def _page_and_count(
    session: Session, customer_filter: CustomerFilter, sort: CustomerSort, limit: int, offset: int
) -> tuple[Sequence[Record], int]:
    """A page and the total. Customers are only counted if the page, with one row more, does not
    show how many there are.
    """
    values = await _values(session, customer_filter)
    rows = await _rows(session, customer_filter, values, sort, limit=limit + 1, offset=offset)
    if len(rows) <= limit and (rows or not offset):
        return rows, offset + len(rows)
    return rows[:limit], await _counted(session, customer_filter, values)


async def _rows(
    session: Session,
    customer_filter: CustomerFilter,
    values: Mapping[str, object],
    sort: CustomerSort,
    *,
    limit: int,
    offset: int,
) -> Sequence[Record]:
    if member_pages.supports(customer_filter, sort):
        statement = member_pages.page(sort.direction)
    else:
        statement = filters.statement(customer_filter, values, _page, sort)
    return await session.rows(statement, limit=limit, offset=offset, **values)


async def _counted(
    session: Session, customer_filter: CustomerFilter, values: Mapping[str, object]
) -> int:
    [row] = await session.rows(filters.statement(customer_filter, values, _count), **values)
    return int(row["count"])


async def _values(session: Session, customer_filter: CustomerFilter) -> dict[str, object]:
    """The parameters of a filter; what its search finds in other indexes is looked up first."""
    search, candidates = customer_filter.search, None
    if not customer_filter.finds_deleted:
        candidates = await email_search.candidates(session, search)
    owners = await order_search.owners(session, search)
    return filters.values(customer_filter, LookedUp(candidates=candidates, owners=owners))


def _offset(page: Page) -> int:
    return min(page.offset, _MAX_OFFSET)


def _page(conditions: Conditions, sort: CustomerSort) -> Select[Any]:
    if len(conditions) == 1:
        return _select(conditions[0], sort).limit(_LIMIT).offset(_OFFSET)
    return _merged([_select(condition, sort) for condition in conditions], sort).offset(_OFFSET)


def _page_with_total(
    conditions: Conditions, sort: CustomerSort, shape: counters.Shape
) -> Select[Any]:
    total = counters.select_total(shape).scalar_subquery()
    return _page(conditions, sort).add_columns(total.label("total"))


def _page_after(conditions: Conditions, sort: CustomerSort) -> Select[Any]:
    value = _sort_value(sort)
    place = tuple_(value, customers.c.id)
    key = tuple_(_key_value(value, sort), bindparam("key_id", type_=Uuid()))
    is_after = place > key if _ascends(sort) else place < key
    rows = [_select(condition, sort).where(is_after) for condition in conditions]
    return rows[0].limit(_LIMIT) if len(rows) == 1 else _merged(rows, sort, offset=None)


def _count(conditions: Conditions) -> Select[Any]:
    """Counts each group by itself, since each has indexes of its own."""
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
    """The first rows of all groups in order; each group gives its first rows, and no more."""
    limit = _LIMIT if offset is None else _LIMIT + offset
    first = [
        select(group.add_columns(_sort_value(sort).label("sort_value")).limit(limit).subquery())
        for group in groups
    ]
    rows = union_all(*first).subquery("merged")
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
    """The key's value as the index has it: a missing date is infinite."""
    kind = Numeric() if value.type is MONEY else value.type
    key_value: ColumnElement[Any] = bindparam("key_value", type_=kind)
    if sort.by.value not in ASCENDING_DATES:
        return key_value
    return func.coalesce(key_value, INFINITY if _ascends(sort) else MINUS_INFINITY)


def _ascends(sort: CustomerSort) -> bool:
    return sort.direction is SortDirection.ASC


_COLUMNS = {SortField.LIFETIME_VALUE: "total_spent"}
