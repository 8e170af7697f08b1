"""The use case of a person's access to their data (GDPR, article 15): all records about them."""

from collections.abc import AsyncGenerator, AsyncIterator, Container, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.membership import (
    SegmentAssignment,
    SegmentMembership,
    SequencedChange,
    build_error,
    is_member,
)
from customers.core.model.personal_data import RECORD_KINDS, PersonalRecords
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage, View


@frozen(kw_only=True)
class PersonalDataOf:
    """What is stored about a customer: all records, kind by kind, which are read during the
    iteration.
    """

    customer: Customer
    generated_at: datetime
    records: AsyncIterator[PersonalRecords]


class PersonalData:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    @asynccontextmanager
    async def of(self, tenant_id: str, customer_id: UUID) -> AsyncGenerator[PersonalDataOf, None]:
        """Opens everything that is stored about a customer, living or deleted, at one moment.

        Read the records without delay: until the block ends, it holds one of the connections for
        work that may take long. Raises CustomerNotFound, also for an erased customer.
        """
        async with self._storage.analytic.consistent_view(tenant_id) as view:
            customer, now = await view.personal_data.customer(customer_id), self._clock.now()
            async with aclosing(_records(view, customer, now)) as records:
                yield PersonalDataOf(customer=customer, generated_at=now, records=records)


async def _records(
    view: View, customer: Customer, now: datetime
) -> AsyncGenerator[PersonalRecords, None]:
    yield PersonalRecords(kind=Customer, records=[customer])
    entered: dict[UUID, datetime] = {}
    assigned: dict[UUID, datetime] = {}
    for kind in RECORD_KINDS:
        yield PersonalRecords(kind=kind, records=[])
        records: Sequence[object]
        async for records in view.personal_data.records(kind, customer.id):
            _note_moments(records, entered, assigned)
            yield PersonalRecords(kind=kind, records=records)
            await view.give_way()
    memberships = await _memberships(view, customer, now, assigned, assigned | entered)
    yield PersonalRecords(kind=SegmentMembership, records=memberships)


def _note_moments(
    records: Sequence[object], entered: dict[UUID, datetime], assigned: dict[UUID, datetime]
) -> None:
    """Stores, by segment, when the customer entered it, unless they have left it since, and when
    they were assigned to it.
    """
    for one in records:
        if isinstance(one, SequencedChange) and one.entered:
            entered[one.segment_id] = one.at
        elif isinstance(one, SequencedChange):
            entered.pop(one.segment_id, None)
        elif isinstance(one, SegmentAssignment):
            assigned[one.segment_id] = one.assigned_at


async def _memberships(
    view: View,
    customer: Customer,
    now: datetime,
    assigned_to: Container[UUID],
    since: Mapping[UUID, datetime],
) -> Sequence[SegmentMembership]:
    """The segments that the customer is in at `now`, without those whose build has failed."""
    states, cache = await view.memberships.refresh_states(), CustomerValuesCache()
    memberships = list[SegmentMembership]()
    for segment in await view.segments.all():
        state = states[segment.id]
        if build_error(segment, state) is None:
            values = cache.at(customer, state.evaluation_time(now))
            if is_member(segment, values, assigned_to):
                moment = since.get(segment.id)
                memberships.append(
                    SegmentMembership(
                        segment_id=segment.id, segment_name=segment.name, since=moment
                    )
                )
        await view.give_way()
    return memberships
