"""Use cases of memberships: why a customer is in a segment, and the feed of changes."""

from collections.abc import Sequence
from uuid import UUID

from customers.core.membership.refresh import refresh_segment
from customers.core.model.explanation import Explanation, explanation_of
from customers.core.model.membership import SequencedChange, expect_built
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage


class Memberships:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def explain(self, tenant_id: str, segment_id: UUID, customer_id: UUID) -> Explanation:
        """Why a customer is or is not in a segment. Raises SegmentNotFound, CustomerNotFound,
        SegmentFailed.
        """
        async with self._storage.analytic.consistent_view(tenant_id) as view:
            segment = await view.segments.get(segment_id)
            customer = await view.customers.get(customer_id)
            state = (await view.memberships.refresh_states([segment_id]))[segment_id]
            expect_built(segment, state)
            assignment = await view.assignments.get(segment_id, customer_id)
        now = state.evaluation_time(self._clock.now())
        return explanation_of(segment, customer, assignment, now)

    async def changes(
        self, tenant_id: str, segment_id: UUID, after: int, limit: int
    ) -> Sequence[SequencedChange]:
        """At most `limit` entries and exits of a segment after a sequence number, up to now.

        Raises SegmentNotFound.
        """
        await refresh_segment(self._storage, tenant_id, segment_id, self._clock)
        async with self._storage.view(tenant_id) as view:
            return await view.memberships.changes(segment_id, after, limit)
