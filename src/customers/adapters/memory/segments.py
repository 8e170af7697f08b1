"""Segments in memory, and who was put into them by hand."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.draft import Draft, Source
from customers.adapters.memory.state import NOTHING, State, placed
from customers.core.errors import SegmentNameTaken, SegmentNotFound
from customers.core.model.query import CustomerFilter
from customers.core.model.segment import Segment
from customers.core.ports import SegmentReader, SegmentRepository

Members = Map[UUID, datetime]


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
        return {id for id, members in state.members.items() if customer_id in members}


@frozen
class MemorySegments(MemorySegmentReader, SegmentRepository):
    _source: Draft

    async def lock(self, segment_id: UUID) -> Segment:
        segment = await self.get(segment_id)
        self._source.lock(Segment, segment_id)
        return segment

    async def add(self, segment: Segment) -> None:
        self._source.lock(Segment, segment.id)
        await self.save(segment)

    async def save(self, segment: Segment) -> None:
        state = self._written(segment.id)
        if state.names.get(segment.name_key, segment.id) != segment.id:
            self._source.refuse(SegmentNameTaken())
        names = _without_name(state, segment.id).set(segment.name_key, segment.id)
        segments = state.segments.set(segment.id, segment)
        self._source.keep(evolve(state, segments=segments, names=names))

    async def remove(self, segment_id: UUID) -> None:
        state = self._written(segment_id)
        self._source.keep(
            evolve(
                state,
                segments=placed(state.segments, segment_id, None),
                names=_without_name(state, segment_id),
                members=placed(state.members, segment_id, None),
            )
        )

    async def put(self, segment_id: UUID, customer_ids: Collection[UUID], at: datetime) -> int:
        members = self._members(segment_id)
        missing = {each: at for each in customer_ids if each not in members}
        self._keep(segment_id, members.update(missing))
        return len(missing)

    async def take(self, segment_id: UUID, customer_ids: Collection[UUID]) -> int:
        members = kept = self._members(segment_id)
        for customer_id in customer_ids:
            kept = placed(kept, customer_id, None)
        self._keep(segment_id, kept)
        return len(members) - len(kept)

    async def put_matching(self, segment_id: UUID, which: CustomerFilter, at: datetime) -> None:
        state = self._written(segment_id)
        await self.put(segment_id, [customer.id for customer in state.found(which)], at)

    async def empty(self, segment_id: UUID) -> None:
        self._written(segment_id)
        self._keep(segment_id, NOTHING)

    def _written(self, segment_id: UUID) -> State:
        state = self._source.state
        self._source.expect_lock(Segment, segment_id)
        return state

    def _members(self, segment_id: UUID) -> Members:
        return self._written(segment_id).members.get(segment_id, NOTHING)

    def _keep(self, segment_id: UUID, members: Members) -> None:
        state = self._source.state
        self._source.keep(evolve(state, members=state.members.set(segment_id, members)))


def _without_name(state: State, segment_id: UUID) -> Map[str, UUID]:
    stored = state.segments.get(segment_id)
    return state.names if stored is None else state.names.delete(stored.name_key)
