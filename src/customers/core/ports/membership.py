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
        """The refresh state of each of the segments; None: of every segment."""
        ...

    async def stale_candidates(
        self, date_ranges: Collection[DateRange], limit: int
    ) -> Sequence[StaleCandidate]:
        """Customers with pending changes, deleted ones included, and living customers with a date
        in one of the ranges; each once, at most `limit`. Their pending changes are left out.
        """
        ...

    async def scan(self, after: UUID | None, limit: int) -> Sequence[StaleCandidate]:
        """The next customers by id, deleted ones included, stale or not."""
        ...

    async def due(self, date_ranges: Mapping[UUID, Collection[DateRange]]) -> Collection[UUID]:
        """The segments that have a living customer with a date in one of their ranges."""
        ...

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[SequencedChange]:
        """The applied changes of a segment after a sequence number, in order of sequence."""
        ...


class MembershipRepository(MembershipReader, Protocol):
    """Every method but the readers' needs the membership lock."""

    async def acquire_lock(self) -> None:
        """Takes the membership lock of the tenant until the transaction ends.

        It comes before all other locks.
        """
        ...

    async def members_among(
        self, segment_id: UUID, customer_ids: Collection[UUID]
    ) -> Collection[UUID]:
        """The ids among these that are stored members of a segment."""
        ...

    async def set_capture(self, *, customers: bool, orders: bool) -> None:
        """Decides which later writes store pending changes: changes of customers, and orders
        recorded by `Autocommit`.

        A write that is under way may not know yet: see `capture_barrier_passed`.
        """
        ...

    async def capture_barrier_passed(self, segment_id: UUID) -> bool:
        """Whether every write that began before the segment's current backfill has ended. From
        then on every change of a customer has stored its pending change, and the answer stays
        True. False when there is no such segment.
        """
        ...

    async def with_pending_changes(
        self, limit: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[StaleCandidate]:
        """At most `limit` customers, among `customer_ids` if given, with all their pending
        changes.
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
        ones included.

        Returns the customers on whom they differ, those with pending changes left out, and the
        last id compared; None when no customers are left. The filter None matches nobody.
        """
        ...

    async def crossed(
        self, date_ranges: Collection[DateRange], after: UUID | None, limit: int
    ) -> Sequence[StaleCandidate]:
        """The next living customers by id, without pending changes, with a date in one of the
        ranges.
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
        """Stores a refresh state, all but its member count, which `apply` maintains."""
        ...
