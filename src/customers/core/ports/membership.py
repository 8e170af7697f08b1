"""The stored members of segments, the changes not yet applied to them, and the feed."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import (
    DateRange,
    MembershipChange,
    RefreshState,
    SequencedChange,
)
from customers.core.model.pending_changes import StaleCandidate


class MembershipReader(Protocol):
    async def refresh_states(
        self, segment_ids: Collection[UUID] | None = None
    ) -> Mapping[UUID, RefreshState]:
        """The refresh states of these segments (None: of all) by id, without unknown ids."""
        ...

    async def stale_candidates(
        self, date_ranges: Collection[DateRange], limit: int
    ) -> Sequence[StaleCandidate]:
        """Customers with pending changes, deleted ones included, and living customers with a date
        in one of the ranges; each customer once, at most `limit`, without their pending changes.
        """
        ...

    async def scan(self, after: UUID | None, limit: int) -> Sequence[StaleCandidate]:
        """At most `limit` customers after `after`, by id, deleted ones included, stale or not."""
        ...

    async def due(self, date_ranges: Mapping[UUID, Collection[DateRange]]) -> Collection[UUID]:
        """The ids of segments with a living customer who has a date in a range of the segment."""
        ...

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[SequencedChange]:
        """At most `limit` changes in the feed of a segment after a sequence number, in order."""
        ...


class MembershipRepository(MembershipReader, Protocol):
    """Reads and changes the stored members. Its own methods need the membership lock, except
    `acquire_lock`.
    """

    async def acquire_lock(self) -> None:
        """Takes the membership lock of the tenant until the transaction ends.

        A transaction takes this lock before all others.
        """
        ...

    async def members_among(
        self, segment_id: UUID, customer_ids: Collection[UUID]
    ) -> Collection[UUID]:
        """Those of the customer ids that are stored members of a segment."""
        ...

    async def set_capture(self, *, customers: bool, orders: bool) -> None:
        """Decides which later writes store pending changes: with `orders`, those that change only a
        customer's statistics, version and update time; with `customers`, all others.

        A write that is under way may still follow the previous decision: see
        `capture_barrier_passed`.
        """
        ...

    async def capture_barrier_passed(self, segment_id: UUID) -> bool:
        """Whether every write has ended that began before the segment's current backfill, and so
        may not store a pending change. Once True, the answer stays True during this backfill. False
        if there is no such segment.
        """
        ...

    async def with_pending_changes(
        self, limit: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[StaleCandidate]:
        """At most `limit` customers who have pending changes, with all of these changes; only those
        among `customer_ids`, unless it is None.
        """
        ...

    async def mismatched(
        self,
        segment_id: UUID,
        customer_filter: CustomerFilter | None,
        after: UUID | None,
        limit: int,
    ) -> tuple[Sequence[StaleCandidate], UUID | None]:
        """Compares a filter with the stored members for the next `limit` customers by id, deleted
        ones included. Returns the customers on whom they differ, without those who have pending
        changes; and the last id compared, or None, which means that no customers are left. The
        filter None matches nobody.
        """
        ...

    async def crossed(
        self, date_ranges: Collection[DateRange], after: UUID | None, limit: int
    ) -> Sequence[StaleCandidate]:
        """At most `limit` living customers after the id `after`, by id, who have a date in one of
        the ranges and no pending changes.
        """
        ...

    async def apply(
        self, changes: Sequence[MembershipChange], refreshed: Sequence[StaleCandidate] = ()
    ) -> None:
        """Applies changes to the stored members and appends them to the feed, in their order;
        removes the pending changes listed in `refreshed`.
        """
        ...

    async def save_refresh_state(self, segment_id: UUID, refresh_state: RefreshState) -> None:
        """Stores a refresh state, except its member count, which `apply` maintains."""
        ...
