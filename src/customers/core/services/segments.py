"""Use cases of segments: their own CRUD, members by hand, and who is in them.

A dynamic segment's members are those that its rule matches when it is read.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from customers.core.errors import Invalid, Problem
from customers.core.model.customer import Customer
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerOrder,
    CustomerPage,
    Page,
    RuleAt,
)
from customers.core.model.rules.matches import matches
from customers.core.model.segment import (
    MOST_IDS,
    CountedSegment,
    MemberIds,
    Segment,
    SegmentChange,
    SegmentDetails,
)
from customers.core.ports import Clock, Ids, Storage, Transaction, View


class Segments:
    def __init__(self, storage: Storage, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def all(self, tenant_id: str) -> Sequence[CountedSegment]:
        """Newest first."""
        async with self._storage.view(tenant_id) as view:
            return await self._counted(view, await view.segments.all())

    async def get(self, tenant_id: str, segment_id: UUID) -> CountedSegment:
        """Raises SegmentNotFound."""
        async with self._storage.view(tenant_id) as view:
            segment = await view.segments.get(segment_id)
            return (await self._counted(view, [segment]))[0]

    async def of_customer(self, tenant_id: str, customer_id: UUID) -> Sequence[CountedSegment]:
        """The segments a customer is in, newest first. Raises CustomerNotFound."""
        async with self._storage.view(tenant_id) as view:
            customer = await view.customers.get(customer_id)
            put_into = await view.segments.put_into(customer_id)
            every = await view.segments.all()
            now = self._clock.now()
            return await self._counted(
                view,
                (
                    each
                    for each in every
                    if each.is_active
                    and (
                        matches(each.rule, customer, now)
                        if each.rule is not None
                        else each.id in put_into
                    )
                ),
            )

    async def create(
        self, tenant_id: str, details: SegmentDetails, *, strict: bool
    ) -> CountedSegment:
        """Raises Invalid for rules that cannot be evaluated, SegmentNameTaken."""
        segment = Segment.new(
            details,
            id=self._ids.new(),
            tenant_id=tenant_id,
            now=self._clock.now(),
            strict=strict,
        )
        async with self._storage.transaction(tenant_id) as tx:
            await tx.segments.add(segment)
            return (await self._counted(tx, [segment]))[0]

    async def change(
        self, tenant_id: str, segment_id: UUID, change: SegmentChange, *, strict: bool
    ) -> CountedSegment:
        """Raises SegmentNotFound, Invalid, SegmentNameTaken."""
        async with self._storage.transaction(tenant_id) as tx:
            before = await tx.segments.lock(segment_id)
            after = before.change(change, now=self._clock.now(), strict=strict)
            if after is not before:
                await self._hand_over(tx, before, after)
                await tx.segments.save(after)
            return (await self._counted(tx, [after]))[0]

    async def remove(self, tenant_id: str, segment_id: UUID) -> None:
        """Raises SegmentNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            await tx.segments.lock(segment_id)
            await tx.segments.remove(segment_id)

    async def put(self, tenant_id: str, segment_id: UUID, members: MemberIds) -> int:
        """How many were not in it. Raises SegmentNotFound, SegmentIsDynamic, Invalid."""
        async with self._storage.transaction(tenant_id) as tx:
            await self._lock_by_hand(tx, segment_id, members)
            return await tx.segments.put(segment_id, set(members.customer_ids), self._clock.now())

    async def take(self, tenant_id: str, segment_id: UUID, members: MemberIds) -> int:
        """How many were in it. Raises SegmentNotFound, SegmentIsDynamic, Invalid."""
        async with self._storage.transaction(tenant_id) as tx:
            await self._lock_by_hand(tx, segment_id, members)
            return await tx.segments.take(segment_id, set(members.customer_ids))

    async def first_members(self, tenant_id: str, segment_id: UUID) -> Sequence[Customer]:
        """At most 1,000 members, newest customer first. Raises SegmentNotFound."""
        page = Page(number=1, size=MOST_IDS)
        return (await self.members(tenant_id, segment_id, CustomerOrder(), page)).customers

    async def members(
        self, tenant_id: str, segment_id: UUID, order: CustomerOrder, page: Page
    ) -> CustomerPage:
        """Raises SegmentNotFound."""
        async with self._storage.view(tenant_id) as view:
            which = self._members(await view.segments.get(segment_id))
            if which is None:
                return CustomerPage(customers=(), total=0, page=page)
            return CustomerPage(
                customers=await view.customers.page(which, order, page),
                total=await view.customers.count(which),
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
        async with self._storage.view(tenant_id) as view:
            which = self._members(await view.segments.get(segment_id))
            return [] if which is None else await view.customers.after(which, order, key, size + 1)

    def _members(self, segment: Segment) -> CustomerFilter | None:
        """Who is in a segment; None is nobody."""
        if not segment.is_active:
            return None
        if not segment.is_dynamic:
            return CustomerFilter(member_of=segment.id)
        if segment.rule is None or segment.rule.is_empty:
            return None
        return CustomerFilter(rule=RuleAt(rule=segment.rule, now=self._clock.now()))

    async def _counted(
        self, view: View | Transaction, segments: Iterable[Segment]
    ) -> list[CountedSegment]:
        return [
            CountedSegment(
                segment=segment,
                customers=await view.customers.count(which) if which is not None else 0,
            )
            for segment in segments
            for which in (self._members(segment),)
        ]

    async def _hand_over(self, tx: Transaction, before: Segment, after: Segment) -> None:
        """Made manual, a segment keeps its members of this moment; made dynamic, it has those
        of its rule.
        """
        if after.is_dynamic is before.is_dynamic:
            return
        if after.is_dynamic:
            await tx.segments.empty(before.id)
        elif (which := self._members(before)) is not None:
            await tx.segments.put_matching(before.id, which, self._clock.now())

    async def _lock_by_hand(self, tx: Transaction, segment_id: UUID, members: MemberIds) -> None:
        (await tx.segments.lock(segment_id)).by_hand()
        living = await tx.customers.lock_all(set(members.customer_ids))
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
