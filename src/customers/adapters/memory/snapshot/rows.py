"""The rows of a tenant in a snapshot: all state that does not follow from other state."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from attrs import asdict, field, fields, frozen

from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.model.journal import Communication, Note
from customers.core.model.membership import Assignment, PendingChange, RefreshState, SequencedChange
from customers.core.model.order import Entry, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.segment import Segment


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
    counts: Mapping[RecordKind, int]

    @classmethod
    def of(cls, customer: Customer, erasure: Erasure) -> Self:
        names = [column.name for column in fields(cls) if column.name != "counts"]
        return cls(counts=erasure.counts, **{name: getattr(customer, name) for name in names})

    @property
    def customer(self) -> Customer:
        values = asdict(self, filter=lambda column, _: column.name != "counts")
        return Customer(email="", first_name="", last_name="", **values)

    @property
    def erasure(self) -> Erasure:
        return Erasure(customer_id=self.id, erased_at=self.erased_at, counts=self.counts)


@frozen(kw_only=True)
class TenantRows:
    """The rows of one tenant. Customers come without statistics, which follow from the orders.

    The members of a segment that is missing in `refresh_states` are built after the restore.
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
