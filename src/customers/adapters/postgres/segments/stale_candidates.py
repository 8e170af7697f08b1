"""Customers of whom stored members may be wrong: those with marks, those whose time has come.

Who they are and what is known of them comes in one statement, so from one snapshot.
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
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    exists,
    false,
    func,
    literal_column,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers import filters
from customers.adapters.postgres.customers.change_capture import TOLD, to_marks
from customers.adapters.postgres.customers.lateral import each, is_stored
from customers.adapters.postgres.customers.rows import SHOWN, from_row
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
    customer_segment_pending_changes,
)
from customers.adapters.postgres.schema.tables import ASCENDING_DATES, LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT, UUIDS
from customers.core.model.membership import DateRange, StaleCandidate
from customers.core.model.query import CustomerFilter
from customers.core.model.rules.timing import DateField


async def stale_candidates(
    session: Session, date_ranges: Collection[DateRange], most: int
) -> Sequence[StaleCandidate]:
    rows = await session.rows(_DOUBTS, most=most, **_spans(date_ranges))
    return [_from_row(row) for row in rows]


async def scan(session: Session, after: UUID | None, most: int) -> Sequence[StaleCandidate]:
    rows = await session.rows(_ROLL, after=after or _NOBODY, most=most)
    return [_from_row(row) for row in rows]


async def with_pending_changes(
    session: Session, most: int, customer_ids: Collection[UUID] | None
) -> Sequence[StaleCandidate]:
    if customer_ids is None:
        rows = await session.rows(_MARKED, most=most)
    else:
        rows = await session.rows(_MARKED_OF, most=most, ids=list(customer_ids))
    return [_from_row(row, row["pending_changes"]) for row in rows]


async def mismatched(
    session: Session,
    segment_id: UUID,
    which: CustomerFilter | None,
    after: UUID | None,
    most: int,
) -> tuple[Sequence[StaleCandidate], UUID | None]:
    last = await session.value(_LAST, after=after or _NOBODY, offset=most - 1)
    told = {} if which is None else filters.values(which)
    rows = await session.rows(
        _NONE_KEPT if which is None else filters.statement(which, told, _contradicted),
        **told,
        segment_id=segment_id,
        after=after or _NOBODY,
        last=last or _EVERYBODY,
    )
    return [_from_row(row) for row in rows], last


async def crossed(
    session: Session, date_ranges: Collection[DateRange], after: UUID | None, most: int
) -> Sequence[StaleCandidate]:
    rows = await session.rows(_AGED, after=after or _NOBODY, most=most, **_spans(date_ranges))
    return [_from_row(row) for row in rows]


async def due(
    session: Session, date_ranges: Mapping[UUID, Collection[DateRange]]
) -> Collection[UUID]:
    spans_of = [(segment_id, span) for segment_id, of_one in date_ranges.items() for span in of_one]
    told = _spans([span for _, span in spans_of])
    for date in DateField:
        told[f"{date}_segments"] = [id for id, span in spans_of if span.date is date]
    return {row["segment_id"] for row in await session.rows(_OVERDUE, **told)}


def _from_row(row: Record, pending_changes: Sequence[Sequence[Any]] = ()) -> StaleCandidate:
    return StaleCandidate(
        customer=from_row(row),
        member_of=frozenset(row["inside"]),
        assigned_to=frozenset(row["assigned"]),
        pending_changes=to_marks(row, pending_changes),
    )


def _spans(date_ranges: Collection[DateRange]) -> dict[str, object]:
    told: dict[str, object] = {}
    for date in DateField:
        told[f"{date}_lows"] = [span.low for span in date_ranges if span.date is date]
        told[f"{date}_highs"] = [span.high for span in date_ranges if span.date is date]
    return told


def _doubt(*more: ColumnElement[Any]) -> Select[Any]:
    """Customers of the tenant, living or not, with the segments they are in."""
    member, put = customer_segment_members.c, customer_segment_assignments.c
    inside = select(member.segment_id).where(
        member.tenant_id == TENANT, member.customer_id == customers.c.id
    )
    assigned = select(put.segment_id).where(
        put.tenant_id == TENANT, put.customer_id == customers.c.id
    )
    return select(
        *SHOWN,
        func.array(inside.scalar_subquery()).label("inside"),
        func.array(assigned.scalar_subquery()).label("assigned"),
        *more,
    ).where(customers.c.tenant_id == TENANT)


def _doubts_of(ids: SelectBase, *more: ColumnElement[Any]) -> Select[Any]:
    """The doubts of those ids, in id order."""
    some = ids.subquery("some")
    found = each(_doubt(*more).where(customers.c.id == some.c[0]), "found")
    return select(found).select_from(some.join(found, true())).order_by(found.c.id)


def _doubts() -> Select[Any]:
    aged = (_in_spans(date).limit(_MOST).subquery(date) for date in DateField)
    some = union(select(_marked_ids().subquery("marked")), *map(select, aged))
    return _doubts_of(some.limit(_MOST))


def _marked_ids(*which: ColumnElement[bool]) -> Select[Any]:
    marked = select(_mark.customer_id).where(_mark.tenant_id == TENANT, *which)
    return marked.distinct().order_by(_mark.customer_id).limit(_MOST)


def _marked(*which: ColumnElement[bool]) -> Select[Any]:
    own = (_mark.tenant_id == TENANT, _mark.customer_id == customers.c.id)
    sort_key = select(func.row(*TOLD)).where(*own).order_by(_mark.number)
    pending_changes = func.array(sort_key.scalar_subquery()).label("pending_changes")
    return _doubts_of(_marked_ids(*which), pending_changes)


def _last() -> Select[Any]:
    offset = bindparam("offset", type_=BigInteger())
    following = select(customers.c.id).where(customers.c.tenant_id == TENANT, _IS_AFTER)
    return following.order_by(customers.c.id).limit(1).offset(offset)


def _contradicted(kept: ColumnElement[bool]) -> Select[Any]:
    own = is_stored(
        bindparam("segment_id", type_=Uuid()),
        customer_segment_members.c.customer_id == customers.c.id,
    )
    # One by one: without the offset a chunk would read all of the segment's members.
    stored = exists(select(literal_column("1")).where(own).offset(literal_column("0")))
    chunk = and_(_IS_AFTER, customers.c.id <= bindparam("last", type_=Uuid()))
    disagreeing = _doubt().where(chunk, kept.is_distinct_from(stored), ~_HAS_MARKS)
    return disagreeing.order_by(customers.c.id)


def _aged() -> Select[Any]:
    every = union(*(_in_spans(date, _IS_AFTER, ~_HAS_MARKS) for date in DateField))
    some = every.subquery("every")
    return _doubts_of(select(some.c[0]).order_by(some.c[0]).limit(_MOST))


def _overdue() -> CompoundSelect[Any]:
    return union(*map(_overdue_by, DateField))


def _overdue_by(date: DateField) -> Select[Any]:
    segments = bindparam(f"{date}_segments", type_=UUIDS)
    span = _unnested(date, segments, column("segment_id", Uuid()))
    anyone = each(_within(date, span).limit(1), f"{date}_found")
    return select(span.c.segment_id).select_from(span.join(anyone, true()))


def _in_spans(date: DateField, *which: ColumnElement[bool]) -> Select[Any]:
    span = _unnested(date)
    found = each(_within(date, span).where(*which), f"{date}_found")
    return select(found.c.id).select_from(span.join(found, true()))


def _within(date: DateField, span: FromClause) -> Select[Any]:
    value = ASCENDING_DATES.get(date, customers.c[date])
    here = (customers.c.tenant_id == TENANT, LIVING)
    return select(customers.c.id).where(*here, value >= span.c.low, value <= span.c.high)


def _unnested(date: DateField, *more: Any) -> FromClause:
    """One row per span of a date."""
    lows = bindparam(f"{date}_lows", type_=ARRAY(MOMENT))
    highs = bindparam(f"{date}_highs", type_=ARRAY(MOMENT))
    names = (column("low", MOMENT), column("high", MOMENT), *more[1:])
    date_ranges = func.unnest(lows, highs, *more[:1]).table_valued(*names, name=f"{date}_span")
    return date_ranges.render_derived()


_mark = customer_segment_pending_changes.c
_NOBODY, _EVERYBODY = UUID(int=0), UUID(int=2**128 - 1)
_IS_AFTER = customers.c.id > bindparam("after", type_=Uuid())
_HAS_MARKS = exists().where(_mark.tenant_id == TENANT, _mark.customer_id == customers.c.id)
_MOST = bindparam("most", type_=BigInteger())
_DOUBTS = Statement.of(_doubts())
_ROLL = Statement.of(_doubt().where(_IS_AFTER).order_by(customers.c.id).limit(_MOST))
_MARKED = Statement.of(_marked())
_MARKED_OF = Statement.of(_marked(_mark.customer_id == any_(bindparam("ids", type_=UUIDS))))
_LAST = Statement.of(_last())
_NONE_KEPT = Statement.of(_contradicted(false()))
_AGED = Statement.of(_aged())
_OVERDUE = Statement.of(_overdue())
