"""Segments, and the customers assigned to them by hand."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from customers.core.model.membership import Assignment
from customers.core.model.segment import Segment


class SegmentReader(Protocol):
    async def get(self, segment_id: UUID) -> Segment:
        """The segment. Raises SegmentNotFound."""
        ...

    async def all(self) -> Sequence[Segment]:
        """Every segment, newest first, ties by id, the greatest first."""
        ...

    async def count(self) -> int:
        """The number of segments."""
        ...


class SegmentRepository(SegmentReader, Protocol):
    """Reads and changes segments. `remove` needs the membership lock."""

    async def get_for_update(self, segment_id: UUID) -> Segment:
        """The segment, locked until the transaction ends. Raises SegmentNotFound."""
        ...

    async def add(self, segment: Segment) -> None:
        """Stores a new segment without members. Raises SegmentNameTaken."""
        ...

    async def save(self, segment: Segment) -> None:
        """Stores the new value of a locked segment. Raises SegmentNameTaken."""
        ...

    async def remove(self, segment_id: UUID) -> None:
        """Removes a locked segment with its members, assignments and feed."""
        ...


class AssignmentReader(Protocol):
    async def get(self, segment_id: UUID, customer_id: UUID) -> Assignment | None:
        """The assignment of a customer, deleted or not, to a segment; None without one."""
        ...

    async def segments_of(self, customer_id: UUID) -> Collection[UUID]:
        """The ids of the segments a customer is assigned to. Raises CustomerNotFound."""
        ...


class AssignmentRepository(AssignmentReader, Protocol):
    """Reads and changes assignments. Its own methods need the membership lock, and the segment
    locked.
    """

    async def add(
        self, segment_id: UUID, customer_ids: Collection[UUID], assignment: Assignment
    ) -> Collection[UUID]:
        """Assigns customers to a segment; returns the ids that were not assigned before."""
        ...

    async def add_members(self, segment_id: UUID, assignment: Assignment) -> None:
        """Assigns every stored member of a segment to it."""
        ...

    async def remove(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        """Removes assignments; returns the ids of the customers who were assigned."""
        ...

    async def clear(self, segment_id: UUID) -> None:
        """Removes every assignment to a segment, those of deleted customers included."""
        ...
