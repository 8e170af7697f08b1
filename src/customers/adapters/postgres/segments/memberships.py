"""Stored members and the feed: what settling writes, in one statement, under the tenant's lock.

Flips become numbered changes in their order. Of several flips of one member the last one says
whether they are stored, and the number of a segment's members follows what really changed.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    not_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from customers.adapters.postgres.customers.lateral import is_stored
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_changes,
    customer_segment_marks,
    customer_segment_members,
    customer_segment_standings,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT, TEXTS, UUIDS
from customers.core.model.membership import Cause, Doubt, Flip, MemberChange


async def settle(session: Session, flips: Sequence[Flip], settled: Sequence[Doubt]) -> None:
    if flips:
        await session.run(
            _FLIP,
            segment_ids=[flip.segment_id for flip in flips],
            customer_ids=[flip.customer_id for flip in flips],
            entered=[flip.entered for flip in flips],
            ats=[flip.at for flip in flips],
            causes=[flip.cause for flip in flips],
            so_many=len(flips),
        )
    if read := {doubt.customer.id: doubt.marks[-1].number for doubt in settled if doubt.marks}:
        await session.run(_FORGET, customer_ids=list(read), numbers=list(read.values()))


async def among(
    session: Session, segment_id: UUID, customer_ids: Collection[UUID]
) -> Collection[UUID]:
    rows = await session.rows(_STORED, segment_id=segment_id, customer_ids=list(customer_ids))
    return {row["customer_id"] for row in rows}


async def changes(
    session: Session, segment_id: UUID, after: int, limit: int
) -> Sequence[MemberChange]:
    rows = await session.rows(_CHANGES, segment_id=segment_id, after=after, limit=limit)
    return [MemberChange(**{**row, "cause": Cause(row["cause"])}) for row in rows]


def _flip() -> Select[Any]:
    told = _told()
    fed, last = _fed(told), _last(told)
    entered, left = _entered(last), _left(last)
    return select(literal_column("1")).add_cte(fed, entered, left, _counted(entered, left))


def _told() -> CTE:
    arrays = (
        bindparam("segment_ids", type_=UUIDS),
        bindparam("customer_ids", type_=UUIDS),
        bindparam("entered", type_=ARRAY(Boolean())),
        bindparam("ats", type_=ARRAY(MOMENT)),
        bindparam("causes", type_=TEXTS),
    )
    names = (
        column("segment_id", Uuid()),
        column("customer_id", Uuid()),
        column("entered", Boolean()),
        column("at", MOMENT),
        column("cause", TEXT),
    )
    flips = func.unnest(*arrays).table_valued(*names, with_ordinality="place", name="flips")
    return select(flips.render_derived()).cte("told")


def _fed(told: CTE) -> CTE:
    """Numbered on from the tenant's counter, which nobody else moves."""
    so_many = bindparam("so_many", type_=BigInteger())
    numbered = (
        update(customer_segment_tenants)
        .where(customer_segment_tenants.c.tenant_id == TENANT)
        .values(changes=customer_segment_tenants.c.changes + so_many)
        .returning((customer_segment_tenants.c.changes - so_many).label("before"))
        .cte("numbered")
    )
    values = {
        "tenant_id": TENANT,
        "segment_id": told.c.segment_id,
        "sequence": numbered.c.before + told.c.place,
        "customer_id": told.c.customer_id,
        "entered": told.c.entered,
        "at": told.c.at,
        "cause": told.c.cause,
    }
    rows = select(*values.values()).select_from(told, numbered)
    return insert(customer_segment_changes).from_select(list(values), rows).cte("fed")


def _last(told: CTE) -> CTE:
    whose = (told.c.segment_id, told.c.customer_id)
    last = select(*whose, told.c.entered).ext(distinct_on(*whose))
    return last.order_by(*whose, told.c.place.desc()).cte("last")


def _entered(last: CTE) -> CTE:
    rows = select(TENANT, last.c.customer_id, last.c.segment_id, customers.c.created_at).where(
        last.c.entered, customers.c.tenant_id == TENANT, customers.c.id == last.c.customer_id
    )
    names = ["tenant_id", "customer_id", "segment_id", "created_at"]
    new = insert(customer_segment_members).from_select(names, rows)
    new = new.on_conflict_do_nothing(index_elements=["tenant_id", "customer_id", "segment_id"])
    return new.returning(_member.segment_id).cte("entered")


def _left(last: CTE) -> CTE:
    gone = delete(customer_segment_members).where(
        not_(last.c.entered),
        is_stored(last.c.segment_id, _member.customer_id == last.c.customer_id),
    )
    return gone.returning(_member.segment_id).cte("left")


def _counted(entered: CTE, left: CTE) -> CTE:
    each = union_all(
        select(entered.c.segment_id, literal_column("1", BigInteger()).label("step")),
        select(left.c.segment_id, literal_column("-1", BigInteger())),
    ).subquery("each")
    moved = (
        select(each.c.segment_id, func.sum(each.c.step).label("members"))
        .group_by(each.c.segment_id)
        .subquery("moved")
    )
    standing = customer_segment_standings.c
    counted = (
        update(customer_segment_standings)
        .where(standing.tenant_id == TENANT, standing.segment_id == moved.c.segment_id)
        .values(members=standing.members + moved.c.members)
    )
    return counted.cte("counted")


def _forget() -> Any:
    """Takes away the marks up to those that were read; one that was left since then stays."""
    ids = bindparam("customer_ids", type_=UUIDS)
    last = bindparam("numbers", type_=ARRAY(BigInteger()))
    names = (column("customer_id", Uuid()), column("number", BigInteger()))
    read = func.unnest(ids, last).table_valued(*names, name="read").render_derived()
    mark = customer_segment_marks.c
    return delete(customer_segment_marks).where(
        mark.tenant_id == TENANT,
        mark.customer_id == read.c.customer_id,
        mark.number <= read.c.number,
    )


_member = customer_segment_members.c
_change = customer_segment_changes.c
_SEGMENT = bindparam("segment_id", type_=Uuid())
_FLIP = Statement.of(_flip())
_FORGET = Statement.of(_forget())
_STORED = Statement.of(
    select(_member.customer_id).where(
        is_stored(_SEGMENT, _member.customer_id == any_(bindparam("customer_ids", type_=UUIDS)))
    )
)
_CHANGES = Statement.of(
    select(*(each for each in _change if each.name != "tenant_id"))
    .where(
        and_(_change.tenant_id == TENANT, _change.segment_id == _SEGMENT),
        _change.sequence > bindparam("after", type_=BigInteger()),
    )
    .order_by(_change.sequence)
    .limit(bindparam("limit", type_=BigInteger()))
)
