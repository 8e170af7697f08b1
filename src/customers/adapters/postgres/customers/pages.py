"""Lists of customers: pages by number, pages after a key, and totals.

Every sort has an index, ties and missing dates included, so a page costs the same however many
customers there are, and a page after a key the same however far it is into the list.
"""

from collections.abc import Sequence
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
)

from customers.adapters.postgres.customers import counters, email_search, filters, member_pages
from customers.adapters.postgres.customers.rows import CUSTOMERS
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


async def page(
    session: Session, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
) -> Sequence[Record]:
    """The rows of one page, with the columns of CUSTOMERS."""
    values = await _values(session, customer_filter)
    if member_pages.supports(customer_filter, sort):
        statement = member_pages.page(sort.direction)
    else:
        statement = filters.statement(customer_filter, values, _page, sort)
    return await session.rows(statement, limit=page.size, offset=_offset(page), **values)


async def page_with_total(
    session: Session, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
) -> tuple[Sequence[Record], int]:
    """As `page`, with the total, in one statement; in two for a page past the end."""
    values = await _values(session, customer_filter)
    shape = counters.shape(customer_filter)
    statement = filters.statement(customer_filter, values, _page_with_total, sort, shape)
    offset = _offset(page)
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
    if key is None:
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
    values = await _values(session, customer_filter)
    [row] = await session.rows(filters.statement(customer_filter, values, _count), **values)
    return int(row["count"])


async def _values(session: Session, customer_filter: CustomerFilter) -> dict[str, object]:
    """The parameters of a filter; candidates of an e-mail search are looked up first."""
    candidates = await email_search.candidates(session, customer_filter.search)
    return filters.values(customer_filter, candidates)


def _offset(page: Page) -> int:
    return min(page.offset, _MAX_OFFSET)


def _page(condition: ColumnElement[bool], sort: CustomerSort) -> Select[Any]:
    return _sorted(condition, sort).offset(bindparam("offset", type_=BigInteger))


def _page_with_total(
    condition: ColumnElement[bool], sort: CustomerSort, shape: counters.Shape | None
) -> Select[Any]:
    total = _count(condition) if shape is None else counters.select_total(shape)
    return _page(condition, sort).add_columns(total.scalar_subquery().label("total"))


def _page_after(condition: ColumnElement[bool], sort: CustomerSort) -> Select[Any]:
    value = _sort_value(sort)
    place = tuple_(value, customers.c.id)
    key = tuple_(_key_value(value, sort), bindparam("key_id", type_=Uuid()))
    return _sorted(condition, sort).where(place > key if _ascends(sort) else place < key)


def _count(condition: ColumnElement[bool]) -> Select[Any]:
    return select(func.count().label("count")).select_from(customers).where(condition)


def _sorted(condition: ColumnElement[bool], sort: CustomerSort) -> Select[Any]:
    columns = (_sort_value(sort), customers.c.id)
    in_order = columns if _ascends(sort) else [column.desc() for column in columns]
    limit = bindparam("limit", type_=BigInteger)
    return select(*CUSTOMERS.columns).where(condition).order_by(*in_order).limit(limit)


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
