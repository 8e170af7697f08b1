"""Builders of core values for tests: valid as they are, every field open to an override.

A builder makes one value and stores nothing. Each takes the next number for its id, and an e-mail
address, token or name that nobody else has; moments stand still at `NOW`.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.journal import (
    Communication,
    CommunicationType,
    Direction,
    Note,
)
from customers.core.model.money import Currency
from customers.core.model.order import Entry, Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod, PaymentType
from customers.core.model.rules.parse import parse
from customers.core.model.segment import RulesText, Segment, decode_rules
from customers.core.ports.clock import Clock, IdGenerator

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
USD = Currency.of("USD")

_numbers = count(1)


class FixedClock(Clock):
    """A clock that moves only when it is told to."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def forward(self, **gone: float) -> None:
        """Moves on, by what `timedelta` takes."""
        self.moment += timedelta(**gone)


class SequentialIds(IdGenerator):
    """Ids in the form of UUIDv7, counted from a number; the same ones in every run."""

    def __init__(self, first: int = 1) -> None:
        self._numbers = count(first)

    def new(self, tenant_id: str = "", kind: type = object) -> UUID:
        return numbered_id(next(self._numbers))


def numbered_id(number: int) -> UUID:
    """The UUIDv7 of that number; ids sort as their numbers do."""
    milliseconds = 0x019B_0000_0000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number)


def an_id() -> UUID:
    """One that no other value of this process has; of two the later sorts after."""
    return numbered_id(next(_numbers))


def later(**gone: float) -> datetime:
    """`NOW` and so much, as `timedelta` takes it."""
    return NOW + timedelta(**gone)


def a_tenant() -> str:
    """A tenant that nobody has used, in this run or any other on the same server."""
    return f"tenant-{uuid4()}"


def a_customer(**overrides: Any) -> Customer:
    given: dict[str, Any] = {
        "id": (customer_id := an_id()),
        "tenant_id": "tenant",
        "email": f"customer-{customer_id.int & 0xFFFF_FFFF}@example.test",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Customer(**given | overrides)


def some_statistics(spent: str = "12.50", orders: int = 1, **overrides: Any) -> Statistics:
    """Statistics of some orders that were told at `NOW`."""
    total = Decimal(spent)
    given: dict[str, Any] = {
        "total_orders": orders,
        "total_spent": total,
        "average_order_value": USD.rounded(total / orders) if orders else Decimal(0),
        "first_order_date": NOW,
        "last_order_date": NOW,
    }
    return Statistics(**given | overrides)


def an_address(customer: Customer, **overrides: Any) -> Address:
    given: dict[str, Any] = {
        "id": an_id(),
        "customer_id": customer.id,
        "tenant_id": customer.tenant_id,
        "address_line1": "123 Main St",
        "city": "San Francisco",
        "postal_code": "94102",
        "country": "US",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Address(**given | overrides)


def a_payment_method(customer: Customer, **overrides: Any) -> PaymentMethod:
    given: dict[str, Any] = {
        "id": (method_id := an_id()),
        "customer_id": customer.id,
        "tenant_id": customer.tenant_id,
        "payment_gateway": "stripe",
        "gateway_payment_method_id": f"pm_{method_id.int & 0xFFFF_FFFF}",
        "payment_type": PaymentType.CARD,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return PaymentMethod(**given | overrides)


def a_note(customer: Customer, **overrides: Any) -> Note:
    given: dict[str, Any] = {
        "id": an_id(),
        "customer_id": customer.id,
        "tenant_id": customer.tenant_id,
        "note": "Customer requested expedited shipping",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Note(**given | overrides)


def a_communication(customer: Customer, **overrides: Any) -> Communication:
    given: dict[str, Any] = {
        "id": an_id(),
        "customer_id": customer.id,
        "tenant_id": customer.tenant_id,
        "communication_type": CommunicationType.EMAIL,
        "direction": Direction.OUTBOUND,
        "subject": "Your order is on its way",
        "created_at": NOW,
    }
    return Communication(**given | overrides)


def an_entry(customer: Customer, **overrides: Any) -> Entry:
    """An order of 12.50 that was told with its date; `total_amount` None makes it a stub."""
    given: dict[str, Any] = {
        "order_id": f"order-{next(_numbers)}",
        "customer_id": customer.id,
        "total_amount": Decimal("12.50"),
        "order_date": NOW,
        "order_date_stated": True,
        "recorded_at": NOW,
    }
    return Entry(**given | overrides)


def a_stub(customer: Customer, **overrides: Any) -> Entry:
    """The entry of an order that was not told itself."""
    given: dict[str, Any] = {"order_id": f"order-{next(_numbers)}", "customer_id": customer.id}
    return Entry(**given | overrides)


def a_refund(entry: Entry, **overrides: Any) -> StoredRefund:
    given: dict[str, Any] = {
        "order_id": entry.order_id,
        "refund_id": f"refund-{next(_numbers)}",
        "amount": Decimal("2.50"),
        "refunded_at": NOW,
        "recorded_at": NOW,
    }
    return StoredRefund(**given | overrides)


def a_segment(**overrides: Any) -> Segment:
    """A manual segment."""
    given: dict[str, Any] = {
        "id": an_id(),
        "tenant_id": "tenant",
        "name": f"Segment {next(_numbers)}",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Segment(**given | overrides)


def a_dynamic_segment(written: str, **overrides: Any) -> Segment:
    """A segment of a rule, given as the JSON text a caller would write."""
    rule = parse(json.loads(written, parse_float=Decimal))
    return a_segment(is_dynamic=True, rules_text=written, rule=rule, **overrides)


def rules_text(text: str) -> RulesText:
    """Rules as a caller writes them in a body."""
    return RulesText(text=text, value=decode_rules(text))
