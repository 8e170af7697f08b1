"""Memberships in PostgreSQL: stored members, refresh states and the feed.

The statements are composed in `membership_changes`, `refresh_states`, `capture` and
`stale_candidates`.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from customers.adapters.postgres.customers import filters
from customers.adapters.postgres.customers.rows import expects_few
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_marks import mark_of
from customers.adapters.postgres.segments import (
    capture,
    membership_changes,
    refresh_states,
    stale_candidates,
)
from customers.adapters.postgres.segments.membership_changes import CHANGES
from customers.adapters.postgres.segments.refresh_states import REFRESH_STATES
from customers.adapters.postgres.segments.stale_candidates import (
    AFTER_ALL,
    BEFORE_ALL,
    range_values,
    segment_range_values,
    to_candidate,
)
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import (
    DateRange,
    MembershipChange,
    RefreshState,
    SequencedChange,
)
from customers.core.model.pending_changes import StaleCandidate
from customers.core.ports.membership import MembershipRepository


class PostgresMemberships(MembershipRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def refresh_states(
        self, segment_ids: Collection[UUID] | None = None
    ) -> Mapping[UUID, RefreshState]:
        if segment_ids is None:
            rows = await self._session.rows(refresh_states.ALL)
        else:
            rows = await self._session.rows(refresh_states.OF_SEGMENTS, ids=list(segment_ids))
        return {row["segment_id"]: REFRESH_STATES.read(row) for row in rows}

    async def save_refresh_state(self, segment_id: UUID, refresh_state: RefreshState) -> None:
        values = REFRESH_STATES.write(refresh_state)
        await self._session.run(refresh_states.SAVE, segment_id=segment_id, **values)

    async def stale_candidates(
        self, date_ranges: Collection[DateRange], limit: int
    ) -> Sequence[StaleCandidate]:
        values = range_values(date_ranges)
        return await self._candidates(stale_candidates.STALE, limit=limit, **values)

    async def scan(self, after: UUID | None, limit: int) -> Sequence[StaleCandidate]:
        after = after or BEFORE_ALL
        return await self._candidates(stale_candidates.SCAN, after=after, limit=limit)

    async def with_pending_changes(
        self, limit: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[StaleCandidate]:
        if customer_ids is None:
            rows = await self._session.rows(stale_candidates.PENDING, limit=limit)
        else:
            ids = list(customer_ids)
            rows = await self._session.rows(stale_candidates.PENDING_AMONG, limit=limit, ids=ids)
        return [to_candidate(row, row["pending_changes"]) for row in rows]

    async def mismatched(
        self,
        segment_id: UUID,
        customer_filter: CustomerFilter | None,
        after: UUID | None,
        limit: int,
    ) -> tuple[Sequence[StaleCandidate], UUID | None]:
        after = after or BEFORE_ALL
        last = await self._session.value(
            stale_candidates.LAST_COMPARED, after=after, offset=limit - 1
        )
        looks_up = await expects_few(self._session)
        statement, values = _mismatched_with(customer_filter, looks_up)
        values |= {"segment_id": segment_id, "after": after, "last": last or AFTER_ALL}
        return await self._candidates(statement, **values), last

    async def crossed(
        self, date_ranges: Collection[DateRange], after: UUID | None, limit: int
    ) -> Sequence[StaleCandidate]:
        values = {**range_values(date_ranges), "after": after or BEFORE_ALL, "limit": limit}
        return await self._candidates(stale_candidates.CROSSED, **values)

    async def due(self, date_ranges: Mapping[UUID, Collection[DateRange]]) -> Collection[UUID]:
        values = segment_range_values(date_ranges)
        rows = await self._session.rows(stale_candidates.DUE, **values)
        return {row["segment_id"] for row in rows}

    async def acquire_lock(self) -> None:
        if await self._session.row(capture.LOCK) is None:
            await self._session.run(capture.ADD_TENANT)
            await self._session.row(capture.LOCK)

    async def set_capture(self, *, customers: bool, orders: bool) -> None:
        await self._session.run(
            capture.SET_CAPTURE, captures_customers=customers, captures_orders=orders
        )

    async def capture_barrier_passed(self, segment_id: UUID) -> bool:
        """Whether every write that may not know of the segment has ended. Such a write began before
        the first check, and holds a lock on the table of customers: a statement takes that lock
        before its snapshot, and keeps it until its transaction ends. A transaction of several
        statements gets the mark of its tenant before the first of them, so transactions of other
        tenants can be told apart. A transaction that is just ending may still seem to hold the
        lock, so the first positive result is stored.
        """
        row = await self._session.row(capture.START_BARRIER, segment_id=segment_id)
        if row is None:
            return False
        if (barrier_at := row["barrier_at"]) is not None:
            mark = mark_of(self._session.tenant_id)
            if await self._session.value(capture.HAS_OLDER_WRITE, barrier_at=barrier_at, mark=mark):
                return False
            await self._session.run(
                capture.PASS_BARRIER, segment_id=segment_id, barrier_at=barrier_at
            )
        return True

    async def members_among(
        self, segment_id: UUID, customer_ids: Collection[UUID]
    ) -> Collection[UUID]:
        ids = list(customer_ids)
        rows = await self._session.rows(
            membership_changes.MEMBERS_AMONG, segment_id=segment_id, customer_ids=ids
        )
        return {row["customer_id"] for row in rows}

    async def apply(
        self, changes: Sequence[MembershipChange], refreshed: Sequence[StaleCandidate] = ()
    ) -> None:
        if changes:
            values = membership_changes.change_values(changes)
            await self._session.run(membership_changes.APPLY, **values)
        if applied := [candidate for candidate in refreshed if candidate.pending_changes]:
            ids = [candidate.customer.id for candidate in applied]
            numbers = [candidate.pending_changes[-1].number for candidate in applied]
            statement = membership_changes.REMOVE_PENDING
            await self._session.run(statement, customer_ids=ids, numbers=numbers)

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[SequencedChange]:
        rows = await self._session.rows(
            membership_changes.FEED, segment_id=segment_id, after=after, limit=limit
        )
        return CHANGES.read_all(rows)

    async def _candidates(self, statement: Statement, **values: object) -> Sequence[StaleCandidate]:
        rows = await self._session.rows(statement, **values)
        return [to_candidate(row) for row in rows]


def _mismatched_with(
    customer_filter: CustomerFilter | None, looks_up: bool
) -> tuple[Statement, dict[str, object]]:
    """The statement that compares members with a filter (None: nobody), and its parameters."""
    if customer_filter is None:
        return stale_candidates.MISMATCHED_WITH_NOBODY, {}
    values = filters.values(customer_filter)
    compose = stale_candidates.select_mismatched
    return filters.statement(customer_filter, values, compose, looks_up), values
