"""Lists of customers: pages by number, walks by key, and how many there are.

Every order has an index that gives it, ties and missing dates included, so what a page costs does
not depend on how many customers there are; a walk costs the same however far it has gone.
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
from customers.adapters.postgres.customers.rows import SHOWN
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.schema.tables import (
    ASCENDING_DATES,
    DESCENDING_DATES,
    FAR,
    LONG_AGO,
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

_MOST_OFFSET = 2**62


async def page(
    session: Session, which: CustomerFilter, order: CustomerSort, page: Page
) -> Sequence[Record]:
    """The rows of one page, with the columns of SHOWN."""
    offset = min(page.offset, _MOST_OFFSET)
    told = await _values(session, which)
    if member_pages.answers(which, order):
        statement = member_pages.page(order.order)
    else:
        statement = filters.statement(which, told, _page, order)
    return await session.rows(statement, limit=page.size, offset=offset, **told)


async def numbered(
    session: Session, which: CustomerFilter, order: CustomerSort, page: Page
) -> tuple[Sequence[Record], int]:
    """As `page`, and how many there are in all, in one statement; in two past the end."""
    told = await _values(session, which)
    statement = filters.statement(which, told, _numbered, order, counters.shape(which))
    offset = min(page.offset, _MOST_OFFSET)
    rows = await session.rows(
        statement, limit=page.size, offset=offset, **told, **counters.values(which)
    )
    if rows:
        return rows, rows[0]["total"]
    return rows, await count(session, which) if offset else 0


async def after(
    session: Session,
    which: CustomerFilter,
    order: CustomerSort,
    key: CustomerKey | None,
    limit: int,
) -> Sequence[Record]:
    """The rows that follow a key, or the first ones, with the columns of SHOWN."""
    if key is None:
        return await page(session, which, order, Page(size=limit))
    told = await _values(session, which)
    if member_pages.answers(which, order):
        statement = member_pages.after(order.order)
    else:
        statement = filters.statement(which, told, _after, order)
    place = {"key_value": key.value, "key_id": key.id}
    return await session.rows(statement, limit=limit, **told, **place)


async def count(session: Session, which: CustomerFilter) -> int:
    if (shape := counters.shape(which)) is not None:
        return int(await session.value(counters.total(shape), **counters.values(which)))
    told = await _values(session, which)
    [row] = await session.rows(filters.statement(which, told, _count), **told)
    return int(row["count"])


async def _values(session: Session, which: CustomerFilter) -> dict[str, object]:
    """The values of a filter; what a part of an e-mail may find is looked up first."""
    return filters.values(which, await email_search.candidates(session, which.search))


def _page(kept: ColumnElement[bool], order: CustomerSort) -> Select[Any]:
    return _sorted(kept, order).offset(bindparam("offset", type_=BigInteger))


def _numbered(
    kept: ColumnElement[bool], order: CustomerSort, shape: counters.Shape | None
) -> Select[Any]:
    counted = _count(kept) if shape is None else counters.counted_by(shape)
    return _page(kept, order).add_columns(counted.scalar_subquery().label("total"))


def _after(kept: ColumnElement[bool], order: CustomerSort) -> Select[Any]:
    value = _sort_value(order)
    place = tuple_(value, customers.c.id)
    key = tuple_(_key_value(value, order), bindparam("key_id", type_=Uuid()))
    return _sorted(kept, order).where(place > key if _ascends(order) else place < key)


def _count(kept: ColumnElement[bool]) -> Select[Any]:
    return select(func.count().label("count")).select_from(customers).where(kept)


def _sorted(kept: ColumnElement[bool], order: CustomerSort) -> Select[Any]:
    by = (_sort_value(order), customers.c.id)
    placed = by if _ascends(order) else [part.desc() for part in by]
    limit = bindparam("limit", type_=BigInteger)
    return select(*SHOWN).where(kept).order_by(*placed).limit(limit)


def _sort_value(order: CustomerSort) -> ColumnElement[Any]:
    """The expression that the index of this order is made of."""
    dates = ASCENDING_DATES if _ascends(order) else DESCENDING_DATES
    name = _COLUMNS.get(order.by, order.by.value)
    return dates.get(name, customers.c[name])


def _key_value(value: ColumnElement[Any], order: CustomerSort) -> ColumnElement[Any]:
    """The key's value as the index has it: a missing date is an extreme one."""
    kind = Numeric() if value.type is MONEY else value.type
    told: ColumnElement[Any] = bindparam("key_value", type_=kind)
    if order.by.value not in ASCENDING_DATES:
        return told
    return func.coalesce(told, FAR if _ascends(order) else LONG_AGO)


def _ascends(order: CustomerSort) -> bool:
    return order.order is SortDirection.ASC


_COLUMNS = {SortField.LIFETIME_VALUE: "total_spent"}
