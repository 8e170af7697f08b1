"""No field can be lost: every place that must carry a field of the model is compared with it.

A new field fails here until it has its column, its key in the answer, its property in the OpenAPI
document and its value in `tests/support/complete.py`: see docs/howto/add-a-customer-field.md.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import NOTHING, fields, frozen
from sqlalchemy import Table

from customers.adapters.postgres.schema import (
    access_tables,
    ledger_tables,
    owned_tables,
    segment_tables,
    statistics_table,
    tables,
)
from customers.core.model.address import Address, AddressChange, AddressDetails
from customers.core.model.api_key import ApiKey, ApiKeyDetails
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails
from customers.core.model.erasure import Erasure
from customers.core.model.journal import Communication, CommunicationDetails, Note, NoteDetails
from customers.core.model.ledger import Entry
from customers.core.model.membership import (
    Assignment,
    RefreshState,
    SegmentSummary,
    SequencedChange,
)
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod, PaymentMethodChange, PaymentMethodDetails
from customers.core.model.pending_changes import PendingChange
from customers.core.model.segment import Segment
from customers.core.model.verification import Verification
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import camel
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.json.encode_segments import SegmentEncoder
from tests.support import complete
from tests.support.builders import USD


def names(*listed: str) -> frozenset[str]:
    return frozenset(name for words in listed for name in words.split())


@frozen(kw_only=True)
class Columns:
    """Where an entity is stored: columns beside its fields, and fields stored as other columns."""

    table: Table
    besides: frozenset[str] = frozenset()
    instead: Mapping[str, frozenset[str]] = {}


@frozen(kw_only=True)
class Answer:
    """How an entity is answered: its shape and encoder, and what it adds, hides or replaces."""

    shape: type
    encode: Callable[[Any], Mapping[str, object]]
    adds: frozenset[str] = frozenset()
    hides: frozenset[str] = frozenset()
    instead: Mapping[str, frozenset[str]] = {}


OPENAPI: Final = Path(__file__).parents[2] / "docs" / "openapi.json"
STATISTICS: Final = names(
    "total_orders total_spent average_order_value first_order_date last_order_date"
)
FOLDED: Final = names(
    "email_folded first_name_folded last_name_folded phone_folded country_folded",
    "country_code_folded notes_folded tags_folded",
)
STORED: Final[Mapping[type, Columns]] = {
    Customer: Columns(
        table=tables.customers,
        besides=FOLDED | names("email_key search_text"),
        instead={name: names() for name in ("statistics", "updated_at", "version")},
    ),
    Statistics: Columns(
        table=statistics_table.customer_statistics,
        besides=names(
            "tenant_id customer_id updated_at version created_at status customer_type is_living"
        ),
    ),
    Address: Columns(table=owned_tables.customer_addresses),
    PaymentMethod: Columns(
        table=owned_tables.customer_payment_methods, besides=names("is_released")
    ),
    Note: Columns(table=owned_tables.customer_notes),
    Communication: Columns(table=owned_tables.customer_communications),
    Entry: Columns(table=ledger_tables.customer_orders, besides=names("tenant_id")),
    StoredRefund: Columns(table=ledger_tables.customer_refunds, besides=names("tenant_id")),
    Segment: Columns(table=segment_tables.customer_segments, besides=names("name_key")),
    Assignment: Columns(
        table=segment_tables.customer_segment_assignments,
        besides=names("tenant_id segment_id customer_id"),
    ),
    RefreshState: Columns(
        table=segment_tables.customer_segment_refresh_states,
        besides=names("tenant_id segment_id barrier_at"),
    ),
    PendingChange: Columns(
        table=segment_tables.customer_segment_pending_changes,
        besides=names("tenant_id customer_id"),
    ),
    SequencedChange: Columns(
        table=segment_tables.customer_segment_changes, besides=names("tenant_id")
    ),
    Verification: Columns(table=owned_tables.customer_email_verifications),
    Erasure: Columns(table=tables.customer_erasures, besides=names("tenant_id maintained_at")),
    ApiKey: Columns(table=access_tables.customer_api_keys),
}
ENCODER: Final = Encoder(USD)
ANSWERED: Final[Mapping[type, Answer]] = {
    Customer: Answer(
        shape=shapes.Customer,
        encode=ENCODER.customer,
        adds=names("currency"),
        hides=names("erased_at"),
        instead={"statistics": STATISTICS | {"lifetime_value"}},
    ),
    Address: Answer(shape=shapes.Address, encode=ENCODER.address),
    PaymentMethod: Answer(shape=shapes.PaymentMethod, encode=ENCODER.method),
    Note: Answer(shape=shapes.Note, encode=ENCODER.note),
    Communication: Answer(shape=shapes.Communication, encode=ENCODER.communication),
    Entry: Answer(
        shape=shapes.LedgerOrder,
        encode=ENCODER.entry,
        adds=names("currency"),
        hides=names("customer_id order_date_stated"),
        instead={"refunds_total": names("refunded_amount")},
    ),
    Segment: Answer(
        shape=shapes.Segment,
        encode=lambda segment: ENCODER.segment(
            SegmentSummary(segment=segment, member_count=0, build_error="because")
        ),
        adds=names(
            "customer_count segment_type member_count build_status build_progress build_error"
        ),
        hides=names("rule"),
        instead={"rules_text": names("rules")},
    ),
    SequencedChange: Answer(
        shape=shapes.MembershipChange,
        encode=lambda change: SegmentEncoder(ENCODER).changes([change], 0)["changes"][0],
        instead={"entered": names("change")},
    ),
    ApiKey: Answer(
        shape=shapes.ApiKey,
        encode=ENCODER.api_key,
        hides=names("secret_hash revoked_at"),
    ),
}
LOCKING: Final = names(
    "lock_reason locked_at locked_by unlock_reason unlocked_at unlocked_by deleted_at erased_at"
)
OWNED: Final = names("id tenant_id customer_id created_at updated_at version statistics")
SET_BY_THE_SERVICE: Final[Mapping[type, frozenset[str]]] = {
    CustomerDetails: OWNED | LOCKING | names("status email_verified"),
    CustomerChange: OWNED | LOCKING | names("user_id email_verified"),
    AddressDetails: OWNED,
    AddressChange: OWNED,
    PaymentMethodDetails: OWNED,
    PaymentMethodChange: OWNED
    | names("payment_gateway gateway_payment_method_id payment_type card_brand last_four"),
    NoteDetails: OWNED | names("created_by"),
    CommunicationDetails: OWNED | names("status"),
    ApiKeyDetails: OWNED | names("secret_hash revoked_at last_used_at"),
}
ENTITY_OF: Final[Mapping[type, type]] = {
    CustomerDetails: Customer,
    CustomerChange: Customer,
    AddressDetails: Address,
    AddressChange: Address,
    PaymentMethodDetails: PaymentMethod,
    PaymentMethodChange: PaymentMethod,
    NoteDetails: Note,
    CommunicationDetails: Communication,
    ApiKeyDetails: ApiKey,
}


def field_names(entity: type, instead: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The fields of an entity, each replaced by what stands for it."""
    own = (instead.get(field.name, {field.name}) for field in fields(entity))
    return frozenset(name for stand_ins in own for name in stand_ins)


