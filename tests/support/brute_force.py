"""The brute-force check of a tenant's segments: every answer about members against the oracle.

It compares lists, pages, counts, the segments of a customer, the doctor, and the feed: a replay
must give the members at every moment that was checked while the segment was ready. The feed may
leave out changes between two refreshes if the segment was published again meanwhile, and erased
customers.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import define, field

from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import SegmentSummary, SequencedChange
from customers.core.model.query import CustomerSort, Page
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges
from customers.core.services.doctor import Doctor
from tests.support.builders import FIRST_MOMENT
from tests.support.oracle import LEASE_SECONDS, MANY, SegmentOracle

NEWEST = CustomerSort()


@define(eq=False)
class History:
    """The expected members of a segment by moment, and its last moment without stale candidates."""

    segment: Segment
    members: dict[datetime, set[UUID]] = field(factory=dict)
    watermark: datetime = FIRST_MOMENT

    def update(self, segment: Segment) -> None:
        """Drops moments that the feed may leave out because the segment was published again."""
        if (segment.rule, segment.is_active) != (self.segment.rule, self.segment.is_active):
            for moment in [moment for moment in self.members if moment >= self.watermark]:
                del self.members[moment]
        self.segment = segment


@define(eq=False)
class BruteForceCheck:
    """Compares the answers of the service with those of an oracle."""

    oracle: SegmentOracle
    _histories: dict[UUID, History] = field(factory=dict)

    async def check(self) -> None:
        """Raises AssertionError if an answer is wrong."""
        oracle = self.oracle
        doctor = Doctor(oracle.storage, oracle.clock)
        assert [difference async for difference in doctor.segments(oracle.tenant)] == []
        living = await oracle.living()
        summaries = await oracle.segments.all(oracle.tenant)
        assert {summary.segment.id for summary in summaries} == set(oracle.segment_ids)
        for summary in summaries:
            await self._check_members(summary, living)
            await self._record(summary.segment, living)
        for customer in living:
            await self._check_segments(customer, summaries)

    async def check_feeds(self) -> dict[UUID, Sequence[SequencedChange]]:
        """Refreshes all segments; returns their feeds by segment id. Raises AssertionError if a
        feed is out of order, or its replay differs from the expected members.
        """
        while (backfills := await self.oracle.sweeper.refresh(LEASE_SECONDS)) and backfills.count:
            pass
        feeds = {segment_id: await self._feed(segment_id) for segment_id in self.oracle.segment_ids}
        for segment_id, feed in feeds.items():
            self._check_order(feed)
            for moment, members in self._histories[segment_id].members.items():
                replay = replayed(feed, until=moment) - self.oracle.erased
                assert replay == members - self.oracle.erased, (segment_id, moment)
        return feeds

    async def _record(self, segment: Segment, living: Iterable[Customer]) -> None:
        """Records the expected members of a ready segment for the replay of its feed."""
        oracle, now = self.oracle, self.oracle.clock.now()
        history = self._histories.setdefault(segment.id, History(segment))
        history.update(segment)
        async with oracle.storage.consistent_view(oracle.tenant) as view:
            watermark = (await view.memberships.refresh_states([segment.id]))[segment.id].watermark
            if watermark is None:
                history.members.pop(now, None)
                return
            history.members[now] = {
                customer.id for customer in living if oracle.holds(segment, customer)
            }
            ranges = crossed_ranges(segment, watermark, now)
            if not await view.memberships.stale_candidates(ranges, 1):
                history.watermark = now

    async def _check_members(self, summary: SegmentSummary, living: Iterable[Customer]) -> None:
        oracle, segment = self.oracle, summary.segment
        expected = [customer for customer in living if oracle.holds(segment, customer)]
        query = (oracle.tenant, segment.id, CustomerFilter(), NEWEST)
        page = await oracle.segments.members(*query, Page(size=MANY))
        assert (list(page.customers), page.total) == (expected, len(expected)), segment
        assert summary.member_count == len(expected), segment
        assert await oracle.segments.members_after(*query, key=None, size=MANY) == expected

    async def _check_segments(
        self, customer: Customer, summaries: Sequence[SegmentSummary]
    ) -> None:
        oracle = self.oracle
        expected = [summary for summary in summaries if oracle.holds(summary.segment, customer)]
        assert await oracle.segments.of_customer(oracle.tenant, customer.id) == expected

    async def _feed(self, segment_id: UUID) -> Sequence[SequencedChange]:
        """The whole feed, read in pages of three."""
        feed: list[SequencedChange] = []
        while True:
            last = feed[-1].sequence if feed else 0
            page = await self.oracle.memberships.changes(self.oracle.tenant, segment_id, last, 3)
            if not page:
                return feed
            feed += page

    def _check_order(self, feed: Sequence[SequencedChange]) -> None:
        """Asserts that sequences rise, and that each customer enters and leaves in turn, at moments
        that neither go back nor lie in the future.
        """
        sequences = [change.sequence for change in feed]
        assert sequences == sorted(set(sequences))
        last: dict[UUID, SequencedChange] = {}
        for change in feed:
            before = last.get(change.customer_id)
            assert change.entered is not (before is not None and before.entered), change
            assert before is None or before.at <= change.at, (before, change)
            assert change.at <= self.oracle.clock.now(), change
            last[change.customer_id] = change


def replayed(feed: Iterable[SequencedChange], until: datetime) -> set[UUID]:
    """The members of a segment at a moment, by its feed."""
    members: set[UUID] = set()
    for change in feed:
        if change.at <= until:
            (members.add if change.entered else members.discard)(change.customer_id)
    return members
