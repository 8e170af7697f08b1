"""Statements that find stale candidates: by pending changes, by dates, and by comparing conditions
with the stored members. SCAN returns all customers, stale or not; DUE returns segments. A statement
that returns candidates reads customers with their memberships, so both are from one snapshot.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    FromClause,
    Select,
    SelectBase,
    Table,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.change_capture import (
    RECORD_COLUMNS,
    read_pending_changes,
)
from customers.adapters.postgres.customers.filters import Condition, Conditions
from customers.adapters.postgres.customers.lateral import NO_OFFSET, is_membership, lateral
from customers.adapters.postgres.customers.rows import (
    CUSTOMERS,
    WITH_STATISTICS,
    with_look_ups,
)
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
    customer_segment_pending_changes,
)
from customers.adapters.postgres.schema.statistics_table import (
    INDEXED_DATES,
    customer_statistics,
)
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT, UUIDS
from customers.core.model.membership import DateRange
from customers.core.model.pending_changes import StaleCandidate
from customers.core.model.rules.timing import DateField

BEFORE_ALL, AFTER_ALL = UUID(int=0), UUID(int=2**128 - 1)
"""Ids before and after that of any customer."""


def to_candidate(row: Record, pending_changes: Sequence[Sequence[Any]] = ()) -> StaleCandidate:
    return StaleCandidate(
        customer=CUSTOMERS.read(row),
        member_of=frozenset(row["member_of"]),
        assigned_to=frozenset(row["assigned_to"]),
        pending_changes=tuple(read_pending_changes(row, pending_changes)),
    )


def range_values(date_ranges: Collection[DateRange]) -> dict[str, object]:
    """The parameters of date ranges: for each date, an array of low and one of high ends."""
    values: dict[str, object] = {}
    for date in DateField:
        ranges = [date_range for date_range in date_ranges if date_range.date is date]
        values[f"{date}_lows"] = [date_range.low for date_range in ranges]
        values[f"{date}_highs"] = [date_range.high for date_range in ranges]
    return values


def segment_range_values(date_ranges: Mapping[UUID, Collection[DateRange]]) -> dict[str, object]:
    """The parameters of the date ranges of segments: those of `range_values`, and for each date an
    array of segment ids.
    """
    pairs = [(id, date_range) for id, ranges in date_ranges.items() for date_range in ranges]
    values = range_values([date_range for _, date_range in pairs])
    for date in DateField:
        values[f"{date}_segments"] = [id for id, date_range in pairs if date_range.date is date]
    return values


def select_mismatched(conditions: Conditions, looks_up: bool) -> Select[Any]:
    """The customers after `after`, up to `last`, for whom the conditions differ from the stored
    members; without those who have pending changes. For `looks_up` see `rows.with_look_ups`.
    """
    membership = is_membership(
        bindparam("segment_id", type_=Uuid()),
        customer_segment_members.c.customer_id == customers.c.id,
    )
    # Without the offset PostgreSQL would read all members of the segment instead of looking up one.
    is_stored = exists(select(literal_column("1")).where(membership).offset(NO_OFFSET))
    chunk = and_(_IS_NEXT, customers.c.id <= bindparam("last", type_=Uuid()))
    meant = or_(*(condition.of_both() for condition in conditions))
    differs = meant.is_distinct_from(is_stored)
    mismatched = _candidates().where(chunk, differs, ~_is_pending(customers.c.id))
    mismatched = mismatched.order_by(customers.c.id)
    return with_look_ups(mismatched) if looks_up else mismatched


def _candidates(*columns: ColumnElement[Any]) -> Select[Any]:
    """Customers of the tenant, deleted ones included, with their segments."""
    return select(
        *CUSTOMERS.columns,
        _segments_in(customer_segment_members).label("member_of"),
        _segments_in(customer_segment_assignments).label("assigned_to"),
        *columns,
    ).where(customers.c.tenant_id == TENANT, WITH_STATISTICS)


def _segments_in(table: Table) -> ColumnElement[Any]:
    """The ids of the customer's segments in a table, as an array."""
    own = (table.c.tenant_id == TENANT, table.c.customer_id == customers.c.id)
    return func.array(select(table.c.segment_id).where(*own).scalar_subquery())


def _candidates_of(ids: SelectBase, *columns: ColumnElement[Any]) -> Select[Any]:
    """The candidates with these ids, in id order, looked up one by one."""
    chosen = ids.subquery("chosen")
    rows = with_look_ups(_candidates(*columns)).where(customers.c.id == chosen.c[0])
    candidate = lateral(rows, "candidate")
    joined = chosen.join(candidate, true())
    return select(candidate).select_from(joined).order_by(candidate.c.id)


def _stale() -> Select[Any]:
    pending = _pending_ids().subquery("pending")
    in_ranges = (_ids_in_ranges(date).limit(_LIMIT).subquery(date) for date in DateField)
    return _candidates_of(union(select(pending), *map(select, in_ranges)).limit(_LIMIT))


