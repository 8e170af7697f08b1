"""The doctor: evaluates segments, and compares the result with the members that are reported."""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from attrs import frozen

from customers.core.membership.view import MembershipView, membership_view
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import is_member
from customers.core.model.pending_changes import StaleCandidate
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.segment import Segment
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage

_BATCH_SIZE = 1_000


@frozen(kw_only=True)
class MembershipDifference:
    """A difference in one segment: in the membership of a customer or, if `customer_id` is None, in
    the number of members.
    """

    segment_id: UUID
    customer_id: UUID | None
    reported: bool | int
    expected: bool | int


class Doctor:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def tenants(self) -> Sequence[str]:
        """Every tenant that has segments."""
        return await self._storage.tenants_with_segments()

    async def failed_builds(self, tenant_id: str) -> Mapping[UUID, str]:
        """The segments of a tenant whose members could not be built, and why."""
        view = membership_view(self._storage, tenant_id, self._clock, refreshes=False)
        async with view as (memberships, segments):
            errors = {segment.id: memberships.build_error(segment) for segment in segments}
        return {id: error for id, error in errors.items() if error is not None}

    async def segments(self, tenant_id: str) -> AsyncIterator[MembershipDifference]:
        """Evaluates the segments, except those whose build has failed, for every customer of a
        tenant, at one moment. Yields each difference from what the membership view reports at that
        moment. Refreshes nothing.
        """
        storage = self._storage.analytic
        view = membership_view(storage, tenant_id, self._clock, refreshes=False)
        async with view as (memberships, segments):
            built = (one for one in segments if memberships.build_error(one) is None)
            checks = [
                _Check(memberships, segment, await memberships.member_filter(segment))
                for segment in built
            ]
            after = None
            while batch := await memberships.view.memberships.scan(after, _BATCH_SIZE):
                cache = CustomerValuesCache()
                for check in checks:
                    for difference in check.compare(batch, cache):
                        yield difference
                after = batch[-1].customer.id
            for check in checks:
                reported = await memberships.member_count(check.segment)
                if reported != check.expected_count:
                    yield check.difference(None, reported, check.expected_count)


class _Check:
    """Checks one segment, and counts its expected members."""

    def __init__(
        self, memberships: MembershipView, segment: Segment, members: CustomerFilter | None
    ) -> None:
        self.segment = segment
        self.expected_count = 0
        self._now = memberships.evaluation_time(segment)
        self._member_filter = members

    def compare(
        self, customers: Sequence[StaleCandidate], cache: CustomerValuesCache
    ) -> Sequence[MembershipDifference]:
        """The differences for a batch of customers; counts the expected members among them."""
        differences = []
        for candidate in customers:
            values = cache.at(candidate.customer, self._now)
            expected = is_member(self.segment, values, candidate.assigned_to)
            reported = self._reports(candidate)
            self.expected_count += expected
            if reported is not expected:
                differences.append(self.difference(candidate.customer.id, reported, expected))
        return differences

    def difference(
        self, customer_id: UUID | None, reported: bool | int, expected: bool | int
    ) -> MembershipDifference:
        return MembershipDifference(
            segment_id=self.segment.id,
            customer_id=customer_id,
            reported=reported,
            expected=expected,
        )

    def _reports(self, candidate: StaleCandidate) -> bool:
        """Whether a list of the members would contain the customer."""
        return self._member_filter is not None and _is_match(self._member_filter, candidate)


def _is_match(customer_filter: CustomerFilter, candidate: StaleCandidate) -> bool:
    members = customer_filter.members_of
    customer = candidate.customer
    if members is not None:
        is_stored = members.segment_id in candidate.member_of
        is_unchanged = is_stored and customer.id not in members.without
        return customer.is_living and (is_unchanged or customer.id in members.plus)
    assigned_to = customer_filter.assigned_to
    is_assigned = assigned_to is None or assigned_to in candidate.assigned_to
    return customer.is_living and is_assigned and customer_filter.keeps(customer)
