"""Builders of valid core values for tests; keyword arguments override their fields.

A builder stores nothing. Ids, e-mail addresses, tokens and names of segments are unique; times are
`NOW`.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from attrs import evolve

from customers.core.model.address import Address
from customers.core.model.api_key import SECRET_BYTES, ApiKey, Credential
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, CommunicationType, Direction, Note
from customers.core.model.ledger import Entry
from customers.core.model.money import Currency
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod, PaymentType
from customers.core.model.rules.parse import parse
from customers.core.model.segment import RulesText, Segment, decode_rules
from customers.core.model.verification import Verification
from customers.core.ports.clock import Clock, IdGenerator
from customers.entrypoints.config.setting_types import SecretKeys

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
USD = Currency.of("USD")
# For services that must open each other's cursors.
A_SECRETS_KEY = SecretKeys.parse("kJ8zW2vQ5rT7yN4mX1cB6hL9pD3sF0gA")

_numbers = count(1)


class FixedClock(Clock):
    """A clock that stands still until a test moves it."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def forward(self, **duration: float) -> None:
        """Moves the clock by a `timedelta` of these arguments."""
        self.moment += timedelta(**duration)


class SequentialIds(IdGenerator):
    """Ids in the form of UUIDv7, numbered from `first`; the same in every run."""

    def __init__(self, first: int = 1) -> None:
        self._numbers = count(first)

    def new(self) -> UUID:
        return numbered_id(next(self._numbers))


def numbered_id(number: int) -> UUID:
    """The UUIDv7 of a number; ids sort like their numbers."""
    milliseconds = 0x019B_0000_0000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number)


def an_id() -> UUID:
    """An id that is unique in this process and sorts after earlier ones."""
    return numbered_id(next(_numbers))


def later(**duration: float) -> datetime:
    """`NOW` plus a `timedelta` of these arguments."""
    return NOW + timedelta(**duration)


def a_tenant() -> str:
    """A tenant that no run on the same server has used."""
    return f"tenant-{uuid4()}"


def a_customer(**overrides: Any) -> Customer:
    fields: dict[str, Any] = {
        "id": (customer_id := an_id()),
        "tenant_id": "tenant",
        "email": f"customer-{customer_id.int & 0xFFFF_FFFF}@example.test",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Customer(**fields | overrides)


def some_statistics(spent: str = "12.50", orders: int = 1, **overrides: Any) -> Statistics:
    """Statistics of orders dated `NOW`."""
    total = Decimal(spent)
    fields: dict[str, Any] = {
        "total_orders": orders,
        "total_spent": total,
        "average_order_value": USD.rounded(total / orders) if orders else Decimal(0),
        "first_order_date": NOW,
        "last_order_date": NOW,
    }
    return Statistics(**fields | overrides)


def an_address(customer: Customer, **overrides: Any) -> Address:
    fields: dict[str, Any] = {
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
    return Address(**fields | overrides)


def a_payment_method(customer: Customer, **overrides: Any) -> PaymentMethod:
    fields: dict[str, Any] = {
        "id": (method_id := an_id()),
        "customer_id": customer.id,
        "tenant_id": customer.tenant_id,
        "payment_gateway": "stripe",
        "gateway_payment_method_id": f"pm_{method_id.int & 0xFFFF_FFFF}",
        "payment_type": PaymentType.CARD,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return PaymentMethod(**fields | overrides)


def a_note(customer: Customer, **overrides: Any) -> Note:
    fields: dict[str, Any] = {
        "id": an_id(),
        "customer_id": customer.id,
        "tenant_id": customer.tenant_id,
        "note": "Customer requested expedited shipping",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Note(**fields | overrides)


def a_token() -> str:
    """A token of a verification mail that no other mail has."""
    return f"token-{uuid4()}"


def a_verification(
    customer: Customer,
    token: str | None = None,
    *,
    sent_at: datetime = NOW,
    used_at: datetime | None = None,
) -> Verification:
    return evolve(Verification.of(customer, token or a_token(), sent_at), used_at=used_at)


def a_communication(customer: Customer, **overrides: Any) -> Communication:
    fields: dict[str, Any] = {
        "id": an_id(),
        "customer_id": customer.id,
        "tenant_id": customer.tenant_id,
        "communication_type": CommunicationType.EMAIL,
        "direction": Direction.OUTBOUND,
        "subject": "Your order is on its way",
        "created_at": NOW,
    }
    return Communication(**fields | overrides)


def an_entry(customer: Customer, **overrides: Any) -> Entry:
    """The entry of an order of 12.50 with a stated date."""
    fields: dict[str, Any] = {
        "order_id": f"order-{next(_numbers)}",
        "customer_id": customer.id,
        "total_amount": Decimal("12.50"),
        "order_date": NOW,
        "order_date_stated": True,
        "recorded_at": NOW,
    }
    return Entry(**fields | overrides)


def a_stub(customer: Customer, **overrides: Any) -> Entry:
    """The entry of an order that has not been recorded."""
    fields: dict[str, Any] = {"order_id": f"order-{next(_numbers)}", "customer_id": customer.id}
    return Entry(**fields | overrides)


def a_refund(entry: Entry, **overrides: Any) -> StoredRefund:
    fields: dict[str, Any] = {
        "order_id": entry.order_id,
        "refund_id": f"refund-{next(_numbers)}",
        "amount": Decimal("2.50"),
        "refunded_at": NOW,
        "recorded_at": NOW,
    }
    return StoredRefund(**fields | overrides)


def a_segment(**overrides: Any) -> Segment:
    """A manual segment."""
    fields: dict[str, Any] = {
        "id": an_id(),
        "tenant_id": "tenant",
        "name": f"Segment {next(_numbers)}",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Segment(**fields | overrides)


def a_dynamic_segment(rules: str, **overrides: Any) -> Segment:
    """A dynamic segment with rules in JSON."""
    rule = parse(json.loads(rules, parse_float=Decimal))
    return a_segment(is_dynamic=True, rules_text=rules, rule=rule, **overrides)


def a_credential(secret: bytes = bytes(SECRET_BYTES)) -> Credential:
    """The id and the secret of a key. The id is random, since keys are found without a tenant."""
    return Credential.of(uuid4(), secret)


def an_api_key(credential: Credential | None = None, **overrides: Any) -> ApiKey:
    """A key that may view customers."""
    credential = credential or a_credential()
    fields: dict[str, Any] = {
        "id": credential.key_id,
        "tenant_id": "tenant",
        "name": "Billing",
        "permissions": ("customers:view",),
        "secret_hash": credential.digest,
        "created_at": NOW,
    }
    return ApiKey(**fields | overrides)


def rules_text(text: str) -> RulesText:
    """Rules as they are in a request body."""
    return RulesText(text=text, value=decode_rules(text))
