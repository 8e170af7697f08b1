"""Erasure in memory: removes a customer's personal data, and stores the receipt."""

from typing import Any
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.change_capture import erased
from customers.adapters.memory.draft import Draft
from customers.adapters.memory.payment_methods import without_tokens
from customers.adapters.memory.state import EMPTY, State, with_value
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.ports.customers import ErasureRepository


@frozen
class MemoryErasures(ErasureRepository):
    _draft: Draft

    async def find(self, customer_id: UUID) -> Erasure | None:
        return self._draft.state.erasures.get(customer_id)

    async def erase(self, customer: Customer) -> Erasure:
        state = self._draft.state
        self._draft.expect_lock(Customer, customer.id)
        if customer.erased_at is None:
            self._draft.doom(RuntimeError("the customer is not erased: it still has a name"))
        erasure = Erasure.of(customer.id, customer.erased_at, _counts(state, customer.id))
        state = erased(_without_personal_data(state, customer.id), customer)
        self._draft.replace(evolve(state, erasures=state.erasures.set(customer.id, erasure)))
        return erasure


def _counts(state: State, customer_id: UUID) -> dict[RecordKind, int]:
    """The numbers of records for the receipt, by kind. They include the stored memberships, which
    the next refresh removes.
    """
    entries = state.ledger.get(customer_id, EMPTY).values()
    return {
        RecordKind.ADDRESS: len(state.addresses.get(customer_id, ())),
        RecordKind.PAYMENT_METHOD: len(state.payment_methods.get(customer_id, ())),
        RecordKind.ASSIGNMENT: _segments_with(state.assignments, customer_id),
        RecordKind.MEMBERSHIP: _segments_with(state.members, customer_id),
        RecordKind.PENDING_CHANGE: len(state.pending_changes.get(customer_id, ())),
        RecordKind.NOTE: len(state.notes.get(customer_id, ())),
        RecordKind.COMMUNICATION: len(state.communications.get(customer_id, ())),
        RecordKind.VERIFICATION: len(state.verifications.get(customer_id, ())),
        RecordKind.ORDER: sum(bool(entry.order_number) for entry in entries),
    }


def _segments_with(by_segment: Map[UUID, Map[UUID, Any]], customer_id: UUID) -> int:
    """The number of segments in whose map the customer is."""
    return sum(customer_id in of_segment for of_segment in by_segment.values())


def _without_personal_data(state: State, customer_id: UUID) -> State:
    """The state without the customer's personal data.

    Stored memberships stay until they are refreshed, since they hold no more than the id.
    """
    methods = state.payment_methods.get(customer_id, ())
    return evolve(
        _without_order_numbers(state, customer_id).with_verifications(customer_id, ()),
        addresses=with_value(state.addresses, customer_id, None),
        payment_methods=with_value(state.payment_methods, customer_id, None),
        tokens=without_tokens(state.tokens, methods),
        notes=with_value(state.notes, customer_id, None),
        communications=with_value(state.communications, customer_id, None),
        assignments=Map(
            (segment_id, with_value(assigned, customer_id, None))
            for segment_id, assigned in state.assignments.items()
        ),
    )


def _without_order_numbers(state: State, customer_id: UUID) -> State:
    for entry in state.ledger.get(customer_id, EMPTY).values():
        state = state.with_entry(evolve(entry, order_number=""))
    return state
