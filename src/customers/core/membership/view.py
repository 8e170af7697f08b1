"""The membership view: who is in which segment at one moment, exact to the moment.

It reads stored members and corrects them by the stale candidates.
"""

from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from customers.core.membership.refresh import catch_up, segment_filter
from customers.core.model.customer import Customer
from customers.core.model.membership import (
    DateRange,
    RefreshState,
    SegmentSummary,
    StaleCandidate,
    is_member,
)
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerPage,
    CustomerSort,
    MembersOf,
    Page,
)
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage, View

# With more stale candidates, or more rule evaluations for all segments read, members are refreshed
# before they are read: a process serves nobody else while it evaluates rules.
MAX_CANDIDATES = 1_000
MAX_EVALUATIONS = 20_000
# Greater than any number of candidates.
_ALL = 10**9

_EVERYONE = CustomerFilter()


@frozen(kw_only=True)
class MembershipView:
    """The memberships of some segments, read from one consistent view."""

    view: View
    now: datetime
    _states: Mapping[UUID, RefreshState]
    _candidates: Sequence[StaleCandidate]
    _cache: CustomerValuesCache = field(factory=CustomerValuesCache, init=False)

    def member_filter(self, segment: Segment) -> CustomerFilter | None:
        """The filter that finds the members of a segment; None matches nobody."""
        if not segment.is_active:
            return None
        if not self._states[segment.id].is_ready:
            return segment_filter(segment, self.now)
        entering, leaving = self._corrections(segment)
        return CustomerFilter(
            members_of=MembersOf(segment_id=segment.id, plus=entering, without=leaving)
        )

    async def summaries(self, segments: Iterable[Segment]) -> list[SegmentSummary]:
        """The segments with their current numbers of members."""
        return [
            SegmentSummary(
                segment=segment,
                member_count=await self.member_count(segment),
                progress=await self._progress(self._states[segment.id]),
            )
            for segment in segments
        ]

    async def member_count(self, segment: Segment) -> int:
        if not segment.is_active:
            return 0
        state = self._states[segment.id]
        if state.is_ready:
            entering, leaving = self._corrections(segment)
            return state.member_count + len(entering) - len(leaving)
        customer_filter = segment_filter(segment, self.now)
        return 0 if customer_filter is None else await self.view.customers.count(customer_filter)

    def evaluation_time(self, segment: Segment) -> datetime:
        """The moment at which this view evaluates a segment."""
        return self._states[segment.id].evaluation_time(self.now)

    def contains(self, segment: Segment, customer: Customer, assigned_to: Container[UUID]) -> bool:
        """Whether a customer with these assignments is in a segment, by its definition."""
        values = self._cache.at(customer, self.evaluation_time(segment))
        return is_member(segment, values, assigned_to)

    def _corrections(self, segment: Segment) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """The stale candidates who are members but not stored as such, and the reverse."""
        entering: set[UUID] = set()
        leaving: set[UUID] = set()
        for candidate in self._candidates:
            inside = segment.id in candidate.member_of
            if self.contains(segment, candidate.customer, candidate.assigned_to) is not inside:
                (leaving if inside else entering).add(candidate.customer.id)
        return frozenset(entering), frozenset(leaving)

    async def _progress(self, state: RefreshState) -> float:
        if state.is_ready:
            return 1.0
        return state.progress(await self.view.customers.count(_EVERYONE))


async def member_page(
    memberships: MembershipView,
    segment: Segment,
    criteria: CustomerFilter,
    sort: CustomerSort,
    page: Page,
) -> CustomerPage:
    """A page of the members of a segment that satisfy the criteria, and their total."""
    members = memberships.member_filter(segment)
    if members is None:
        return CustomerPage(customers=(), total=0, page=page)
    customers, customer_filter = memberships.view.customers, criteria.of_members(members)
    is_all = criteria == _EVERYONE
    return CustomerPage(
        customers=await customers.page(customer_filter, sort, page),
        total=await (
            memberships.member_count(segment) if is_all else customers.count(customer_filter)
        ),
        page=page,
    )


async def members_after(
    memberships: MembershipView,
    segment: Segment,
    criteria: CustomerFilter,
    sort: CustomerSort,
    *,
    key: CustomerKey | None,
    limit: int,
) -> Sequence[Customer]:
    """The members of a segment after a key that satisfy the criteria."""
    members = memberships.member_filter(segment)
    if members is None:
        return []
    customer_filter = criteria.of_members(members)
    return await memberships.view.customers.page_after(customer_filter, sort, key, limit)


@asynccontextmanager
async def membership_view(
    storage: Storage,
    tenant_id: str,
    clock: Clock,
    segment_ids: Sequence[UUID] | None = None,
    *,
    refreshes: bool = True,
) -> AsyncIterator[tuple[MembershipView, Sequence[Segment]]]:
    """Opens a view of these segments (None: of all, newest first) at one moment.

    Refreshes the members first when there are many stale candidates, unless `refreshes` is False.
    Raises SegmentNotFound.
    """
    while True:
        async with storage.consistent_view(tenant_id) as view:
            now = clock.now()
            memberships, segments = await _read(view, now, segment_ids, refreshes=refreshes)
            if memberships is not None:
                yield memberships, segments
                return
        await catch_up(storage, tenant_id, [segment.id for segment in segments], clock)


async def _read(
    view: View, now: datetime, segment_ids: Sequence[UUID] | None, *, refreshes: bool
) -> tuple[MembershipView | None, Sequence[Segment]]:
    """The view and its segments; no view when there are too many stale candidates."""
    if segment_ids is None:
        segments = await view.segments.all()
    else:
        segments = [await view.segments.get(segment_id) for segment_id in segment_ids]
    states = await view.memberships.refresh_states(segment_ids)
    limit = min(MAX_CANDIDATES, MAX_EVALUATIONS // max(len(segments), 1)) if refreshes else _ALL
    candidates = await _stale_candidates(view, segments, states, now, limit + 1)
    if len(candidates) > limit:
        return None, segments
    return MembershipView(view=view, now=now, states=states, candidates=candidates), segments


async def _stale_candidates(
    view: View,
    segments: Sequence[Segment],
    states: Mapping[UUID, RefreshState],
    now: datetime,
    limit: int,
) -> Sequence[StaleCandidate]:
    ranges: list[DateRange] = []
    any_stored = False
    for segment in segments:
        state = states[segment.id]
        if segment.is_active and state.watermark is not None:
            any_stored = True
            ranges.extend(crossed_ranges(segment, state.watermark, state.evaluation_time(now)))
    return await view.memberships.stale_candidates(ranges, limit) if any_stored else ()
