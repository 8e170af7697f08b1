"""Which rows a snapshot has: a shape for each kind of value.

What stands inside of what, and what rows must not contradict, is found in the modules
beside this one.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import NoReturn, get_args

from attrs import frozen

from customers.adapters.memory.snapshots.shapes import MOST, Shape, gated
from customers.adapters.memory.state import State
from customers.core.errors import InvalidValue
from customers.core.model.address import Address, AddressDetails
from customers.core.model.customer import Customer, CustomerDetails, Reason
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.model.journal import (
    Communication,
    CommunicationDetails,
    Note,
    NoteDetails,
)
from customers.core.model.membership import Assignment, PendingChange, RefreshState, SequencedChange
from customers.core.model.money import Currency
from customers.core.model.order import Entry, Order, Refund, Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod, PaymentMethodDetails
from customers.core.model.segment import Segment, SegmentDetails
from customers.core.model.values import WholeNumberGate


def _reason(raw: object, _: Currency) -> object:
    """Empty where the status was set without one."""
    return raw if raw == "" else get_args(Reason)[1].read(raw)


def _json(raw: object, _: Currency) -> str:
    """A JSON text."""
    if not isinstance(raw, str):
        raise InvalidValue("INVALID_TYPE", "must be a string")
    try:
        json.loads(raw, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidValue("INVALID_FORMAT", "must be JSON") from error
    return raw


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# The keys of a receipt in a snapshot.
_TABLES = {
    RecordKind.CUSTOMER: "customers",
    RecordKind.ADDRESS: "customer_addresses",
    RecordKind.PAYMENT_METHOD: "customer_payment_methods",
    RecordKind.SEGMENT: "customer_segments",
    RecordKind.ASSIGNMENT: "customer_segment_assignments",
    RecordKind.MEMBERSHIP: "customer_segment_members",
    RecordKind.NOTE: "customer_notes",
    RecordKind.COMMUNICATION: "customer_communications",
    RecordKind.ORDER: "customer_orders",
    RecordKind.REFUND: "customer_refunds",
}


def _tables(raw: object, _: Currency) -> Mapping[str, int]:
    if not isinstance(raw, dict):
        raise InvalidValue("INVALID_TYPE", "must be an object")
    if raw.keys() != set(_TABLES.values()):
        raise InvalidValue("INVALID_VALUE", f"must have the keys {', '.join(_TABLES.values())}")
    return {table: WholeNumberGate(0, MOST).read(raw[table]) for table in _TABLES.values()}


@frozen
class ErasureRow:
    """The counts of an erasure receipt, by table name."""

    tables: Mapping[str, int]

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureRow":
        return cls({table: erasure.counts[kind] for kind, table in _TABLES.items()})

    @property
    def counts(self) -> Mapping[RecordKind, int]:
        return {kind: self.tables[table] for kind, table in _TABLES.items()}


_FROM_ONE = gated(WholeNumberGate(1, MOST))
_OF_CUSTOMERS = {"version": _FROM_ONE, "lock_reason": _reason, "unlock_reason": _reason}
_OWNER = ("customer_id", "tenant_id")
_KEPT = ("orders", "pendingChanges")
_PERSONAL = ("addresses", "paymentMethods", "journalNotes", "communications")  # `notes` is a text
_NAMELESS = ("id", "created_at", "updated_at", "version", "deleted_at", "erased_at")

TENANT = Shape(
    State,
    only=("last_sequence", "last_pending_change", "captures_customers", "captures_orders"),
    inside=("customers", "segments"),
)
CUSTOMER = Shape(
    Customer,
    CustomerDetails,
    without=("tenant_id", "statistics"),
    inside=(*_PERSONAL, *_KEPT),
    reads=_OF_CUSTOMERS,
)
ERASED = Shape(Customer, only=_NAMELESS, inside=(*_KEPT, "erasure"), reads=_OF_CUSTOMERS)
ERASURE = Shape(ErasureRow, reads={"tables": _tables})
ADDRESS = Shape(Address, AddressDetails, without=_OWNER)
METHOD = Shape(PaymentMethod, PaymentMethodDetails, without=_OWNER)
NOTE = Shape(Note, NoteDetails, without=_OWNER)
COMMUNICATION = Shape(Communication, CommunicationDetails, without=_OWNER)
ORDER = Shape(Entry, Order, without=("customer_id", "refunds_total"), inside=("refunds",))
REFUND = Shape(StoredRefund, Refund, without=("order_id",))
MARK = Shape(PendingChange, without=("before",), inside=("before",), reads={"number": _FROM_ONE})
BEFORE = Shape(
    Customer,
    CustomerDetails,
    without=("id", "tenant_id", "statistics"),
    inside=("statistics",),
    reads=_OF_CUSTOMERS,
)
STATISTICS = Shape(Statistics)
SEGMENT = Shape(
    Segment,
    SegmentDetails,
    without=("tenant_id", "rule"),
    inside=("assignments", "refreshState", "changes"),
    reads={"rules_text": _json},
)
ASSIGNMENT = Shape(Assignment, inside=("customerId",))
STANDING = Shape(RefreshState, without=("member_count",))
CHANGE = Shape(SequencedChange, without=("segment_id",), reads={"sequence": _FROM_ONE})
