"""Use cases of segments: their own CRUD, members by hand, and who is in them.

What a change does to members is begun here and finished by `members.settling`; who is in a segment
at a moment is told by `members.roster`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from customers.core.errors import Invalid, Problem
from customers.core.membership.publish import publish, watch
from customers.core.membership.refresh import build_at_once, settle_all_marked, settle_marks
from customers.core.membership.view import snapshot
from customers.core.model.customer import Customer
from customers.core.model.membership import Assignment, Cause, CountedSegment, Flip
from customers.core.model.query import CustomerKey, CustomerOrder, CustomerPage, Page
from customers.core.model.segment import (
    MOST_IDS,
    MemberIds,
    Segment,
    SegmentChange,
    SegmentDetails,
)
from customers.core.ports import Clock, Ids, Storage, Transaction


class Segments:
    def __init__(self, storage: Storage, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def all(self, tenant_id: str) -> Sequence[CountedSegment]:
        """Newest first."""
        async with snapshot(self._storage, tenant_id, self._clock) as (roster, segments):
            return await roster.counted(segments)

    async def get(self, tenant_id: str, segment_id: UUID) -> CountedSegment:
        """Raises SegmentNotFound."""
        async with snapshot(self._storage, tenant_id, self._clock, [segment_id]) as (roster, found):
            return (await roster.counted(found))[0]

    async def of_customer(self, tenant_id: str, customer_id: UUID) -> Sequence[CountedSegment]:
        """The segments a customer is in, newest first. Raises CustomerNotFound."""
        async with snapshot(self._storage, tenant_id, self._clock) as (roster, every):
            customer = await roster.view.customers.get(customer_id)
            assigned = await roster.view.segments.put_into(customer_id)
            return await roster.counted(
                each for each in every if roster.holds(each, customer, assigned)
            )

    async def create(
        self, tenant_id: str, details: SegmentDetails, *, strict: bool
    ) -> CountedSegment:
        """Raises Invalid for rules that cannot be evaluated, SegmentNameTaken."""
        segment = Segment.new(
            details,
            id=self._ids.new(tenant_id, Segment),
            tenant_id=tenant_id,
            now=self._clock.now(),
            strict=strict,
        )
        async with self._storage.transaction(tenant_id) as tx:
            await tx.segments.lock_members()
            await publish(tx, None, segment, self._clock.now())
        await build_at_once(self._storage, tenant_id, segment.id, self._clock)
        return await self.get(tenant_id, segment.id)

    async def change(
        self, tenant_id: str, segment_id: UUID, change: SegmentChange, *, strict: bool
    ) -> CountedSegment:
        """Raises SegmentNotFound, Invalid, SegmentNameTaken, SegmentBuilding."""
        # What has been until now is told as it was, before the rule makes others of the members.
        await settle_marks(self._storage, tenant_id)
        async with self._storage.transaction(tenant_id) as tx:
            await tx.segments.lock_members()
            before = await tx.segments.lock(segment_id)
            now = self._clock.now()
            after = before.change(change, now=now, strict=strict)
            if after is not before:
                await publish(tx, before, after, now)
        await build_at_once(self._storage, tenant_id, segment_id, self._clock)
        return await self.get(tenant_id, segment_id)

    async def remove(self, tenant_id: str, segment_id: UUID) -> None:
        """Raises SegmentNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            await tx.segments.lock_members()
            await tx.segments.lock(segment_id)
            await tx.segments.remove(segment_id)
            await watch(tx)

    async def put(
        self, tenant_id: str, segment_id: UUID, members: MemberIds, *, actor: UUID | None
    ) -> int:
        """How many were not in it. Raises SegmentNotFound, SegmentIsDynamic, Invalid."""
        async with self._storage.transaction(tenant_id) as tx:
            segment, ids = await self._lock_by_hand(tx, segment_id, members)
            now = self._clock.now()
            by = Assignment(assigned_at=now, assigned_by=actor)
            added = await tx.segments.put(segment_id, ids, by)
            await self._flip(tx, segment, added, entered=True, at=now)
            return len(added)

    async def take(self, tenant_id: str, segment_id: UUID, members: MemberIds) -> int:
        """How many were in it. Raises SegmentNotFound, SegmentIsDynamic, Invalid."""
        async with self._storage.transaction(tenant_id) as tx:
            segment, ids = await self._lock_by_hand(tx, segment_id, members)
            removed = await tx.segments.take(segment_id, ids)
            await self._flip(tx, segment, removed, entered=False, at=self._clock.now())
            return len(removed)

    async def first_members(self, tenant_id: str, segment_id: UUID) -> Sequence[Customer]:
        """At most 1,000 members, newest customer first. Raises SegmentNotFound."""
        page = Page(number=1, size=MOST_IDS)
        return (await self.members(tenant_id, segment_id, CustomerOrder(), page)).customers

    async def members(
        self, tenant_id: str, segment_id: UUID, order: CustomerOrder, page: Page
    ) -> CustomerPage:
        """Raises SegmentNotFound."""
        async with snapshot(self._storage, tenant_id, self._clock, [segment_id]) as (roster, found):
            which = roster.members(found[0])
            if which is None:
                return CustomerPage(customers=(), total=0, page=page)
            return CustomerPage(
                customers=await roster.view.customers.page(which, order, page),
                total=await roster.count(found[0]),
                page=page,
            )

    async def members_after(
        self,
        tenant_id: str,
        segment_id: UUID,
        order: CustomerOrder,
        key: CustomerKey | None,
        size: int,
    ) -> Sequence[Customer]:
        """The next members, at most one more than `size`. Raises SegmentNotFound."""
        async with snapshot(self._storage, tenant_id, self._clock, [segment_id]) as (roster, found):
            which = roster.members(found[0])
            if which is None:
                return []
            return await roster.view.customers.after(which, order, key, size + 1)

    async def _flip(
        self,
        tx: Transaction,
        segment: Segment,
        customer_ids: Collection[UUID],
        *,
        entered: bool,
        at: datetime,
    ) -> None:
        """Tells stored members what was done by hand; an inactive segment shows nobody."""
        if not segment.is_active:
            return
        inside = await tx.segments.stored(segment.id, customer_ids)
        found = [
            Flip(
                segment_id=segment.id,
                customer_id=each,
                entered=entered,
                at=at,
                cause=Cause.MANUAL,
            )
            for each in sorted(customer_ids)
            if (each in inside) is not entered
        ]
        await tx.segments.settle(found)

    async def _lock_by_hand(
        self, tx: Transaction, segment_id: UUID, members: MemberIds
    ) -> tuple[Segment, Collection[UUID]]:
        """The segment and the customers, all locked, and settled until now."""
        await tx.segments.lock_members()
        segment = (await tx.segments.lock(segment_id)).by_hand()
        ids = set(members.customer_ids)
        _expect_all(members, await tx.customers.lock_all(ids))
        await settle_all_marked(tx, ids)
        return segment, ids


def _expect_all(members: MemberIds, living: Collection[UUID]) -> None:
    unknown = [
        Problem(
            field=f"customerIds[{index}]",
            pointer=f"/customerIds/{index}",
            message="is no customer of this tenant",
            code="CUSTOMER_NOT_FOUND",
        )
        for index, customer_id in enumerate(members.customer_ids)
        if customer_id not in living
    ]
    if unknown:
        raise Invalid(unknown)