def _with_pending_changes(*conditions: ColumnElement[bool]) -> Select[Any]:
    own = (_pending.tenant_id == TENANT, _pending.customer_id == customers.c.id)
    records = select(func.row(*RECORD_COLUMNS)).where(*own).order_by(_pending.number)
    pending_changes = func.array(records.scalar_subquery()).label("pending_changes")
    return _candidates_of(_pending_ids(*conditions), pending_changes)


def _pending_ids(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The ids of the first `limit` customers with pending changes, in order."""
    ids = select(_pending.customer_id).where(_pending.tenant_id == TENANT, *conditions)
    return ids.distinct().order_by(_pending.customer_id).limit(_LIMIT)


def _last_compared() -> Select[Any]:
    """The last of the next `offset` + 1 customer ids after `after`; no row if fewer are left."""
    offset = bindparam("offset", type_=BigInteger())
    following = select(customers.c.id).where(customers.c.tenant_id == TENANT, _IS_NEXT)
    return following.order_by(customers.c.id).limit(1).offset(offset)


def _crossed() -> Select[Any]:
    ids = union(*(_ids_in_ranges(date, is_compared=True) for date in DateField))
    in_ranges = ids.subquery("in_ranges")
    return _candidates_of(select(in_ranges.c[0]).order_by(in_ranges.c[0]).limit(_LIMIT))


def _due() -> CompoundSelect[Any]:
    return union(*map(_due_by, DateField))


def _due_by(date: DateField) -> Select[Any]:
    """The ids of the segments that have a living customer with this date in one of their ranges."""
    segments = bindparam(f"{date}_segments", type_=UUIDS)
    date_range = _ranges(date, segments, column("segment_id", Uuid()))
    customer = lateral(_ids_in_range(date, date_range).limit(1), f"{date}_customer")
    return select(date_range.c.segment_id).select_from(date_range.join(customer, true()))


def _ids_in_ranges(date: DateField, *, is_compared: bool = False) -> Select[Any]:
    """The ids of living customers with this date in one of its ranges; if `is_compared`, those
    after `after` without pending changes.
    """
    date_range = _ranges(date)
    ids = _ids_in_range(date, date_range)
    if is_compared:
        own_id = _statistics.customer_id if date in INDEXED_DATES else customers.c.id
        ids = ids.where(_is_after(own_id), ~_is_pending(own_id))
    customer = lateral(ids, f"{date}_customer")
    return select(customer.c.id).select_from(date_range.join(customer, true()))


def _ids_in_range(date: DateField, date_range: FromClause) -> Select[Any]:
    """The ids of living customers, from the table with the index of the date."""
    if date in INDEXED_DATES:
        value: ColumnElement[Any] = INDEXED_DATES[date]
        ids = select(_statistics.customer_id.label("id"))
        ids = ids.where(_statistics.tenant_id == TENANT, _statistics.is_living)
    else:
        value = customers.c[date]
        ids = select(customers.c.id).where(customers.c.tenant_id == TENANT, LIVING)
    return ids.where(value >= date_range.c.low, value <= date_range.c.high)


def _ranges(date: DateField, *segments: Any) -> FromClause:
    """A row for each range of a date. `segments` are an array of segment ids and a column for them,
    or nothing.
    """
    lows = bindparam(f"{date}_lows", type_=ARRAY(MOMENT))
    highs = bindparam(f"{date}_highs", type_=ARRAY(MOMENT))
    names = (column("low", MOMENT), column("high", MOMENT), *segments[1:])
    rows = func.unnest(lows, highs, *segments[:1]).table_valued(*names, name=f"{date}_range")
    return rows.render_derived()


def _is_after(customer_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return customer_id > bindparam("after", type_=Uuid())


def _is_pending(customer_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(_pending.tenant_id == TENANT, _pending.customer_id == customer_id)


_pending = customer_segment_pending_changes.c
_statistics = customer_statistics.c
_IS_NEXT = _is_after(customers.c.id)
_LIMIT = bindparam("limit", type_=BigInteger())
STALE = Statement.of(_stale())
SCAN = Statement.of(
    with_look_ups(_candidates().where(_IS_NEXT).order_by(customers.c.id).limit(_LIMIT))
)
PENDING = Statement.of(_with_pending_changes())
PENDING_AMONG = Statement.of(
    _with_pending_changes(_pending.customer_id == any_(bindparam("ids", type_=UUIDS)))
)
LAST_COMPARED = Statement.of(_last_compared())
MISMATCHED_WITH_NOBODY = Statement.of(
    select_mismatched((Condition("living", (false(),)),), looks_up=True)
)
CROSSED = Statement.of(_crossed())
DUE = Statement.of(_due())
