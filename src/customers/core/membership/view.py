"""The roster: who is in which segment at one moment, from stored members and those in doubt."""

from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from customers.core.membership.refresh import catch_up, matching
from customers.core.model.customer import Customer
from customers.core.model.membership import (
    CountedSegment,
    Doubt,
    Span,
    Standing,
    belongs,
    spans,
)
from customers.core.model.query import CustomerFilter, MembersOf
from customers.core.model.rules.matches import Readings
from customers.core.model.segment import Segment
from customers.core.ports import Clock, Storage, View

# More customers in doubt than this, or more to be evaluated of all segments that are read, are
# settled before members are read: nobody else is served by a process while it evaluates rules.
MOST_DOUBTS = 1_000
MOST_VERDICTS = 20_000
# More than there are.
_ALL = 10**9

_EVERYONE = CustomerFilter()


@frozen(kw_only=True)
class Roster:
    """What one snapshot knows of the members of some segments."""

    view: View
    now: datetime
    _standings: Mapping[UUID, Standing]
    _doubts: Sequence[Doubt]
    _readings: Readings = field(factory=Readings, init=False)

    def members(self, segment: Segment) -> CustomerFilter | None:
        """The filter that keeps the members; None is nobody."""
        if not segment.is_active:
            return None
        if not self._standings[segment.id].is_ready:
            return matching(segment, self.now)
        entering, leaving = self._corrections(segment)
        return CustomerFilter(
            members_of=MembersOf(segment_id=segment.id, plus=entering, without=leaving)
        )

    async def counted(self, segments: Iterable[Segment]) -> list[CountedSegment]:
        """The segments with the number of their members."""
        return [
            CountedSegment(
                segment=each,
                customers=await self.count(each),
                progress=await self._progress(self._standings[each.id]),
            )
            for each in segments
        ]

    async def count(self, segment: Segment) -> int:
        if not segment.is_active:
            return 0
        standing = self._standings[segment.id]
        if standing.is_ready:
            entering, leaving = self._corrections(segment)
            return standing.members + len(entering) - len(leaving)
        which = matching(segment, self.now)
        return 0 if which is None else await self.view.customers.count(which)

    def moment(self, segment: Segment) -> datetime:
        """The moment for which members are told."""
        return self._standings[segment.id].moment(self.now)

    def holds(self, segment: Segment, customer: Customer, assigned: Container[UUID]) -> bool:
        """Whether a customer is in a segment, by what is known of the customer."""
        return belongs(segment, self._readings.at(customer, self.moment(segment)), assigned)

    def _corrections(self, segment: Segment) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """Those in doubt who are in the segment and not stored so, and the other way round."""
        entering: set[UUID] = set()
        leaving: set[UUID] = set()
        for doubt in self._doubts:
            inside = segment.id in doubt.inside
            if self.holds(segment, doubt.customer, doubt.assigned) is not inside:
                (leaving if inside else entering).add(doubt.customer.id)
        return frozenset(entering), frozenset(leaving)

    async def _progress(self, standing: Standing) -> float:
        if standing.is_ready:
            return 1.0
        return standing.progress(await self.view.customers.count(_EVERYONE))


@asynccontextmanager
async def snapshot(
    storage: Storage,
    tenant_id: str,
    clock: Clock,
    segment_ids: Sequence[UUID] | None = None,
    *,
    settles: bool = True,
) -> AsyncIterator[tuple[Roster, Sequence[Segment]]]:
    """One moment of those segments (None: of all, newest first) and their members.

    Raises SegmentNotFound. Where many customers are in doubt it settles them first, unless it is
    told to leave everything as it is.
    """
    while True:
        async with storage.snapshot(tenant_id) as view:
            roster, segments = await _roster(view, clock.now(), segment_ids, settles=settles)
            if roster is not None:
                yield roster, segments
                return
        await catch_up(storage, tenant_id, [each.id for each in segments], clock)


async def _roster(
    view: View, now: datetime, segment_ids: Sequence[UUID] | None, *, settles: bool
) -> tuple[Roster | None, Sequence[Segment]]:
    """None where too many customers are in doubt."""
    if segment_ids is None:
        segments = await view.segments.all()
    else:
        segments = [await view.segments.get(each) for each in segment_ids]
    standings = await view.segments.standings(segment_ids)
    most = min(MOST_DOUBTS, MOST_VERDICTS // max(len(segments), 1)) if settles else _ALL
    doubts = await _doubts(view, segments, standings, now, most + 1)
    if len(doubts) > most:
        return None, segments
    return Roster(view=view, now=now, standings=standings, doubts=doubts), segments


async def _doubts(
    view: View,
    segments: Sequence[Segment],
    standings: Mapping[UUID, Standing],
    now: datetime,
    most: int,
) -> Sequence[Doubt]:
    told: list[Span] = []
    is_stored = False
    for each in segments:
        settled_at = standings[each.id].settled_at
        if each.is_active and settled_at is not None:
            is_stored = True
            told.extend(spans(each, settled_at, standings[each.id].moment(now)))
    return await view.segments.doubts(told, most) if is_stored else ()
