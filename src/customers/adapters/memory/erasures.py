"""Erasure in memory: what each map loses, and the receipt."""

from typing import Any
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.change_capture import erased
from customers.adapters.memory.draft import Draft
from customers.adapters.memory.payment_methods import without_tokens
from customers.adapters.memory.state import NOTHING, State, placed
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.model.order import Entry
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
            self._draft.refuse(RuntimeError("the customer to keep still has a name"))
        erasure = Erasure.of(customer.id, customer.erased_at, _counts(state, customer.id))
        emptied = erased(_without(state, customer.id), customer)
        self._draft.keep(evolve(emptied, erasures=emptied.erasures.set(customer.id, erasure)))
        return erasure


def _counts(state: State, customer_id: UUID) -> dict[RecordKind, int]:
    """The number of records of each kind that the erasure removes or empties."""
    entries = state.ledger.get(customer_id, NOTHING).values()
    return {
        RecordKind.ADDRESS: len(state.addresses.get(customer_id, ())),
        RecordKind.PAYMENT_METHOD: len(state.methods.get(customer_id, ())),
        RecordKind.ASSIGNMENT: _holding(state.assignments, customer_id),
        RecordKind.MEMBERSHIP: _holding(state.members, customer_id),
        RecordKind.NOTE: len(state.notes.get(customer_id, ())),
        RecordKind.COMMUNICATION: len(state.communications.get(customer_id, ())),
        RecordKind.ORDER: sum(bool(entry.order_number) for entry in entries),
    }


def _holding(kept: Map[UUID, Map[UUID, Any]], customer_id: UUID) -> int:
    """How many segments have the customer."""
    return sum(customer_id in each for each in kept.values())


def _without(state: State, customer_id: UUID) -> State:
    """Stored members stay until they are settled: they hold no more than the id."""
    methods = state.methods.get(customer_id, ())
    return evolve(
        state,
        addresses=placed(state.addresses, customer_id, None),
        methods=placed(state.methods, customer_id, None),
        tokens=without_tokens(state.tokens, methods),
        notes=placed(state.notes, customer_id, None),
        communications=placed(state.communications, customer_id, None),
        assignments=Map(
            (id, placed(each, customer_id, None)) for id, each in state.assignments.items()
        ),
        ledger=placed(state.ledger, customer_id, _numberless(state, customer_id)),
    )


def _numberless(state: State, customer_id: UUID) -> Map[str, Entry] | None:
    entries = state.ledger.get(customer_id)
    if entries is None:
        return None
    return Map((id, evolve(entry, order_number="")) for id, entry in entries.items())
