"""Memberships in memory: stored members, refresh states and the feed.

Stale candidates are found in `stale_candidates`, pending changes are stored by `change_capture`.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from uuid import UUID

from attrs import asdict, evolve, frozen

from customers.adapters.memory import stale_candidates
from customers.adapters.memory.change_capture import without_applied
from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import EMPTY, State
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import (
    DateRange,
    MembershipChange,
    RefreshState,
    SequencedChange,
)
from customers.core.model.pending_changes import Backlog, StaleCandidate
from customers.core.ports.membership import MembershipReader, MembershipRepository


@frozen
class MemoryMembershipReader(MembershipReader):
    _source: StateReader

    async def refresh_states(
        self, segment_ids: Collection[UUID] | None = None
    ) -> Mapping[UUID, RefreshState]:
        state = self._source.state
        ids = state.segments if segment_ids is None else segment_ids
        return {id: _refresh_state(state, id) for id in ids if id in state.segments}

    async def stale_candidates(
        self, date_ranges: Collection[DateRange], limit: int
    ) -> Sequence[StaleCandidate]:
        return stale_candidates.stale_candidates(self._source.state, date_ranges, limit)

    async def scan(self, after: UUID | None, limit: int) -> Sequence[StaleCandidate]:
        return stale_candidates.scan(self._source.state, after, limit)

    async def due(self, date_ranges: Mapping[UUID, Collection[DateRange]]) -> Collection[UUID]:
        return stale_candidates.due(self._source.state, date_ranges)

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[SequencedChange]:
        feed = self._source.state.feeds.get(segment_id, EMPTY)
        positions = range(len(feed))
        start = bisect_right(positions, after, key=lambda position: feed[position].sequence)
        return [feed[position] for position in positions[start : start + limit]]


@frozen
class MemoryMemberships(MemoryMembershipReader, MembershipRepository):
    _source: Draft

    async def acquire_lock(self) -> None:
        self._source.lock_memberships()

    async def members_among(
        self, segment_id: UUID, customer_ids: Collection[UUID]
    ) -> Collection[UUID]:
        members = self._locked_state().members.get(segment_id, EMPTY)
        return {customer_id for customer_id in customer_ids if customer_id in members}

    async def set_capture(self, *, customers: bool, orders: bool) -> None:
        state = self._locked_state()
        self._source.replace(evolve(state, captures_customers=customers, captures_orders=orders))

    async def capture_barrier_passed(self, segment_id: UUID) -> bool:
        """Whether the segment exists: no other transaction of the tenant runs meanwhile."""
        return segment_id in self._locked_state().segments

    async def with_pending_changes(
        self, limit: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[StaleCandidate]:
        return stale_candidates.with_pending_changes(self._locked_state(), limit, customer_ids)

    async def mismatched(
        self,
        segment_id: UUID,
        customer_filter: CustomerFilter | None,
        after: UUID | None,
        limit: int,
    ) -> tuple[Sequence[StaleCandidate], UUID | None]:
        state = self._locked_state()
        return await stale_candidates.mismatched(state, segment_id, customer_filter, after, limit)

    async def crossed(
        self, date_ranges: Collection[DateRange], after: UUID | None, limit: int
    ) -> Sequence[StaleCandidate]:
        return stale_candidates.crossed(self._locked_state(), date_ranges, after, limit)

    async def apply(
        self, changes: Sequence[MembershipChange], refreshed: Sequence[StaleCandidate] = ()
    ) -> None:
        self._source.replace(without_applied(_applied(self._locked_state(), changes), refreshed))

    async def save_refresh_state(self, segment_id: UUID, refresh_state: RefreshState) -> None:
        state = self._locked_state()
        states = state.refresh_states.set(segment_id, refresh_state)
        self._source.replace(evolve(state, refresh_states=states))

    def _locked_state(self) -> State:
        """The state. Dooms the transaction unless it holds the membership lock."""
        self._source.expect_membership_lock()
        return self._source.state


def needs_refresh(state: State) -> bool:
    """Whether a tenant has pending changes or a backfill under way."""
    return bool(state.pending_changes) or any(
        _refresh_state(state, segment_id).is_building for segment_id in state.segments
    )


def failed_builds(state: State) -> int:
    """The number of segments of a tenant whose build has failed."""
    return sum(_refresh_state(state, segment_id).has_failed for segment_id in state.segments)


def backlog(states: Iterable[State], limit: int) -> Backlog:
    """The number of these tenants' pending changes, and the moment of the oldest. Reads at most
    `limit` changes: if there are more, the oldest is the oldest of those read.
    """
    by_customer = (changes for state in states for changes in state.pending_changes.values())
    moments = [change.at for change in islice(chain.from_iterable(by_customer), limit)]
    return Backlog(size=len(moments), oldest_at=min(moments, default=None))


def _applied(state: State, changes: Iterable[MembershipChange]) -> State:
    """The state with the changes applied, numbered in their order."""
    for sequence, change in enumerate(changes, state.last_sequence + 1):
        values = asdict(change, recurse=False)
        state = state.with_change(SequencedChange(sequence=sequence, **values))
    return state


def _refresh_state(state: State, segment_id: UUID) -> RefreshState:
    member_count = len(state.members.get(segment_id, EMPTY))
    return evolve(state.refresh_states.get(segment_id, _NEW), member_count=member_count)


_NEW = RefreshState()
