"""The invariant of segments, checked: members as told against what each customer is."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from attrs import frozen

from customers.core.membership.view import Roster, snapshot
from customers.core.model.membership import Doubt, belongs
from customers.core.model.query import CustomerFilter
from customers.core.model.rules.matches import Readings
from customers.core.model.segment import Segment
from customers.core.ports import Clock, Storage

_SO_MANY = 1_000


@frozen(kw_only=True)
class Difference:
    """What is told of a segment, and what is so: of one customer, or of the number of members."""

    segment_id: UUID
    customer_id: UUID | None
    told: bool | int
    truth: bool | int


class Doctor:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def tenants(self) -> Sequence[str]:
        """Every tenant that has segments."""
        return await self._storage.tenants_with_segments()

    async def segments(self, tenant_id: str) -> AsyncIterator[Difference]:
        """Evaluates every rule for every customer of a tenant, at one moment, and gives each
        difference from what is told at that moment. Settles nothing.
        """
        moment = snapshot(self._storage, tenant_id, self._clock, settles=False)
        async with moment as (roster, segments):
            checks = [_Check(roster, each) for each in segments]
            after = None
            while everyone := await roster.view.segments.roll(after, _SO_MANY):
                readings = Readings()
                for check in checks:
                    for difference in check.among(everyone, readings):
                        yield difference
                after = everyone[-1].customer.id
            for check in checks:
                told = await roster.count(check.segment)
                if told != check.truth:
                    yield check.of_number(told)


class _Check:
    """One segment as it is told, beside how many customers truly belong to it."""

    def __init__(self, roster: Roster, segment: Segment) -> None:
        self.segment = segment
        self.truth = 0
        self._now = roster.moment(segment)
        self._told = roster.members(segment)

    def among(self, customers: Sequence[Doubt], readings: Readings) -> Sequence[Difference]:
        found = []
        for each in customers:
            reading = readings.at(each.customer, self._now)
            truth = belongs(self.segment, reading, each.assigned)
            told = self._tells(each)
            self.truth += truth
            if told is not truth:
                found.append(self._difference(each.customer.id, told, truth))
        return found

    def of_number(self, told: int) -> Difference:
        return self._difference(None, told, self.truth)

    def _tells(self, each: Doubt) -> bool:
        """Whether a list of the members would hold the customer."""
        return self._told is not None and _holds(self._told, each)

    def _difference(
        self, customer_id: UUID | None, told: bool | int, truth: bool | int
    ) -> Difference:
        return Difference(
            segment_id=self.segment.id, customer_id=customer_id, told=told, truth=truth
        )


def _holds(which: CustomerFilter, each: Doubt) -> bool:
    members = which.members_of
    customer = each.customer
    if members is not None:
        is_stored = members.segment_id in each.inside and customer.id not in members.without
        return customer.is_living and (is_stored or customer.id in members.plus)
    is_put_in = which.assigned_to is None or which.assigned_to in each.assigned
    return customer.is_living and is_put_in and which.keeps(customer)
