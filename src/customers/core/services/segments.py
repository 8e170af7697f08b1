"""Use cases of segments: creating and changing them, assigning customers, listing members.

`membership.publish` and `membership.refresh` update the stored members; `membership.view` gives the
members at one moment.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from uuid import UUID

from customers.core.errors import Problem
from customers.core.errors.availability import Busy, Unavailable
from customers.core.membership.publish import publish, update_capture
from customers.core.membership.refresh import (
    apply_all_pending,
    apply_pending_changes,
    start_backfill,
)
from customers.core.membership.view import member_page, members_after, membership_view
from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import (
    Assignment,
    Cause,
    MembershipChange,
    SegmentSummary,
    build_error,
)
from customers.core.model.principal import Principal
from customers.core.model.problems import Problems
from customers.core.model.query import CustomerKey, CustomerPage, CustomerSort, JournalKey, Page
from customers.core.model.segment import MAX_IDS, MemberIds, Segment, SegmentChange, SegmentDetails
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


class Segments:
    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def all(self, tenant_id: str) -> Sequence[SegmentSummary]:
        """Every segment, newest first."""
        view = membership_view(self._storage, tenant_id, self._clock)
        async with view as (memberships, segments):
            return await memberships.summaries(segments)

    async def page_after(
        self, tenant_id: str, key: JournalKey | None, limit: int
    ) -> Sequence[SegmentSummary]:
        """At most `limit` segments after a key, newest first."""
        view = membership_view(self._storage, tenant_id, self._clock)
        async with view as (memberships, segments):
            following = (one for one in segments if key is None or _is_after(one, key))
            return await memberships.summaries(islice(following, limit))

    async def get(self, tenant_id: str, segment_id: UUID) -> SegmentSummary:
        """The segment. Raises SegmentNotFound."""
        view = membership_view(self._storage, tenant_id, self._clock, [segment_id])
        async with view as (memberships, segments):
            return (await memberships.summaries(segments))[0]

    async def of_customer(self, tenant_id: str, customer_id: UUID) -> Sequence[SegmentSummary]:
        """The segments a customer is in, newest first. Raises CustomerNotFound."""
        view = membership_view(self._storage, tenant_id, self._clock)
        async with view as (memberships, segments):
            customer = await memberships.view.customers.get(customer_id)
            assigned_to = await memberships.view.assignments.segments_of(customer_id)
            theirs = []
            for segment in segments:
                if memberships.contains(segment, customer, assigned_to):
                    theirs.append(segment)
                await memberships.view.give_way()
            return await memberships.summaries(theirs)

    async def create(
        self, tenant_id: str, details: SegmentDetails, *, strict: bool
    ) -> SegmentSummary:
        """Creates a segment. Raises SegmentNameTaken, SegmentLimitExceeded, and Invalid as
        `Segment.new` does.
        """
        segment = Segment.new(
            details, id=self._ids.new(), tenant_id=tenant_id, now=self._clock.now(), strict=strict
        )
        await self._publish(tenant_id, segment)
        # The segment is stored: if its members cannot be built now, that must not be an error.
        try:
            await start_backfill(self._storage, tenant_id, segment.id, self._clock)
            return await self.get(tenant_id, segment.id)
        except (Unavailable, Busy):
            progress = 0.0 if segment.is_dynamic else 1.0
            return SegmentSummary(segment=segment, member_count=0, progress=progress)

    async def change(
        self, tenant_id: str, segment_id: UUID, change: SegmentChange, *, strict: bool
    ) -> SegmentSummary:
        """Changes a segment. Raises SegmentNotFound, Invalid, SegmentNameTaken, SegmentBuilding,
        SegmentFailed.

        A change with rules starts the build of a segment again if it has failed, also if the rules
        are the same.
        """
        # Earlier changes of customers enter the feed as the previous rule decides.
        await apply_pending_changes(self._storage, tenant_id)
        changed = await self._publish_change(tenant_id, segment_id, change, strict=strict)
        with suppress(Unavailable, Busy):
            await start_backfill(self._storage, tenant_id, segment_id, self._clock)
        try:
            return await self.get(tenant_id, segment_id)
        except (Unavailable, Busy):
            progress = 0.0 if changed.is_dynamic else 1.0
            return SegmentSummary(segment=changed, member_count=0, progress=progress)

    @retries_conflict
    async def remove(self, tenant_id: str, segment_id: UUID) -> None:
        """Removes a segment. Raises SegmentNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            await tx.memberships.acquire_lock()
            await tx.segments.get_for_update(segment_id)
            await tx.segments.remove(segment_id)
            await update_capture(tx)

    @retries_conflict
    async def assign(
        self, tenant_id: str, segment_id: UUID, members: MemberIds, *, principal: Principal
    ) -> int:
        """Assigns customers to a manual segment; returns how many were not assigned before.

        Raises SegmentNotFound, SegmentIsDynamic, Invalid.
        """
        async with self._storage.transaction(tenant_id) as tx:
            segment, ids = await self._lock_manual(tx, segment_id, members)
            assignment = Assignment(assigned_at=self._clock.now(), assigned_by=principal.actor)
            added = await tx.assignments.add(segment_id, ids, assignment)
            await self._apply(tx, segment, added, entered=True, at=assignment.assigned_at)
            return len(added)

    @retries_conflict
    async def unassign(self, tenant_id: str, segment_id: UUID, members: MemberIds) -> int:
        """Removes customers from a manual segment; returns how many were assigned.

        Raises SegmentNotFound, SegmentIsDynamic, Invalid.
        """
        async with self._storage.transaction(tenant_id) as tx:
            segment, ids = await self._lock_manual(tx, segment_id, members)
            removed = await tx.assignments.remove(segment_id, ids)
            await self._apply(tx, segment, removed, entered=False, at=self._clock.now())
            return len(removed)

    async def first_members(self, tenant_id: str, segment_id: UUID) -> Sequence[Customer]:
        """The members, newest customer first, at most 1,000. Raises SegmentNotFound, SegmentFailed,
        SegmentBuilding.
        """
        page = Page(number=1, size=MAX_IDS)
        everyone, newest = CustomerFilter(), CustomerSort()
        return (await self.members(tenant_id, segment_id, everyone, newest, page)).customers

    async def members(
        self,
        tenant_id: str,
        segment_id: UUID,
        criteria: CustomerFilter,
        sort: CustomerSort,
        page: Page,
    ) -> CustomerPage:
        """One page of the members that satisfy the criteria. Raises SegmentNotFound, SegmentFailed,
        SegmentBuilding.
        """
        view = membership_view(self._storage, tenant_id, self._clock, [segment_id])
        async with view as (memberships, [segment]):
            return await member_page(memberships, segment, criteria, sort, page)

    async def members_after(
        self,
        tenant_id: str,
        segment_id: UUID,
        criteria: CustomerFilter,
        sort: CustomerSort,
        *,
        key: CustomerKey | None,
        size: int,
    ) -> Sequence[Customer]:
        """At most `size` + 1 members after a key, which satisfy the criteria.

        Raises SegmentNotFound, SegmentFailed, SegmentBuilding.
        """
        view = membership_view(self._storage, tenant_id, self._clock, [segment_id])
        async with view as (memberships, [segment]):
            return await members_after(
                memberships, segment, criteria, sort, key=key, limit=size + 1
            )

    @retries_conflict
    async def _publish(self, tenant_id: str, segment: Segment) -> None:
        async with self._storage.transaction(tenant_id) as tx:
            await tx.memberships.acquire_lock()
            await publish(tx, None, segment, self._clock.now())

    @retries_conflict
    async def _publish_change(
        self, tenant_id: str, segment_id: UUID, change: SegmentChange, *, strict: bool
    ) -> Segment:
        async with self._storage.transaction(tenant_id) as tx:
            await tx.memberships.acquire_lock()
            before = await tx.segments.get_for_update(segment_id)
            now = self._clock.now()
            after = before.change(change, now=now, strict=strict)
            state = (await tx.memberships.refresh_states([segment_id]))[segment_id]
            retries = change.rules is not None and build_error(before, state) is not None
            if after is not before or retries:
                await publish(tx, before, after, now, retries=retries)
            return after

    async def _apply(
        self,
        tx: Transaction,
        segment: Segment,
        customer_ids: Collection[UUID],
        *,
        entered: bool,
        at: datetime,
    ) -> None:
        """Applies changed assignments to the stored members; an inactive segment has none."""
        if segment.is_active:
            stored = await tx.memberships.members_among(segment.id, customer_ids)
            changed = [id for id in sorted(customer_ids) if (id in stored) is not entered]
            changes = [_by_hand(segment.id, id, entered=entered, at=at) for id in changed]
            await tx.memberships.apply(changes)

    async def _lock_manual(
        self, tx: Transaction, segment_id: UUID, members: MemberIds
    ) -> tuple[Segment, Collection[UUID]]:
        """Locks a manual segment and the customers, and applies their pending changes."""
        await tx.memberships.acquire_lock()
        segment = (await tx.segments.get_for_update(segment_id)).manual()
        ids = set(members.customer_ids)
        _expect_all(members, await tx.customers.get_ids_for_update(ids))
        await apply_all_pending(tx, ids)
        return segment, ids


def key_of(segment: Segment) -> JournalKey:
    """The position of a segment in the list of all segments."""
    return JournalKey(at=segment.created_at, id=str(segment.id))


def _is_after(segment: Segment, key: JournalKey) -> bool:
    return (segment.created_at, str(segment.id)) < (key.at, key.id)


def _by_hand(
    segment_id: UUID, customer_id: UUID, *, entered: bool, at: datetime
) -> MembershipChange:
    cause = Cause.MANUAL
    return MembershipChange(
        segment_id=segment_id, customer_id=customer_id, entered=entered, at=at, cause=cause
    )


def _expect_all(members: MemberIds, existing: Collection[UUID]) -> None:
    """Raises Invalid with a problem for each customer that does not exist."""
    missing = (
        Problem(
            field=f"customerIds[{index}]",
            pointer=f"/customerIds/{index}",
            message="is not a customer of this tenant",
            code="CUSTOMER_NOT_FOUND",
        )
        for index, customer_id in enumerate(members.customer_ids)
        if customer_id not in existing
    )
    Problems(missing).raise_if_any()
