"""The brute-force check of a tenant's segments: what is told of members against what must be so.

Every way to ask is asked: lists, walks, counts, a customer's segments, the doctor; and the feed,
whose replay must give the members of every moment at which they were looked at while the segment
was ready. It may leave out what was between two settlings where it was published anew meanwhile,
and those who were erased since.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import define, field

from customers.core.model.customer import Customer
from customers.core.model.membership import SegmentSummary, SequencedChange
from customers.core.model.query import CustomerSort, Page
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges
from customers.core.services.doctor import Doctor
from tests.support.builders import FIRST_MOMENT
from tests.support.oracle import LEASE_SECONDS, MANY, World

NEWEST = CustomerSort()


@define(eq=False)
class Seen:
    """What was seen of a segment: its members by moment, and since when they wait for settling."""

    segment: Segment
    members: dict[datetime, set[UUID]] = field(factory=dict)
    watermark: datetime = FIRST_MOMENT

    def look_again(self, segment: Segment) -> None:
        if (segment.rule, segment.is_active) != (self.segment.rule, self.segment.is_active):
            for moment in [each for each in self.members if each >= self.watermark]:
                del self.members[moment]
        self.segment = segment


@define(eq=False)
class Witness:
    """Looks at a world after every command."""

    world: World
    _seen: dict[UUID, Seen] = field(factory=dict)

    async def look(self) -> None:
        """Raises AssertionError where anything told is not so."""
        world = self.world
        doctor = Doctor(world.storage, world.clock)
        assert [each async for each in doctor.segments(world.tenant)] == []
        living = await world.living()
        told = await world.segments.all(world.tenant)
        assert {each.segment.id for each in told} == set(world.every_segment)
        for each in told:
            await self._check_members(each, living)
            await self._note(each.segment, living)
        for customer in living:
            await self._check_segments(customer, told)

    async def check_feeds(self) -> dict[UUID, Sequence[SequencedChange]]:
        """The feed of every segment, once all is settled. Raises AssertionError where its replay
        gives others than those who were members.
        """
        while (builds := await self.world.sweeping.refresh(LEASE_SECONDS)) and builds.count:
            pass
        feeds = {each: await self._feed(each) for each in self.world.every_segment}
        for segment_id, feed in feeds.items():
            self._check_order(feed)
            for moment, members in self._seen[segment_id].members.items():
                told = replayed(feed, until=moment) - self.world.erased
                assert told == members - self.world.erased, (segment_id, moment)
        return feeds

    async def _note(self, segment: Segment, living: Iterable[Customer]) -> None:
        seen, now = self._seen.setdefault(segment.id, Seen(segment)), self.world.clock.now()
        seen.look_again(segment)
        async with self.world.storage.consistent_view(self.world.tenant) as view:
            watermark = (await view.memberships.refresh_states([segment.id]))[segment.id].watermark
            if watermark is None:
                seen.members.pop(now, None)
                return
            seen.members[now] = {each.id for each in living if self.world.holds(segment, each)}
            if not await view.memberships.stale_candidates(
                crossed_ranges(segment, watermark, now), 1
            ):
                seen.watermark = now

    async def _check_members(self, told: SegmentSummary, living: Iterable[Customer]) -> None:
        world, segment = self.world, told.segment
        expected = [each for each in living if world.holds(segment, each)]
        which = (world.tenant, segment.id, NEWEST)
        page = await world.segments.members(*which, Page(size=MANY))
        assert (list(page.customers), page.total) == (expected, len(expected)), segment
        assert told.member_count == len(expected), segment
        assert await world.segments.members_after(*which, None, MANY) == expected

    async def _check_segments(self, customer: Customer, told: Sequence[SegmentSummary]) -> None:
        world = self.world
        expected = [each for each in told if world.holds(each.segment, customer)]
        assert await world.segments.of_customer(world.tenant, customer.id) == expected

    async def _feed(self, segment_id: UUID) -> Sequence[SequencedChange]:
        """All of it, in pages of three."""
        asked = (self.world.tenant, segment_id)
        feed = list(await self.world.memberships.changes(*asked, 0, 3))
        while (
            more := await self.world.memberships.changes(*asked, feed[-1].sequence, 3)
            if feed
            else ()
        ):
            feed += more
        return feed

    def _check_order(self, feed: Sequence[SequencedChange]) -> None:
        """Sequences rise; a customer enters and leaves by turns, at moments that do not go back."""
        numbers = [each.sequence for each in feed]
        assert numbers == sorted(set(numbers))
        last: dict[UUID, SequencedChange] = {}
        for each in feed:
            before = last.get(each.customer_id)
            assert each.entered is not (before is not None and before.entered), each
            assert before is None or before.at <= each.at, (before, each)
            assert each.at <= self.world.clock.now(), each
            last[each.customer_id] = each


def replayed(feed: Iterable[SequencedChange], until: datetime) -> set[UUID]:
    """Who is in the segment at a moment, by its feed."""
    members: set[UUID] = set()
    for each in feed:
        if each.at <= until:
            (members.add if each.entered else members.discard)(each.customer_id)
    return members
