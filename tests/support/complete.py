"""One complete value of each entity: every field set, and set to something else than its default.

A field that is missing here fails `tests/unit/test_entity_fields.py`, which gives these values to
every place that must carry all fields.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from customers.core.model.address import Address, AddressType
from customers.core.model.api_key import ApiKey
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.model.journal import (
    Communication,
    CommunicationStatus,
    CommunicationType,
    Direction,
    Note,
)
from customers.core.model.ledger import Entry
from customers.core.model.membership import Assignment, Cause, RefreshState, SequencedChange
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod, PaymentType
from customers.core.model.pending_changes import PendingChange
from customers.core.model.rules.parse import parse
from customers.core.model.segment import Segment
from customers.core.model.verification import Verification

TENANT: Final = "tenant"
_RULES: Final = '[{"field": "total_orders", "operator": "gte", "value": 2}]'


def _id(number: int) -> UUID:
    return UUID(int=0x7 << 76 | 0b10 << 62 | number)


def _day(number: int) -> datetime:
    return datetime(2026, 1, number, 9, 30, 0, 123456, tzinfo=UTC)


STATISTICS: Final = Statistics(
    total_orders=2,
    total_spent=Decimal("30.50"),
    first_order_date=_day(2),
    last_order_date=_day(3),
    average_order_value=Decimal("15.25"),
)
CUSTOMER: Final = Customer(
    id=_id(1),
    tenant_id=TENANT,
    user_id=_id(2),
    email="ada@example.test",
    first_name="Ada",
    last_name="Lovelace",
    phone="+1 555 0100",
    status=CustomerStatus.BLOCKED,
    customer_type=CustomerType.VIP,
    statistics=STATISTICS,
    date_of_birth=date(1990, 1, 31),
    country="Germany",
    country_code="DE",
    avatar_url="https://example.test/ada.png",
    tags=("vip", "early"),
    notes="prefers e-mail",
    marketing_opt_in=True,
    email_verified=True,
    lock_reason="a chargeback",
    locked_at=_day(4),
    locked_by=_id(3),
    unlock_reason="unlocked by mistake",
    unlocked_at=_day(5),
    unlocked_by=_id(4),
    created_at=_day(1),
    updated_at=_day(6),
    version=7,
    deleted_at=_day(7),
    erased_at=_day(8),
)
ADDRESS: Final = Address(
    id=_id(10),
    customer_id=CUSTOMER.id,
    tenant_id=TENANT,
    address_type=AddressType.BOTH,
    is_default=True,
    label="home",
    first_name="Ada",
    last_name="Lovelace",
    company="Analytical Engines",
    address_line1="1 Main St",
    address_line2="second floor",
    city="London",
    state="LDN",
    postal_code="N1 9GU",
    country="GB",
    phone="+44 20 7946 0000",
    created_at=_day(1),
    updated_at=_day(2),
)
PAYMENT_METHOD: Final = PaymentMethod(
    id=_id(20),
    customer_id=CUSTOMER.id,
    tenant_id=TENANT,
    payment_gateway="stripe",
    gateway_payment_method_id="pm_1",
    payment_type=PaymentType.CARD,
    card_brand="visa",
    last_four="4242",
    expiry_month=12,
    expiry_year=2030,
    is_default=True,
    is_active=False,
    created_at=_day(1),
    updated_at=_day(2),
)
NOTE: Final = Note(
    id=_id(30),
    customer_id=CUSTOMER.id,
    tenant_id=TENANT,
    note="called back",
    created_by=_id(3),
    created_at=_day(1),
    updated_at=_day(2),
)
COMMUNICATION: Final = Communication(
    id=_id(40),
    customer_id=CUSTOMER.id,
    tenant_id=TENANT,
    communication_type=CommunicationType.SMS,
    direction=Direction.INBOUND,
    subject="delivery",
    content="where is it?",
    status=CommunicationStatus.OPENED,
    external_id="sms-1",
    created_at=_day(1),
)
ENTRY: Final = Entry(
    order_id="order-1",
    customer_id=CUSTOMER.id,
    order_number="No 1",
    total_amount=Decimal("20.50"),
    order_date=_day(2),
    order_date_stated=True,
    refunds_total=Decimal("5.25"),
    cancelled_at=_day(3),
    recorded_at=_day(4),
)
REFUND: Final = StoredRefund(
    order_id="order-1",
    refund_id="refund-1",
    amount=Decimal("5.25"),
    refunded_at=_day(3),
    recorded_at=_day(4),
)
SEGMENT: Final = Segment(
    id=_id(50),
    tenant_id=TENANT,
    name="Regulars",
    description="two orders or more",
    rules_text=_RULES,
    rule=parse([{"field": "total_orders", "operator": "gte", "value": 2}]),
    is_dynamic=True,
    is_active=False,
    created_at=_day(1),
    updated_at=_day(2),
)
ASSIGNMENT: Final = Assignment(assigned_at=_day(1), assigned_by=_id(3))
REFRESH_STATE: Final = RefreshState(
    member_count=3, watermark=_day(1), target=_day(2), cursor=_id(1), scanned=4, cause=Cause.RULE
)
PENDING_CHANGE: Final = PendingChange(number=5, at=_day(1), cause=Cause.ORDER, before=CUSTOMER)
CHANGE: Final = SequencedChange(
    segment_id=SEGMENT.id,
    customer_id=CUSTOMER.id,
    entered=True,
    at=_day(1),
    cause=Cause.TIME,
    sequence=6,
)
API_KEY: Final = ApiKey(
    id=_id(60),
    tenant_id=TENANT,
    name="Billing",
    permissions=("customers:*", "orders:view"),
    secret_hash="0123456789abcdef" * 4,
    created_at=_day(1),
    expires_at=_day(9),
    revoked_at=_day(8),
    last_used_at=_day(2),
)
ERASURE: Final = Erasure.of(CUSTOMER.id, _day(8), {RecordKind.NOTE: 2})
VERIFICATION: Final = Verification(
    tenant_id=TENANT,
    customer_id=CUSTOMER.id,
    token_hash="hash-of-a-token",
    address_hash="hash-of-an-address",
    sent_at=_day(5),
    expires_at=_day(6),
    used_at=_day(7),
)
COMPLETE: Final[Mapping[type, object]] = {
    type(value): value
    for value in (
        CUSTOMER,
        STATISTICS,
        ADDRESS,
        PAYMENT_METHOD,
        NOTE,
        COMMUNICATION,
        ENTRY,
        REFUND,
        SEGMENT,
        ASSIGNMENT,
        REFRESH_STATE,
        PENDING_CHANGE,
        CHANGE,
        ERASURE,
        API_KEY,
        VERIFICATION,
    )
}
