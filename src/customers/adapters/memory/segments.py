"""Segments in memory."""

from collections.abc import Sequence
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.draft import Draft, Source
from customers.adapters.memory.state import State, placed
from customers.core.errors import SegmentNameTaken, SegmentNotFound
from customers.core.model.segment import Segment
from customers.core.ports.segments import SegmentReader, SegmentRepository


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


@frozen
class MemorySegments(MemorySegmentReader, SegmentRepository):
    _source: Draft

    async def get_for_update(self, segment_id: UUID) -> Segment:
        segment = await self.get(segment_id)
        self._source.lock(Segment, segment_id)
        return segment

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
        self._source.expect_members()
        self._source.expect_lock(Segment, segment_id)
        state = self._source.state
        self._source.keep(
            evolve(
                state,
                segments=placed(state.segments, segment_id, None),
                names=_without_name(state, segment_id),
                assignments=placed(state.assignments, segment_id, None),
                members=placed(state.members, segment_id, None),
                refresh_states=placed(state.refresh_states, segment_id, None),
                feeds=placed(state.feeds, segment_id, None),
            )
        )


def _without_name(state: State, segment_id: UUID) -> Map[str, UUID]:
    stored = state.segments.get(segment_id)
    return state.names if stored is None else state.names.delete(stored.name_key)
