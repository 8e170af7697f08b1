"""No field of a state or of its entities can be lost in a snapshot.

That the complete values set every field is a test of `tests/unit/test_entity_fields.py`.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve, fields, has
from cattrs import BaseValidationError
from immutables import Map

from customers.adapters.memory.snapshot import dump, restore
from customers.adapters.memory.snapshot_converter import OMITTED, camel, converter, problems_of
from customers.adapters.memory.snapshot_rows import ErasedCustomer, TenantRows
from customers.adapters.memory.state import State, token_of
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.ledger import fold_ledger
from customers.core.model.order import NO_ORDERS
from customers.core.model.segment import Segment
from tests.support.builders import NOW, USD, numbered_id
from tests.support.complete import (
    ADDRESS,
    API_KEY,
    ASSIGNMENT,
    CHANGE,
    COMMUNICATION,
    COMPLETE,
    CUSTOMER,
    ENTRY,
    NOTE,
    PAYMENT_METHOD,
    PENDING_CHANGE,
    REFRESH_STATE,
    REFUND,
    SEGMENT,
    TENANT,
    VERIFICATION,
)

ID = CUSTOMER.id
DELETED = evolve(CUSTOMER, erased_at=None)
MANUAL = Segment(
    id=numbered_id(2),
    tenant_id=TENANT,
    name="manual",
    is_active=False,  # an active segment would make the tenant capture customers
    created_at=NOW,
    updated_at=NOW,
)
ERASED = evolve(CUSTOMER.erased(NOW), id=numbered_id(9), statistics=NO_ORDERS)
ERASURE = Erasure(customer_id=ERASED.id, erased_at=NOW, counts=dict.fromkeys(RecordKind, 2))


def a_state() -> State:
    """A state with entities of every kind, and a value in each field that a dump must carry."""
    stored = evolve(DELETED, statistics=fold_ledger([ENTRY], USD))
    state = State().with_customer(stored).with_customer(ERASED).with_entry(ENTRY)
    state = state.with_verifications(ID, [VERIFICATION])
    state = state.with_segment(SEGMENT).with_segment(MANUAL).with_change(CHANGE)
    return evolve(
        state,
        addresses=Map({ID: (ADDRESS,)}),
        payment_methods=Map({ID: (PAYMENT_METHOD,)}),
        notes=Map({ID: Map({NOTE.id: NOTE})}),
        communications=Map({ID: Map({COMMUNICATION.id: COMMUNICATION})}),
        refunds=Map({(REFUND.order_id, REFUND.refund_id): REFUND}),
        assignments=Map({MANUAL.id: Map({ID: ASSIGNMENT})}),
        refresh_states=Map({SEGMENT.id: evolve(REFRESH_STATE, member_count=0)}),
        last_sequence=CHANGE.sequence + 1,
        pending_changes=Map({ID: (evolve(PENDING_CHANGE, before=DELETED),)}),
        last_pending_change=PENDING_CHANGE.number + 1,
        captures_customers=True,
        captures_orders=True,
        erasures=Map({ERASED.id: ERASURE}),
        api_keys=Map({API_KEY.id: API_KEY}),
    )


def leaves(value: object, path: str = "State") -> Iterator[tuple[str, object]]:
    """The values inside a state, without caches of sorted lists, each after its path."""
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


def dumped_keys(kind: Any) -> set[str]:
    """The keys of a dumped value of the class."""
    if kind in COMPLETE:
        return set(converter(USD).unstructure(COMPLETE[kind]))
    rows = dump({TENANT: a_state()}, USD)[TENANT]
    return set(rows if kind is TenantRows else rows["erasedCustomers"][0])


@pytest.mark.parametrize("kind", [*COMPLETE, TenantRows, ErasedCustomer])
def test_keys_are_the_names_of_the_fields_in_camel_case(kind: Any) -> None:
    keys = dumped_keys(kind)
    names = {field.name for field in fields(kind)} - {OMITTED.get(kind)}
    missing = sorted(f"{kind.__name__}.{name}" for name in names if camel(name) not in keys)
    assert not missing, f"{missing} are lost in a snapshot"
    assert keys == {camel(name) for name in names}


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
        is_free = field.name in {"living", "emails", "users", "counters", "tokens", "_sorted"}
        value = getattr(a_state(), field.name)
        assert value or is_free, f"give State.{field.name} a value in these tests"


def test_living_customers_and_their_indexes_are_restored() -> None:
    living = evolve(DELETED, deleted_at=None, statistics=NO_ORDERS)
    state = evolve(
        State().with_customer(living),
        payment_methods=Map({ID: (PAYMENT_METHOD,)}),
        tokens=Map({token_of(PAYMENT_METHOD): PAYMENT_METHOD.id}),
    )
    restored = restore(dump({TENANT: state}, USD), USD, JsonPointer())[TENANT]
    assert dict(leaves(restored)) == dict(leaves(state))


@pytest.mark.parametrize("kind", COMPLETE)
def test_every_text_is_read_through_a_gate(kind: Any) -> None:
    row = converter(USD).unstructure(DELETED if kind is Customer else COMPLETE[kind])
    for field in fields(kind):
        if field.type in (str, str | None) and field.name != "rules_text":
            with pytest.raises(BaseValidationError) as raised:
                converter(USD).structure(row | {camel(field.name): "\0"}, kind)
            problems = problems_of(raised.value, JsonPointer())
            assert [problem.field for problem in problems] == [camel(field.name)]