def properties(schema: str) -> frozenset[str]:
    """The properties of a schema of the committed OpenAPI document."""
    document = json.loads(OPENAPI.read_text(encoding="utf-8"))
    return frozenset(document["components"]["schemas"][schema]["properties"])


def test_every_entity_is_known_here() -> None:
    assert set(complete.COMPLETE) == set(STORED)
    assert set(STORED) >= set(ANSWERED)


@pytest.mark.parametrize("entity", complete.COMPLETE, ids=lambda entity: entity.__name__)
def test_a_complete_value_sets_every_field(entity: type) -> None:
    value = complete.COMPLETE[entity]
    unset = {
        field.name
        for field in fields(entity)
        if field.default is not NOTHING and getattr(value, field.name) == field.default
    }
    assert unset == set(), f"tests/support/complete.py: {entity.__name__} leaves fields unset"


@pytest.mark.parametrize("entity", STORED, ids=lambda entity: entity.__name__)
def test_every_field_has_a_column_and_every_column_a_field(entity: type) -> None:
    stored = STORED[entity]
    columns = frozenset(stored.table.columns.keys()) - stored.besides
    expected = field_names(entity, stored.instead)
    assert columns == expected, f"{stored.table.name}: columns and fields of {entity.__name__}"


@pytest.mark.parametrize("entity", ANSWERED, ids=lambda entity: entity.__name__)
def test_every_field_is_answered(entity: type) -> None:
    answer = ANSWERED[entity]
    keys = frozenset(answer.encode(complete.COMPLETE[entity]))
    expected = (field_names(entity, answer.instead) | answer.adds) - answer.hides
    assert keys == {camel(name) for name in expected}, f"json/encode.py: {entity.__name__}"


@pytest.mark.parametrize("entity", ANSWERED, ids=lambda entity: entity.__name__)
def test_shape_and_openapi_schema_have_the_keys_of_the_answer(entity: type) -> None:
    answer = ANSWERED[entity]
    keys = frozenset(answer.encode(complete.COMPLETE[entity]))
    shape = answer.shape.__required_keys__ | answer.shape.__optional_keys__  # type: ignore[attr-defined]
    assert shape == keys, f"json/shapes/: {answer.shape.__name__}"
    assert properties(answer.shape.__name__) == keys, f"OpenAPI: {answer.shape.__name__}"


@pytest.mark.parametrize("settable", SET_BY_THE_SERVICE, ids=lambda kind: kind.__name__)
def test_callers_can_set_every_field_that_the_service_does_not_set(settable: type) -> None:
    expected = field_names(ENTITY_OF[settable], {}) - SET_BY_THE_SERVICE[settable]
    assert field_names(settable, {}) == expected, f"core/model: fields of {settable.__name__}"
