"""Dumping states: the rows of a tenant, and their plain JSON values.

What follows from other rows is not dumped: statistics, indexes, stored members.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any, Self, TypeVar
from uuid import UUID

from attrs import asdict, evolve, field, fields, frozen
from immutables import Map

from customers.adapters.memory.snapshot.converter import snapshot_converter
from customers.adapters.memory.state import State
from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure
from customers.core.model.journal import Communication, Note
from customers.core.model.membership import Assignment, PendingChange, RefreshState, SequencedChange
from customers.core.model.money import Currency
from customers.core.model.order import NOTHING_YET, Entry, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.segment import Segment

T = TypeVar("T")


@frozen(kw_only=True)
class ErasedCustomer:
    """What remains of an erased customer, with the row counts of the erasure's receipt."""

    id: UUID
    tenant_id: str
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime
    erased_at: datetime
    tables: Mapping[str, int]

    @classmethod
    def of(cls, customer: Customer, erasure: Erasure) -> Self:
        names = [column.name for column in fields(cls) if column.name != "tables"]
        return cls(tables=erasure.tables, **{name: getattr(customer, name) for name in names})

    @property
    def customer(self) -> Customer:
        values = asdict(self, filter=lambda column, _: column.name != "tables")
        return Customer(email="", first_name="", last_name="", **values)

    @property
    def erasure(self) -> Erasure:
        return Erasure(customer_id=self.id, erased_at=self.erased_at, tables=self.tables)


@frozen(kw_only=True)
class TenantRows:
    """All state of a tenant that does not follow from other state.

    The statistics of customers follow from the orders. A segment without a refresh state, not even
    null, has its members built as of its last change.
    """

    customers: tuple[Customer, ...] = ()
    erased_customers: tuple[ErasedCustomer, ...] = ()
    addresses: tuple[Address, ...] = ()
    payment_methods: tuple[PaymentMethod, ...] = ()
    notes: tuple[Note, ...] = ()
    communications: tuple[Communication, ...] = ()
    orders: tuple[Entry, ...] = ()
    refunds: tuple[StoredRefund, ...] = ()
    segments: tuple[Segment, ...] = ()
    assignments: Mapping[UUID, Mapping[UUID, Assignment]] = field(factory=dict)
    refresh_states: Mapping[UUID, RefreshState | None] = field(factory=dict)
    changes: tuple[SequencedChange, ...] = ()
    last_sequence: int = 0
    pending_changes: Mapping[UUID, tuple[PendingChange, ...]] = field(factory=dict)
    last_pending_change: int = 0
    captures_customers: bool = False
    captures_orders: bool = False


def dump(states: Mapping[str, State], currency: Currency) -> dict[str, Any]:
    """The states by tenant as plain JSON values, sorted; tenants without data are left out."""
    tenants = {tenant_id: _rows_of(state) for tenant_id, state in sorted(states.items())}
    unstructure = snapshot_converter(currency).unstructure
    return {id: unstructure(rows) for id, rows in tenants.items() if rows != TenantRows()}


def _rows_of(state: State) -> TenantRows:
    customers = _sorted([state.living.values(), state.deleted.values()], "id")
    return TenantRows(
        customers=tuple(
            evolve(customer, statistics=NOTHING_YET)
            for customer in customers
            if customer.erased_at is None
        ),
        erased_customers=tuple(
            ErasedCustomer.of(customer, state.erasures[customer.id])
            for customer in customers
            if customer.erased_at is not None
        ),
        addresses=_sorted(state.addresses.values(), "id"),
        payment_methods=_sorted(state.payment_methods.values(), "id"),
        notes=_sorted(map(Map.values, state.notes.values()), "id"),
        communications=_sorted(map(Map.values, state.communications.values()), "id"),
        orders=_sorted(map(Map.values, state.ledger.values()), "order_id"),
        refunds=_sorted([state.refunds.values()], "order_id", "refund_id"),
        segments=_sorted([state.segments.values()], "id"),
        assignments={
            segment_id: dict(sorted(assigned.items()))
            for segment_id, assigned in sorted(state.assignments.items())
            if assigned
        },
        refresh_states={id: state.refresh_states.get(id) for id in sorted(state.segments)},
        changes=_sorted(map(Map.values, state.feeds.values()), "sequence"),
        last_sequence=state.last_sequence,
        pending_changes=dict(sorted(state.pending_changes.items())),
        last_pending_change=state.last_pending_change,
        captures_customers=state.captures_customers,
        captures_orders=state.captures_orders,
    )


def _sorted(groups: Iterable[Iterable[T]], *names: str) -> tuple[T, ...]:
    return tuple(sorted(chain.from_iterable(groups), key=attrgetter(*names)))
