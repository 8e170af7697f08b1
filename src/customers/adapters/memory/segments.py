"""Segments in memory, who was put into them by hand, and the way to their stored members.

What stored members are, and who is in doubt, is found in `members`, `marks` and `doubts`.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.change_capture import unmarked
from customers.adapters.memory.draft import Draft, Source
from customers.adapters.memory.memberships import changes, followed, standings
from customers.adapters.memory.stale_candidates import (
    aged,
    contradicted,
    doubtful,
    marked,
    overdue,
    roll,
)
from customers.adapters.memory.state import NOTHING, State, placed
from customers.core.errors import SegmentNameTaken, SegmentNotFound
from customers.core.model.membership import (
    Assignment,
    Doubt,
    Flip,
    MemberChange,
    Span,
    Standing,
)
from customers.core.model.query import CustomerFilter
from customers.core.model.segment import Segment
from customers.core.ports import SegmentReader, SegmentRepository

Assignments = Map[UUID, Assignment]


@frozen
class MemorySegmentReader(SegmentReader):
    _source: Source

    async def get(self, segment_id: UUID) -> Segment:
        if (segment := self._source.state.segments.get(segment_id)) is None:
            raise SegmentNotFound
        return segment

    async def all(self) -> Sequence[Segment]:
        segments = self._source.state.segments.values()
        return sorted(segments, key=lambda each: (each.created_at, each.id), reverse=True)

    async def put_into(self, customer_id: UUID) -> Collection[UUID]:
        state = self._source.state
        state.customer(customer_id)
        return {id for id, each in state.assignments.items() if customer_id in each}

    async def assignment(self, segment_id: UUID, customer_id: UUID) -> Assignment | None:
        assigned: Assignments = self._source.state.assignments.get(segment_id, NOTHING)
        return assigned.get(customer_id)

    async def standings(
        self, segment_ids: Collection[UUID] | None = None
    ) -> Mapping[UUID, Standing]:
        return standings(self._source.state, segment_ids)

    async def doubts(self, spans: Collection[Span], most: int) -> Sequence[Doubt]:
        return doubtful(self._source.state, spans, most)

    async def roll(self, after: UUID | None, most: int) -> Sequence[Doubt]:
        return roll(self._source.state, after, most)

    async def overdue(self, spans: Mapping[UUID, Collection[Span]]) -> Collection[UUID]:
        return overdue(self._source.state, spans)

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[MemberChange]:
        return changes(self._source.state, segment_id, after, limit)


@frozen
class MemorySegments(MemorySegmentReader, SegmentRepository):
    _source: Draft

    async def lock(self, segment_id: UUID) -> Segment:
        segment = await self.get(segment_id)
        self._source.lock(Segment, segment_id)
        return segment

    async def lock_members(self) -> None:
        self._source.lock_members()

    async def add(self, segment: Segment) -> None:
        self._source.lock(Segment, segment.id)
        await self.save(segment)

    async def save(self, segment: Segment) -> None:
        state = self._source.state
        self._source.expect_lock(Segment, segment.id)
        if state.names.get(segment.name_key, segment.id) != segment.id:
            self._source.refuse(SegmentNameTaken())
        names = _without_name(state, segment.id).set(segment.name_key, segment.id)
        segments = state.segments.set(segment.id, segment)
        self._source.keep(evolve(state, segments=segments, names=names))

    async def remove(self, segment_id: UUID) -> None:
        self._expect(segment_id)
        state = self._source.state
        self._source.keep(
            evolve(
                state,
                segments=placed(state.segments, segment_id, None),
                names=_without_name(state, segment_id),
                assignments=placed(state.assignments, segment_id, None),
                members=placed(state.members, segment_id, None),
                standings=placed(state.standings, segment_id, None),
                feeds=placed(state.feeds, segment_id, None),
            )
        )

    async def put(
        self, segment_id: UUID, customer_ids: Collection[UUID], by: Assignment
    ) -> Collection[UUID]:
        self._expect(segment_id)
        assigned = self._assigned(segment_id)
        missing = {each for each in customer_ids if each not in assigned}
        self._assign(segment_id, assigned.update((each, by) for each in missing))
        return missing

    async def stored(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        members = self._state().members.get(segment_id, NOTHING)
        return {each for each in customer_ids if each in members}

    async def put_members(self, segment_id: UUID, by: Assignment) -> None:
        await self.put(segment_id, self._state().members.get(segment_id, NOTHING), by)

    async def take(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        self._expect(segment_id)
        assigned = self._assigned(segment_id)
        found = {each for each in customer_ids if each in assigned}
        for customer_id in found:
            assigned = assigned.delete(customer_id)
        self._assign(segment_id, assigned)
        return found

    async def empty(self, segment_id: UUID) -> None:
        self._expect(segment_id)
        self._assign(segment_id, NOTHING)

    async def watch(self, *, customers: bool, orders: bool) -> None:
        state = self._state()
        self._source.keep(evolve(state, watches_customers=customers, watches_orders=orders))

    async def is_watched(self, segment_id: UUID) -> bool:
        """Always where it is there: while this transaction runs no other one of the tenant does."""
        return segment_id in self._state().segments

    async def marked(
        self, most: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[Doubt]:
        return marked(self._state(), most, customer_ids)

    async def contradicted(
        self, segment_id: UUID, which: CustomerFilter | None, after: UUID | None, most: int
    ) -> tuple[Sequence[Doubt], UUID | None]:
        return contradicted(self._state(), segment_id, which, after, most)

    async def aged(self, spans: Collection[Span], after: UUID | None, most: int) -> Sequence[Doubt]:
        return aged(self._state(), spans, after, most)

    async def settle(self, flips: Sequence[Flip], settled: Sequence[Doubt] = ()) -> None:
        self._source.keep(unmarked(followed(self._state(), flips), settled))

    async def stand(self, segment_id: UUID, standing: Standing) -> None:
        state = self._state()
        self._source.keep(evolve(state, standings=state.standings.set(segment_id, standing)))

    def _state(self) -> State:
        """The state, for what needs the members locked."""
        self._source.expect_members()
        return self._source.state

    def _expect(self, segment_id: UUID) -> None:
        """Refuses a change of what was put by hand, unless the members and segment are locked."""
        self._source.expect_members()
        self._source.expect_lock(Segment, segment_id)

    def _assigned(self, segment_id: UUID) -> Assignments:
        return self._source.state.assignments.get(segment_id, NOTHING)

    def _assign(self, segment_id: UUID, assigned: Assignments) -> None:
        state = self._source.state
        kept = state.assignments.set(segment_id, assigned)
        self._source.keep(evolve(state, assignments=kept))


def _without_name(state: State, segment_id: UUID) -> Map[str, UUID]:
    stored = state.segments.get(segment_id)
    return state.names if stored is None else state.names.delete(stored.name_key)
