"""Reads the records that the memory storage holds about one customer."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

from attrs import asdict, frozen

from customers.adapters.memory.draft import StateReader
from customers.adapters.memory.state import EMPTY, State
from customers.core.errors import CustomerNotFound
from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import SegmentAssignment, SequencedChange
from customers.core.model.order import StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.verification import Verification
from customers.core.ports.personal_data import PersonalDataReader, Record

_PORTION: Final = 100
_AFTER_ALL: Final = datetime.max.replace(tzinfo=UTC)


@frozen
class MemoryPersonalData(PersonalDataReader):
    _source: StateReader

    async def customer(self, customer_id: UUID) -> Customer:
        customer = self._source.state.any_customer(customer_id)
        if customer is None or customer.erased_at is not None:
            raise CustomerNotFound
        return customer

    async def records(
        self, kind: type[Record], customer_id: UUID
    ) -> AsyncGenerator[Sequence[Record], None]:
        records = iter(_RECORDS[kind](self._source.state, customer_id))
        while portion := list(islice(records, _PORTION)):
            yield portion


def _notes(state: State, customer_id: UUID) -> Iterable[Note]:
    return sorted(state.notes.get(customer_id, EMPTY).values(), key=_age)


def _communications(state: State, customer_id: UUID) -> Iterable[Communication]:
    return sorted(state.communications.get(customer_id, EMPTY).values(), key=_age)


def _id(one: Address | PaymentMethod) -> UUID:
    return one.id


def _age(one: Note | Communication) -> tuple[datetime, int]:
    return one.created_at, one.id.int


def _entries(state: State, customer_id: UUID) -> Sequence[Entry]:
    return sorted(state.ledger.get(customer_id, EMPTY).values(), key=_position)


def _position(entry: Entry) -> tuple[datetime, str]:
    """The sort key of an entry: oldest first; stubs, which have no date, come last."""
    return entry.order_date or _AFTER_ALL, entry.order_id


def _refunds(state: State, customer_id: UUID) -> Iterable[StoredRefund]:
    orders = state.ledger.get(customer_id, EMPTY)
    refunds = (refund for refund in state.refunds.values() if refund.order_id in orders)
    return sorted(refunds, key=lambda refund: (refund.order_id, refund.refund_id))


def _assignments(state: State, customer_id: UUID) -> Iterator[SegmentAssignment]:
    for segment_id in sorted(state.assignments):
        if (assignment := state.assignments[segment_id].get(customer_id)) is not None:
            yield SegmentAssignment(segment_id=segment_id, **asdict(assignment, recurse=False))


def _changes(state: State, customer_id: UUID) -> Iterator[SequencedChange]:
    for segment_id in sorted(state.feeds):
        feed = state.feeds[segment_id]
        changes = (feed[position] for position in range(len(feed)))
        yield from (change for change in changes if change.customer_id == customer_id)


_RECORDS: Mapping[type, Callable[[State, UUID], Iterable[Any]]] = {
    Address: lambda state, customer_id: sorted(state.addresses.get(customer_id, ()), key=_id),
    PaymentMethod: lambda state, customer_id: sorted(
        state.payment_methods.get(customer_id, ()), key=_id
    ),
    Note: _notes,
    Communication: _communications,
    Entry: _entries,
    StoredRefund: _refunds,
    SegmentAssignment: _assignments,
    SequencedChange: _changes,
    PendingChange: lambda state, customer_id: state.pending_changes.get(customer_id, ()),
    Verification: lambda state, customer_id: state.verifications.get(customer_id, ()),
}
