"""No field of a state or of its entities can be lost in a snapshot."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, fields, has
from immutables import Map

from customers.adapters.memory.snapshot import dump, restore
from customers.adapters.memory.snapshot_converter import OMITTED, camel, converter
from customers.adapters.memory.state import State, token_of
from customers.core.model.address import Address, AddressType
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.erasure import TABLES, Erasure
from customers.core.model.journal import (
    Communication,
    CommunicationStatus,
    CommunicationType,
    Direction,
    Note,
)
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.membership import (
    Assignment,
    Cause,
    PendingChange,
    RefreshState,
    SequencedChange,
)
from customers.core.model.order import NOTHING_YET, Entry, StoredRefund, fold
from customers.core.model.payment import PaymentMethod, PaymentType
from customers.core.model.segment import RulesText, Segment, decode_rules
from tests.support.builders import NOW, USD, later, numbered_id

TENANT = "tenant"
ID = numbered_id(1)
RULES = '{"conditions": [{"field": "firstName", "operator": "equals", "value": "ada"}]}'
OWNED: dict[str, Any] = {"id": ID, "customer_id": ID, "tenant_id": TENANT}
MOMENTS: dict[str, Any] = {"created_at": NOW, "updated_at": later(hours=1)}

ENTRY = Entry(
    order_id="order",
    customer_id=ID,
    order_number="No 1",
    total_amount=Decimal("12.50"),
    order_date=NOW,
    order_date_stated=True,
    refunds_total=Decimal("2.50"),
    cancelled_at=later(hours=1),
    recorded_at=NOW,
)
CUSTOMER = Customer(
    id=ID,
    tenant_id=TENANT,
    user_id=numbered_id(2),
    email="ada@example.test",
    first_name="Ada",
    last_name="Lovelace",
    phone="+44 20",
    status=CustomerStatus.BLOCKED,
    customer_type=CustomerType.VIP,
    statistics=fold([evolve(ENTRY, cancelled_at=None)], USD),
    date_of_birth=date(1815, 12, 10),
    country="England",
    country_code="GB",
    avatar_url="https://example.test/ada",
    tags=("first",),
    notes="a note",
    marketing_opt_in=True,
    email_verified=True,
    lock_reason="a reason for locking",
    locked_at=NOW,
    locked_by=numbered_id(3),
    unlock_reason="a reason for unlocking",
    unlocked_at=NOW,
    unlocked_by=numbered_id(4),
    **MOMENTS,
    version=7,
    deleted_at=later(hours=2),
    erased_at=later(hours=3),
)
ADDRESS = Address(
    **OWNED,
    address_type=AddressType.BOTH,
    is_default=True,
    label="home",
    first_name="Ada",
    last_name="Lovelace",
    company="Engines",
    address_line1="12 St James's Square",
    address_line2="Flat 1",
    city="London",
    state="Middlesex",
    postal_code="SW1Y",
    country="GB",
    phone="+44 20",
    **MOMENTS,
)
METHOD = PaymentMethod(
    **OWNED,
    payment_gateway="stripe",
    gateway_payment_method_id="pm",
    payment_type=PaymentType.CARD,
    card_brand="visa",
    last_four="4242",
    expiry_month=12,
    expiry_year=2030,
    is_default=True,
    is_active=False,
    **MOMENTS,
)
NOTE = Note(**OWNED, note="a note", created_by=numbered_id(5), **MOMENTS)
COMMUNICATION = Communication(
    **OWNED,
    communication_type=CommunicationType.SMS,
    direction=Direction.INBOUND,
    subject="a subject",
    content="a content",
    status=CommunicationStatus.OPENED,
    external_id="external",
    created_at=NOW,
)
REFUND = StoredRefund(
    order_id="order",
    refund_id="refund",
    amount=Decimal("2.50"),
    refunded_at=NOW,
    recorded_at=later(hours=1),
)
SEGMENT = Segment(
    id=ID,
    tenant_id=TENANT,
    name="Ada",
    description="all of the name",
    rules_text=RULES,
    rule=RulesText(text=RULES, value=decode_rules(RULES)).rule(is_dynamic=True, strict=True),
    is_dynamic=True,
    is_active=False,
    **MOMENTS,
)
MANUAL = Segment(id=numbered_id(2), tenant_id=TENANT, name="manual", **MOMENTS)
ASSIGNMENT = Assignment(assigned_at=NOW, assigned_by=numbered_id(6))
REFRESH_STATE = RefreshState(
    member_count=1,
    watermark=NOW,
    target=later(hours=1),
    cursor=ID,
    scanned=3,
    cause=Cause.RULE,
)
CHANGE = SequencedChange(
    segment_id=ID, customer_id=ID, entered=True, at=NOW, cause=Cause.TIME, sequence=4
)
PENDING_CHANGE = PendingChange(
    number=5, at=NOW, cause=Cause.ORDER, before=evolve(CUSTOMER, erased_at=None)
)
ERASURE = Erasure(
    customer_id=numbered_id(9), erased_at=later(hours=3), tables=dict.fromkeys(TABLES, 2)
)
ERASED = evolve(CUSTOMER.erased(later(hours=3)), id=numbered_id(9), statistics=NOTHING_YET)
ENTITIES = [
    ENTRY,
    CUSTOMER,
    CUSTOMER.statistics,
    ADDRESS,
    METHOD,
    NOTE,
    COMMUNICATION,
    REFUND,
    SEGMENT,
    ASSIGNMENT,
    REFRESH_STATE,
    CHANGE,
    PENDING_CHANGE,
    ERASURE,
]


def a_state() -> State:
    """A state with every entity; each of their fields differs from its default."""
    stored = evolve(CUSTOMER, erased_at=None, statistics=fold([ENTRY], USD))
    state = State().with_customer(stored).with_customer(ERASED).with_entry(ENTRY)
    state = state.with_segment(SEGMENT).with_segment(MANUAL).with_change(CHANGE)
    return evolve(
        state,
        addresses=Map({ID: (ADDRESS,)}),
        payment_methods=Map({ID: (METHOD,)}),
        notes=Map({ID: Map({ID: NOTE})}),
        communications=Map({ID: Map({ID: COMMUNICATION})}),
        refunds=Map({(REFUND.order_id, REFUND.refund_id): REFUND}),
        assignments=Map({MANUAL.id: Map({ID: ASSIGNMENT})}),
        refresh_states=Map({ID: evolve(REFRESH_STATE, member_count=0)}),
        last_sequence=6,
        pending_changes=Map({ID: (PENDING_CHANGE,)}),
        last_pending_change=7,
        captures_customers=True,
        captures_orders=True,
        erasures=Map({ERASED.id: ERASURE}),
    )


def leaves(value: object, path: str = "State") -> Iterator[tuple[str, object]]:
    """The values inside a state by the names of the fields that lead to them."""
    kind: Any = type(value)
    if has(kind):
        for field in fields(kind):
            if field.name != "_sorted":
                yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, Map):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}[{key}]")
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: type(entity).__name__)
def test_every_field_of_an_entity_has_a_value_in_these_tests(entity: Any) -> None:
    for field in fields(type(entity)):
        name = f"{type(entity).__name__}.{field.name}"
        assert getattr(entity, field.name) != field.default, f"give {name} a value in these tests"


def test_every_field_of_a_state_is_dumped_or_follows_from_what_is() -> None:
    state = a_state()
    data = json.loads(json.dumps(dump({TENANT: state}, USD)))
    restored = dict(leaves(restore(data, USD, JsonPointer())[TENANT]))
    for path, value in leaves(state):
        assert path in restored, f"{path} is lost in a snapshot"
        assert restored[path] == value, f"{path} is not the same after a restore"
    assert restored.keys() == dict(leaves(state)).keys()


def test_every_field_of_a_state_has_a_value_in_these_tests() -> None:
    for field in fields(State):
        is_free = field.name in {"living", "emails", "counters", "tokens", "_sorted"}
        value = getattr(a_state(), field.name)
        assert value or is_free, f"give State.{field.name} a value in these tests"


def test_living_customers_and_their_indexes_are_restored() -> None:
    living = evolve(CUSTOMER, deleted_at=None, erased_at=None, statistics=NOTHING_YET)
    state = evolve(
        State().with_customer(living),
        payment_methods=Map({ID: (METHOD,)}),
        tokens=Map({token_of(METHOD): METHOD.id}),
    )
    restored = restore(dump({TENANT: state}, USD), USD, JsonPointer())[TENANT]
    assert dict(leaves(restored)) == dict(leaves(state))


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: type(entity).__name__)
def test_keys_are_the_names_of_the_fields_in_camel_case(entity: Any) -> None:
    kind = type(entity)
    row = converter(USD).unstructure(entity)
    expected = {camel(field.name) for field in fields(kind)} - {camel(OMITTED.get(kind, ""))}
    assert row.keys() == expected
