"""The membership view: who is in which segment, exact at one moment.

It reads stored members and corrects them by the stale candidates.
"""

from collections.abc import AsyncIterator, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from customers.core.errors import SegmentBuilding
from customers.core.errors.availability import Unavailable
from customers.core.membership.failed_builds import is_timeout
from customers.core.membership.refresh import catch_up, cost_of, segment_filter
from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter, MembersOf
from customers.core.model.membership import (
    DateRange,
    RefreshState,
    SegmentSummary,
    build_error,
    expect_built,
    is_member,
)
from customers.core.model.pending_changes import StaleCandidate
from customers.core.model.query import CustomerKey, CustomerPage, CustomerSort, Page
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage, View

# With more than MAX_CANDIDATES stale candidates, or more than _MIN_CANDIDATES if evaluating the
# segments for them costs more than MAX_COST, the members are refreshed before they are read:
# otherwise each read would evaluate the candidates again.
MAX_CANDIDATES = 1_000
MAX_COST = 100_000
_MIN_CANDIDATES = 10
# How long counting the members of all segments that are being built may take in all.
MAX_SECONDS_TO_COUNT = 1.0
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

    async def member_filter(self, segment: Segment) -> CustomerFilter | None:
        """The filter that finds the members of a segment; None matches nobody. Raises
        SegmentFailed.
        """
        if not segment.is_active:
            return None
        expect_built(segment, self._states[segment.id])
        if not self._states[segment.id].is_ready:
            return segment_filter(segment, self.now)
        entering, leaving = await self._corrections(segment)
        return CustomerFilter(
            members_of=MembersOf(segment_id=segment.id, plus=entering, without=leaving)
        )

    async def summaries(self, segments: Iterable[Segment]) -> list[SegmentSummary]:
        """The segments with their current numbers of members.

        The members of a segment that is being built are counted by its definition; if that takes
        too long, the number is that of the members that the backfill has stored so far.
        """
        chosen = list(segments)
        building = [segment for segment in chosen if self._is_building(segment)]
        counted = await self._counted_by_rule(building) if building else {}
        return [await self._summary(segment, counted.get(segment.id)) for segment in chosen]

    def build_error(self, segment: Segment) -> str | None:
        """Why building the members of a segment failed; None if it did not fail."""
        return build_error(segment, self._states[segment.id])

    async def member_count(self, segment: Segment) -> int:
        if not segment.is_active:
            return 0
        state = self._states[segment.id]
        if state.is_ready:
            entering, leaving = await self._corrections(segment)
            return state.member_count + len(entering) - len(leaving)
        customer_filter = segment_filter(segment, self.now)
        return 0 if customer_filter is None else await self.view.customers.count(customer_filter)

    @contextmanager
    def evaluating(self, segment: Segment) -> Iterator[None]:
        """Raises SegmentBuilding if a statement of its block takes too long while the segment is
        being built; its members can be found once it is ready.
        """
        try:
            yield
        except Unavailable as error:
            if is_timeout(error) and self._is_building(segment):
                raise SegmentBuilding from error
            raise

    def evaluation_time(self, segment: Segment) -> datetime:
        """The moment at which this view evaluates a segment."""
        return self._states[segment.id].evaluation_time(self.now)

    def contains(self, segment: Segment, customer: Customer, assigned_to: Container[UUID]) -> bool:
        """Whether a customer with these assignments is in a segment, by its definition."""
        values = self._cache.at(customer, self.evaluation_time(segment))
        return is_member(segment, values, assigned_to)

    def _is_building(self, segment: Segment) -> bool:
        is_building = segment.is_active and self._states[segment.id].is_building
        return is_building and self.build_error(segment) is None

    async def _counted_by_rule(self, segments: Sequence[Segment]) -> Mapping[UUID, int | None]:
        """The number of members of each segment, by its definition; None if that takes too long."""
        filters = {one.id: segment_filter(one, self.now) for one in segments}
        present = [filter for filter in filters.values() if filter is not None]
        counts = iter(await self.view.customers.counts(present, MAX_SECONDS_TO_COUNT))
        return {id: 0 if filter is None else next(counts) for id, filter in filters.items()}

    async def _summary(self, segment: Segment, counted: int | None) -> SegmentSummary:
        state, error = self._states[segment.id], self.build_error(segment)
        if error is not None:
            return SegmentSummary(segment=segment, member_count=0, progress=0, build_error=error)
        if self._is_building(segment):
            count = state.member_count if counted is None else counted
        else:
            count = await self.member_count(segment)
        progress = await self._progress(state)
        return SegmentSummary(segment=segment, member_count=count, progress=progress)

    async def _progress(self, state: RefreshState) -> float:
        if state.is_ready:
            return 1.0
        return state.progress(await self.view.customers.count(_EVERYONE))

    async def _corrections(self, segment: Segment) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """The stale candidates who are members but not stored as members, and those who are stored
        as members but are not.
        """
        entering: set[UUID] = set()
        leaving: set[UUID] = set()
        for candidate in self._candidates:
            inside = segment.id in candidate.member_of
            if self.contains(segment, candidate.customer, candidate.assigned_to) is not inside:
                (leaving if inside else entering).add(candidate.customer.id)
            await self.view.give_way()
        return frozenset(entering), frozenset(leaving)


async def member_page(
    memberships: MembershipView,
    segment: Segment,
    criteria: CustomerFilter,
    sort: CustomerSort,
    page: Page,
) -> CustomerPage:
    """A page of the members of a segment that satisfy the criteria, and their total number.

    Raises SegmentFailed, and SegmentBuilding if the segment is being built and its members cannot
    be found in time.
    """
    members = await memberships.member_filter(segment)
    if members is None:
        return CustomerPage(customers=(), total=0, page=page)
    customers, customer_filter = memberships.view.customers, criteria.of_members(members)
    is_all = criteria == _EVERYONE
    with memberships.evaluating(segment):
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
    """At most `limit` members of a segment that satisfy the criteria: those after a key, or the
    first ones if it is None. Raises as `member_page` does.
    """
    members = await memberships.member_filter(segment)
    if members is None:
        return []
    customer_filter = criteria.of_members(members)
    with memberships.evaluating(segment):
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
    is_repeated = False
    while True:
        async with storage.consistent_view(tenant_id) as view:
            if is_repeated:
                await view.give_way()  # which raises after the deadline
            now, is_repeated = clock.now(), True
            memberships, segments = await _read(view, now, segment_ids, refreshes=refreshes)
            if memberships is not None:
                yield memberships, segments
                return
        await catch_up(storage, tenant_id, [segment.id for segment in segments], clock)


async def _read(
    view: View, now: datetime, segment_ids: Sequence[UUID] | None, *, refreshes: bool
) -> tuple[MembershipView | None, Sequence[Segment]]:
    """The view, or None if there are too many stale candidates; and the segments."""
    if segment_ids is None:
        segments = await view.segments.all()
    else:
        segments = [await view.segments.get(segment_id) for segment_id in segment_ids]
    states = await view.memberships.refresh_states(segment_ids)
    few = max(MAX_COST // max(cost_of(segments), 1), _MIN_CANDIDATES)
    limit = min(MAX_CANDIDATES, few) if refreshes else _ALL
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
        if (
            segment.is_active
            and state.watermark is not None
            and build_error(segment, state) is None
        ):
            any_stored = True
            ranges.extend(crossed_ranges(segment, state.watermark, state.evaluation_time(now)))
    return await view.memberships.stale_candidates(ranges, limit) if any_stored else ()
