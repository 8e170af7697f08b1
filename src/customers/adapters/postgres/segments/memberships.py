"""Stored members and the feed: what settling writes, in one statement, under the tenant's lock.

Flips become numbered changes in their order. Of several flips of one member the last one says
whether they are stored, and the number of a segment's members follows what really changed.
"""

from collections.abc import Collection, Mapping, Sequence
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
    customer_segment_members,
    customer_segment_pending_changes,
    customer_segment_refresh_states,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT, TEXTS, UUIDS
from customers.adapters.postgres.segments import refresh_states, stale_candidates
from customers.core.model.membership import (
    Cause,
    DateRange,
    MembershipChange,
    RefreshState,
    SequencedChange,
    StaleCandidate,
)
from customers.core.model.query import CustomerFilter
from customers.core.ports.membership import MembershipRepository


class PostgresMemberships(MembershipRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def refresh_states(
        self, segment_ids: Collection[UUID] | None = None
    ) -> Mapping[UUID, RefreshState]:
        return await refresh_states.refresh_states(self._session, segment_ids)

    async def stale_candidates(
        self, date_ranges: Collection[DateRange], limit: int
    ) -> Sequence[StaleCandidate]:
        return await stale_candidates.stale_candidates(self._session, date_ranges, limit)

    async def scan(self, after: UUID | None, limit: int) -> Sequence[StaleCandidate]:
        return await stale_candidates.scan(self._session, after, limit)

    async def due(self, date_ranges: Mapping[UUID, Collection[DateRange]]) -> Collection[UUID]:
        return await stale_candidates.due(self._session, date_ranges)

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[SequencedChange]:
        rows = await self._session.rows(_CHANGES, segment_id=segment_id, after=after, limit=limit)
        return [SequencedChange(**{**row, "cause": Cause(row["cause"])}) for row in rows]

    async def acquire_lock(self) -> None:
        await refresh_states.acquire_lock(self._session)

    async def members_among(
        self, segment_id: UUID, customer_ids: Collection[UUID]
    ) -> Collection[UUID]:
        ids = list(customer_ids)
        rows = await self._session.rows(_MEMBERS_AMONG, segment_id=segment_id, customer_ids=ids)
        return {row["customer_id"] for row in rows}

    async def set_capture(self, *, customers: bool, orders: bool) -> None:
        await refresh_states.set_capture(self._session, customers=customers, orders=orders)

    async def capture_barrier_passed(self, segment_id: UUID) -> bool:
        return await refresh_states.capture_barrier_passed(self._session, segment_id)

    async def with_pending_changes(
        self, limit: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[StaleCandidate]:
        return await stale_candidates.with_pending_changes(self._session, limit, customer_ids)

    async def mismatched(
        self,
        segment_id: UUID,
        customer_filter: CustomerFilter | None,
        after: UUID | None,
        limit: int,
    ) -> tuple[Sequence[StaleCandidate], UUID | None]:
        return await stale_candidates.mismatched(
            self._session, segment_id, customer_filter, after, limit
        )

    async def crossed(
        self, date_ranges: Collection[DateRange], after: UUID | None, limit: int
    ) -> Sequence[StaleCandidate]:
        return await stale_candidates.crossed(self._session, date_ranges, after, limit)

    async def apply(
        self, changes: Sequence[MembershipChange], refreshed: Sequence[StaleCandidate] = ()
    ) -> None:
        if changes:
            await self._session.run(
                _APPLY,
                segment_ids=[change.segment_id for change in changes],
                customer_ids=[change.customer_id for change in changes],
                entered=[change.entered for change in changes],
                ats=[change.at for change in changes],
                causes=[change.cause for change in changes],
                count=len(changes),
            )
        numbers = {
            candidate.customer.id: candidate.pending_changes[-1].number
            for candidate in refreshed
            if candidate.pending_changes
        }
        if numbers:
            ids = list(numbers)
            await self._session.run(
                _REMOVE_PENDING, customer_ids=ids, numbers=list(numbers.values())
            )

    async def save_refresh_state(self, segment_id: UUID, refresh_state: RefreshState) -> None:
        await refresh_states.save_refresh_state(self._session, segment_id, refresh_state)


def _apply() -> Select[Any]:
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
    membership_changes = func.unnest(*arrays).table_valued(
        *names, with_ordinality="place", name="changes"
    )
    return select(membership_changes.render_derived()).cte("told")


def _fed(told: CTE) -> CTE:
    """Numbered on from the tenant's counter, which nobody else moves."""
    count = bindparam("count", type_=BigInteger())
    numbered = (
        update(customer_segment_tenants)
        .where(customer_segment_tenants.c.tenant_id == TENANT)
        .values(changes=customer_segment_tenants.c.changes + count)
        .returning((customer_segment_tenants.c.changes - count).label("before"))
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
        select(each.c.segment_id, func.sum(each.c.step).label("member_count"))
        .group_by(each.c.segment_id)
        .subquery("moved")
    )
    refresh_state = customer_segment_refresh_states.c
    counted = (
        update(customer_segment_refresh_states)
        .where(refresh_state.tenant_id == TENANT, refresh_state.segment_id == moved.c.segment_id)
        .values(member_count=refresh_state.member_count + moved.c.member_count)
    )
    return counted.cte("counted")


def _remove_pending() -> Any:
    """Takes away the marks up to those that were read; one that was left since then stays."""
    ids = bindparam("customer_ids", type_=UUIDS)
    last = bindparam("numbers", type_=ARRAY(BigInteger()))
    names = (column("customer_id", Uuid()), column("number", BigInteger()))
    read = func.unnest(ids, last).table_valued(*names, name="read").render_derived()
    pending_change = customer_segment_pending_changes.c
    return delete(customer_segment_pending_changes).where(
        pending_change.tenant_id == TENANT,
        pending_change.customer_id == read.c.customer_id,
        pending_change.number <= read.c.number,
    )


_member = customer_segment_members.c
_change = customer_segment_changes.c
_SEGMENT = bindparam("segment_id", type_=Uuid())
_APPLY = Statement.of(_apply())
_REMOVE_PENDING = Statement.of(_remove_pending())
_MEMBERS_AMONG = Statement.of(
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
