"""The rows of a tenant in a snapshot, without values that follow from other rows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve, fields, frozen
from immutables import Map

from customers.adapters.memory.state import EMPTY, State
from customers.core.model import journal, membership, order, payment
from customers.core.model.address import Address
from customers.core.model.api_key import ApiKey
from customers.core.model.customer import Customer
from customers.core.model.erasure import RecordKind
from customers.core.model.ledger import Entry
from customers.core.model.pending_changes import PendingChange
from customers.core.model.segment import Segment
from customers.core.model.verification import Verification

T = TypeVar("T")


@frozen(kw_only=True)
class ErasedCustomer:
    """What remains of an erased customer, with the counts of the erasure's receipt."""

    id: UUID
    tenant_id: str
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime
    erased_at: datetime
    counts: Mapping[RecordKind, int]


@frozen(kw_only=True)
class TenantRows:
    """The rows of one tenant. Customers come without statistics, which follow from the orders.

    A segment that `refresh_states` does not mention gets its members built after the restore.
    """

    customers: tuple[Customer, ...] = ()
    erased_customers: tuple[ErasedCustomer, ...] = ()
    addresses: tuple[Address, ...] = ()
    payment_methods: tuple[payment.PaymentMethod, ...] = ()
    notes: tuple[journal.Note, ...] = ()
    communications: tuple[journal.Communication, ...] = ()
    orders: tuple[Entry, ...] = ()
    refunds: tuple[order.StoredRefund, ...] = ()
    verifications: tuple[Verification, ...] = ()
    segments: tuple[Segment, ...] = ()
    assignments: Mapping[UUID, Mapping[UUID, membership.Assignment]] = EMPTY
    refresh_states: Mapping[UUID, membership.RefreshState | None] = EMPTY
    changes: tuple[membership.SequencedChange, ...] = ()
    last_sequence: int = 0
    pending_changes: Mapping[UUID, tuple[PendingChange, ...]] = EMPTY
    last_pending_change: int = 0
    captures_customers: bool = False
    captures_orders: bool = False
    api_keys: tuple[ApiKey, ...] = ()


def rows_of(state: State) -> TenantRows:
    customers = _sorted([state.living.values(), state.deleted.values()], "id")
    erased = ((state.deleted[id], receipt) for id, receipt in sorted(state.erasures.items()))
    return TenantRows(
        customers=tuple(
            evolve(row, statistics=order.NO_ORDERS) for row in customers if not row.erased_at
        ),
        erased_customers=tuple(
            ErasedCustomer(counts=receipt.counts, **remaining(row)) for row, receipt in erased
        ),
        addresses=_sorted(state.addresses.values(), "id"),
        payment_methods=_sorted(state.payment_methods.values(), "id"),
        notes=_sorted(map(Map.values, state.notes.values()), "id"),
        communications=_sorted(map(Map.values, state.communications.values()), "id"),
        orders=_sorted(map(Map.values, state.ledger.values()), "order_id"),
        refunds=_sorted([state.refunds.values()], "order_id", "refund_id"),
        verifications=_sorted(state.verifications.values(), "token_hash"),
        segments=_sorted([state.segments.values()], "id"),
        assignments=Map((id, assigned) for id, assigned in state.assignments.items() if assigned),
        refresh_states=Map((id, state.refresh_states.get(id)) for id in state.segments),
        changes=_sorted(map(Map.values, state.feeds.values()), "sequence"),
        last_sequence=state.last_sequence,
        pending_changes=state.pending_changes,
        last_pending_change=state.last_pending_change,
        captures_customers=state.captures_customers,
        captures_orders=state.captures_orders,
        api_keys=_sorted([state.api_keys.values()], "id"),
    )


def _sorted(groups: Iterable[Iterable[T]], *names: str) -> tuple[T, ...]:
    return tuple(sorted(chain.from_iterable(groups), key=attrgetter(*names)))


def remaining(row: Customer | ErasedCustomer) -> dict[str, Any]:
    """The values of a customer that an erasure leaves."""
    names = [field.name for field in fields(ErasedCustomer) if field.name != "counts"]
    return {name: getattr(row, name) for name in names}
