"""A personal data export has every field of every record; the person's own has no ids of staff."""

import json
from typing import Any

import pytest
from attrs import evolve, fields

from customers.core.model.customer import Customer
from customers.core.model.membership import SegmentAssignment, SegmentMembership
from customers.core.model.order import Statistics
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.personal_data import PERSONAL_DATA, RECORD_KINDS
from customers.entrypoints.json.decode import camel
from customers.entrypoints.json.encode import Encoder, encode
from customers.entrypoints.json.encode_personal_data import (
    PERSONAL_TABLES,
    PersonalDataEncoder,
    mask,
)
from tests.support import complete
from tests.support.builders import USD

ENCODER = PersonalDataEncoder(Encoder(USD))
ASSIGNMENT = SegmentAssignment(
    segment_id=complete.SEGMENT.id,
    assigned_at=complete.ASSIGNMENT.assigned_at,
    assigned_by=complete.ASSIGNMENT.assigned_by,
)
RECORDS = {**complete.COMPLETE, SegmentAssignment: ASSIGNMENT}
KINDS = (Customer, *RECORD_KINDS)
STATISTICS = {field.name for field in fields(Statistics)}
STAFF = {"lockedBy", "unlockedBy", "createdBy", "assignedBy"}


def encoded(encoder: PersonalDataEncoder, kind: type) -> dict[str, Any]:
    return dict(json.loads(encode(encoder.record(RECORDS[kind]))))


def keys_of(kind: type) -> set[str]:
    names = {field.name for field in fields(kind)}
    if kind is Customer:
        names = (names - {"statistics"}) | STATISTICS
    return {camel(name) for name in names}


def test_every_kind_of_record_has_a_table() -> None:
    assert set(PERSONAL_TABLES) == {*KINDS, SegmentMembership}
    assert len(set(PERSONAL_TABLES.values())) == len(PERSONAL_TABLES)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_exported(kind: type) -> None:
    assert set(encoded(ENCODER, kind)) == keys_of(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_person_sees_everything_but_who_on_the_staff_did_something(kind: type) -> None:
    body = encoded(ENCODER.for_person(), kind)
    assert set(body) == keys_of(kind) - STAFF
    staff = {camel(name) for name in PERSONAL_DATA[kind].of_staff}
    assert staff == keys_of(kind) & STAFF


def test_the_values_before_a_change_are_for_the_person_too() -> None:
    before = encoded(ENCODER.for_person(), PendingChange)["before"]
    assert before["email"] == complete.CUSTOMER.email
    assert not set(before) & STAFF


def test_values_are_as_the_contract_shows_them() -> None:
    body = encoded(ENCODER, Customer)
    assert body["dateOfBirth"] == "1990-01-31T00:00:00Z"
    assert (body["totalSpent"], body["tags"]) == (30.5, ["vip", "early"])
    assert encode(ENCODER.record(complete.CUSTOMER)).count(b'"totalSpent":30.50') == 1


@pytest.mark.parametrize(
    ("token", "shown"),
    [("pm_1Nxyz0123456789", "***6789"), ("pm_1", "***"), ("12345678901", "***"), ("", "***")],
)
def test_tokens_are_masked(token: str, shown: str) -> None:
    assert mask(token) == shown
    method = evolve(complete.PAYMENT_METHOD, gateway_payment_method_id=token)
    assert isinstance(method, PaymentMethod)
    assert ENCODER.record(method)["gatewayPaymentMethodId"] == shown
