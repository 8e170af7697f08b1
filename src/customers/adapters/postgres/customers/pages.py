"""Lists of customers: pages by number, pages after a key, and totals.

Every sort of living customers has an index, ties and missing dates included, so without a filter
the first page costs the same however many customers there are, and a page after a key costs the
same anywhere in the list. Deleted customers have an index by creation only: for other sorts, all
deleted customers that the filter keeps are sorted.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from asyncpg import Record

from customers.adapters.postgres.customers import (
    counters,
    filters,
    member_pages,
    narrow_pages,
    page_statements,
)
from customers.adapters.postgres.customers.page_statements import PagePlan
from customers.adapters.postgres.customers.rows import expects_few
from customers.adapters.postgres.customers.search_lookups import look_up
from customers.adapters.postgres.engine.session import Session
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.query import CustomerKey, CustomerSort, Page

_MAX_OFFSET = 2**62
# From this offset on, reading whole rows takes longer than looking up those of the page.
DEEP = 200
# Pages that end beyond this row are planned anew, which costs little beside reading them.
_MAX_PLANNED_ONCE = 10_000


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
    """As `page`, with the total. One statement reads both, except past the end of the list, where
    counting may cost much more than the page, and in narrow ranges.
    """
    if not customer_filter.finds_anyone:
        return [], 0
    offset = _offset(page)
    if _is_costly(customer_filter) or narrow_pages.range_of(customer_filter, sort):
        return await _page_and_count(session, customer_filter, sort, page.size, offset)
    values = filters.values(customer_filter)
    shape = counters.shape(customer_filter)
    plan = PagePlan(
        _max_rows(values, offset + page.size),
        is_deep=offset >= DEEP,
        looks_up=await _looks_up(session, customer_filter, values, sort),
    )
    statement = filters.statement(
        customer_filter, values, page_statements.page_with_total, sort, shape, plan
    )
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
    """At most `limit` rows after a key, or the first ones if it is None, with the columns of
    CUSTOMERS.
    """
    if key is None or not customer_filter.finds_anyone:
        return await page(session, customer_filter, sort, Page(size=limit))
    values = await _values(session, customer_filter)
    place = {"limit": limit, "key_value": key.value, "key_id": key.id}
    rows = await _narrow(session, customer_filter, values, sort, place)
    if rows is not None:
        return rows
    if member_pages.supports(customer_filter, sort):
        statement = member_pages.page_after(sort.direction)
    else:
        plan = PagePlan(
            _max_rows(values, limit),
            looks_up=await _looks_up(session, customer_filter, values, sort),
        )
        statement = filters.statement(
            customer_filter, values, page_statements.page_after, sort, plan
        )
    return await session.rows(statement, **place, **values)


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
    """A page and the total. Customers are only counted if the page, read with one row more, does
    not show how many there are. A counted total is at least as large as the page has shown.
    """
    values = await _values(session, customer_filter)
    rows = await _rows(session, customer_filter, values, sort, limit=limit + 1, offset=offset)
    if len(rows) <= limit and (rows or not offset):
        return rows, offset + len(rows)
    counted = await _counted(session, customer_filter, values)
    return rows[:limit], max(counted, offset + len(rows)) if rows else counted


async def _rows(
    session: Session,
    customer_filter: CustomerFilter,
    values: Mapping[str, object],
    sort: CustomerSort,
    *,
    limit: int,
    offset: int,
) -> Sequence[Record]:
    place = {"limit": limit, "offset": offset}
    rows = await _narrow(session, customer_filter, values, sort, place)
    if rows is not None:
        return rows
    if member_pages.supports(customer_filter, sort):
        statement = member_pages.page(sort.direction)
    else:
        plan = PagePlan(
            _max_rows(values, offset + limit),
            is_deep=offset >= DEEP,
            looks_up=await _looks_up(session, customer_filter, values, sort),
        )
        statement = filters.statement(customer_filter, values, page_statements.page, sort, plan)
    return await session.rows(statement, **place, **values)


async def _narrow(
    session: Session,
    customer_filter: CustomerFilter,
    values: Mapping[str, object],
    sort: CustomerSort,
    place: Mapping[str, object],
) -> Sequence[Record] | None:
    """The rows of a page by `narrow_pages`; None if it does not read this one."""
    range_names = narrow_pages.range_of(customer_filter, sort)
    if not range_names:
        return None
    of_filter, after_key = partial(filters.statement, customer_filter, values), "key_id" in place
    if narrow_pages.usually_has_many(range_names):
        walk = of_filter(narrow_pages.walk, sort, narrow_pages.MAX_WALKED, after_key)
        rows = await session.rows(walk, **place, **values)
        if len(rows) == place["limit"]:
            return rows
    most = narrow_pages.MAX_CUSTOMERS
    page = of_filter(narrow_pages.page, range_names, sort, most, after_key)
    if rows := await session.rows(page, **place, **values):
        return rows
    is_narrow = of_filter(narrow_pages.is_narrow, range_names, most)
    return [] if await session.value(is_narrow, **values) else None


async def _counted(
    session: Session, customer_filter: CustomerFilter, values: Mapping[str, object]
) -> int:
    looks = await _looks_up(session, customer_filter, values, CustomerSort())
    statement = filters.statement(customer_filter, values, page_statements.count, looks)
    [row] = await session.rows(statement, **values)
    return int(row["count"])


async def _looks_up(
    session: Session,
    customer_filter: CustomerFilter,
    values: Mapping[str, object],
    sort: CustomerSort,
) -> bool:
    """Whether a page, or a count, needs both tables, and should look up statistics."""
    if customer_filter.rule is None:
        conditions = filters.conditions(customer_filter, values)
        if not page_statements.needs_both(conditions, sort):
            return False
    return await expects_few(session)


async def _values(session: Session, customer_filter: CustomerFilter) -> dict[str, object]:
    """The parameters of a filter; what its search finds in other indexes is looked up first."""
    looked_up = await look_up(
        session, customer_filter.search, finds_deleted=customer_filter.finds_deleted
    )
    return filters.values(customer_filter, looked_up)


def _is_costly(customer_filter: CustomerFilter) -> bool:
    """Whether to count only if the page does not show how many customers there are."""
    costly = (customer_filter.search, customer_filter.rule, customer_filter.members_of)
    return any(part is not None for part in costly)


def _max_rows(values: Mapping[str, object], rows: int) -> int | None:
    """The `max_rows` of a statement whose page ends at row `rows`: the least power of ten from 10
    that is not less than `rows`; None if the page ends beyond _MAX_PLANNED_ONCE, or if the best
    plan depends on the values. The planner expects a page of a tenth of `max_rows`, so a plan for
    the real page does not look cheaper.
    """
    if rows > _MAX_PLANNED_ONCE or not filters.has_one_plan(values):
        return None
    return int(10 ** len(str(rows - 1)))


def _offset(page: Page) -> int:
    return min(page.offset, _MAX_OFFSET)
