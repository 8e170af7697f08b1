"""Assignments in memory: the customers assigned to segments by hand."""

from collections.abc import Collection
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import EMPTY
from customers.core.model.membership import Assignment
from customers.core.model.segment import Segment
from customers.core.ports.segments import AssignmentReader, AssignmentRepository

Assignments = Map[UUID, Assignment]


@frozen
class MemoryAssignmentReader(AssignmentReader):
    _source: StateReader

    async def get(self, segment_id: UUID, customer_id: UUID) -> Assignment | None:
        return self._of(segment_id).get(customer_id)

    async def segments_of(self, customer_id: UUID) -> Collection[UUID]:
        state = self._source.state
        state.customer(customer_id)
        return {id for id, assigned in state.assignments.items() if customer_id in assigned}

    def _of(self, segment_id: UUID) -> Assignments:
        assignments: Assignments = self._source.state.assignments.get(segment_id, EMPTY)
        return assignments


@frozen
class MemoryAssignments(MemoryAssignmentReader, AssignmentRepository):
    _source: Draft

    async def add(
        self, segment_id: UUID, customer_ids: Collection[UUID], assignment: Assignment
    ) -> Collection[UUID]:
        self._expect_locks(segment_id)
        assigned = self._of(segment_id)
        missing = {customer_id for customer_id in customer_ids if customer_id not in assigned}
        self._save(segment_id, assigned.update((id, assignment) for id in missing))
        return missing

    async def add_members(self, segment_id: UUID, assignment: Assignment) -> None:
        self._expect_locks(segment_id)
        members = self._source.state.members.get(segment_id, EMPTY)
        await self.add(segment_id, members, assignment)

    async def remove(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        self._expect_locks(segment_id)
        assigned = self._of(segment_id)
        removed = {customer_id for customer_id in customer_ids if customer_id in assigned}
        for customer_id in removed:
            assigned = assigned.delete(customer_id)
        self._save(segment_id, assigned)
        return removed

    async def clear(self, segment_id: UUID) -> None:
        self._expect_locks(segment_id)
        self._save(segment_id, EMPTY)

    def _expect_locks(self, segment_id: UUID) -> None:
        """Dooms the transaction unless it holds the membership lock and the segment's."""
        self._source.expect_membership_lock()
        self._source.expect_lock(Segment, segment_id)

    def _save(self, segment_id: UUID, assigned: Assignments) -> None:
        state = self._source.state
        self._source.replace(evolve(state, assignments=state.assignments.set(segment_id, assigned)))
