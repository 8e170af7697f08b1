"""Segments in memory."""

from collections.abc import Sequence
from uuid import UUID

from attrs import frozen

from customers.adapters.memory.draft import Draft, StateReader
from customers.core.errors import SegmentNameTaken, SegmentNotFound
from customers.core.model.segment import Segment
from customers.core.ports.segments import SegmentReader, SegmentRepository


@frozen
class MemorySegmentReader(SegmentReader):
    _source: StateReader

    async def get(self, segment_id: UUID) -> Segment:
        if (segment := self._source.state.segments.get(segment_id)) is None:
            raise SegmentNotFound
        return segment

    async def all(self) -> Sequence[Segment]:
        segments = self._source.state.segments.values()
        return sorted(segments, key=lambda segment: (segment.created_at, segment.id), reverse=True)

    async def count(self) -> int:
        return len(self._source.state.segments)


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
        if state.segment_names.get(segment.name_key, segment.id) != segment.id:
            self._source.doom(SegmentNameTaken())
        self._source.replace(state.with_segment(segment))

    async def remove(self, segment_id: UUID) -> None:
        self._source.expect_membership_lock()
        self._source.expect_lock(Segment, segment_id)
        self._source.replace(self._source.state.without_segment(segment_id))
