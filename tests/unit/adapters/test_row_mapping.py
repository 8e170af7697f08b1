"""Every entity is stored with all of its fields, and a field without a column is an error."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from importlib import import_module
from pkgutil import walk_packages
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import pytest
from attrs import evolve, fields, frozen
from sqlalchemy import Column, MetaData, Table, Text

from customers.adapters import postgres
from customers.adapters.postgres.engine.row_mapping import RowMapping, RowMappingError
from customers.adapters.postgres.schema.types import metadata
from customers.core.model.address import Address
from customers.core.model.api_key import ApiKey
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import (
    Assignment,
    MembershipChange,
    RefreshState,
    SegmentAssignment,
    SequencedChange,
)
from customers.core.model.order import StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Rule
from customers.core.model.segment import Segment
from customers.core.model.verification import Verification
from tests.support.builders import later

MODELS = (
    Address,
    ApiKey,
    Assignment,
    Communication,
    Customer,
    Entry,
    Erasure,
    MembershipChange,
    Note,
    PaymentMethod,
    PendingChange,
    RefreshState,
    Segment,
    SegmentAssignment,
    SequencedChange,
    StoredRefund,
    Verification,
)
TABLES_WITHOUT_MODEL = {
    "customer_counts",
    "customer_segment_members",
    "customer_segment_tenants",
    "deployment",
    "deployment_secrets",
    "sweeper",
}
SAMPLES: Mapping[Any, Callable[[str, int], Any]] = {
    int: lambda name, number: number,
    str: lambda name, number: f"{name} {number}",
    Decimal: lambda name, number: Decimal(number) / 4,
    UUID: lambda name, number: UUID(int=number),
    date: lambda name, number: date(1990, 1, number),
    datetime: lambda name, number: later(days=number),
    tuple: lambda name, number: (name, str(number)),
    Mapping: lambda name, number: dict.fromkeys(RecordKind, number),
    Rule: lambda name, number: parse([{"field": "tags", "operator": "contains", "value": name}]),
}


def mappings() -> Iterator[RowMapping[Any]]:
    """The row mappings in all modules of the PostgreSQL adapter."""
    for module in walk_packages(postgres.__path__, f"{postgres.__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, RowMapping):
                yield value


BY_MODEL = {mapping.model: mapping for mapping in mappings()}


def full(model: type[Any]) -> Any:
    """A value of the model in which no field has its default."""
    types = get_type_hints(model)
    values = {
        field.name: sample(types[field.name], field.name, number, field.default)
        for number, field in enumerate(fields(model), start=2)
    }
    assert all(values[field.name] != field.default for field in fields(model))
    return model(**values)


def sample(kind: Any, name: str, number: int, default: object) -> Any:
    """A value of the type; values of fields with different numbers differ where they can."""
    if isinstance(kind, UnionType):
        kind = next(member for member in get_args(kind) if member is not type(None))
    kind = get_origin(kind) or kind
    if kind in SAMPLES:
        return SAMPLES[kind](name, number)
    if kind is bool:
        return default is not True
    if issubclass(kind, Enum):
        return next(member for member in reversed(kind) if member is not default)
    return full(kind)


def as_stored(value: Any) -> Any:
    """The value as asyncpg returns it."""
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def stored_row(mapping: RowMapping[Any], value: Any) -> dict[str, Any]:
    row = {name: as_stored(value) for name, value in mapping.write(value).items()}
    if mapping.model is Segment:  # its rule is read as text
        row["rule"] = msgspec.json.encode(row["rule"]).decode()
    return row


def a_table(*names: str) -> Table:
    return Table("things", MetaData(), *(Column(name, Text()) for name in names))


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


@frozen(kw_only=True)
class Box:
    height: int
    width: int


@frozen(kw_only=True)
class Thing:
    id: str
    size: Size | None
    box: Box


THING = Thing(id="1", size=Size.LARGE, box=Box(height=2, width=3))
THING_COLUMNS = ("id", "size", "height", "width")


def test_every_entity_has_a_mapping_and_every_table_an_entity() -> None:
    assert BY_MODEL.keys() == set(MODELS)
    tables = {one.table.name for mapping in BY_MODEL.values() for one in mapping.columns}
    assert tables == metadata.tables.keys() - TABLES_WITHOUT_MODEL


@pytest.mark.parametrize("model", MODELS)
def test_an_entity_with_no_field_at_its_default_is_read_as_it_was_written(model: type[Any]) -> None:
    mapping, value = BY_MODEL[model], full(model)
    row = stored_row(mapping, value)
    assert mapping.read({**row, "another": "column"}) == value
    assert mapping.read_values([row[column.name] for column in mapping.columns]) == value


@pytest.mark.parametrize("model", MODELS)
def test_a_row_has_a_value_for_every_column_but_those_of_the_storage(model: type[Any]) -> None:
    mapping = BY_MODEL[model]
    tables = {column.table for column in mapping.columns}
    names = {column.name for table in tables for column in table.columns}
    missing = names - mapping.write(full(model)).keys()
    assert missing <= {"tenant_id", *mapping.storage_only}


def test_a_value_of_a_nested_class_is_stored_in_columns_of_its_own() -> None:
    mapping = RowMapping(Thing, a_table(*THING_COLUMNS))
    assert mapping.write(THING) == {"id": "1", "size": Size.LARGE, "height": 2, "width": 3}
    assert mapping.read({"id": "1", "size": "large", "height": 2, "width": 3}) == THING
    assert mapping.read({"id": "1", "size": None, "height": 2, "width": 3}).size is None


def test_rows_may_have_their_columns_in_any_order_and_others_besides() -> None:
    mapping = RowMapping(Thing, a_table(*THING_COLUMNS))
    rows = [{"width": 3, "size": size, "other": 7, "id": "1", "height": 2} for size in Size]
    assert mapping.read_all(rows) == [evolve(THING, size=size) for size in Size]
    assert mapping.read(dict(reversed(rows[0].items()))) == evolve(THING, size=next(iter(Size)))
    assert mapping.read_all([]) == []


@pytest.mark.parametrize("missing", THING_COLUMNS)
def test_a_row_without_a_column_of_a_field_is_an_error(missing: str) -> None:
    mapping = RowMapping(Thing, a_table(*THING_COLUMNS))
    row = {name: "1" for name in THING_COLUMNS if name != missing}
    with pytest.raises(KeyError, match=missing):
        mapping.read(row)


def test_derived_columns_are_written_and_not_read() -> None:
    table = a_table(*THING_COLUMNS, "volume", "tenant_id")
    mapping = RowMapping(Thing, table, derived={"volume": lambda thing: thing.box.height**3})
    assert mapping.write(THING)["volume"] == 8
    assert [column.name for column in mapping.columns] == list(THING_COLUMNS)


@pytest.mark.parametrize("missing", THING_COLUMNS)
def test_a_field_without_a_column_is_an_error_that_names_both(missing: str) -> None:
    table = a_table(*(name for name in THING_COLUMNS if name != missing))
    with pytest.raises(RowMappingError, match=rf"Thing\.(box\.)?{missing} has no column in things"):
        RowMapping(Thing, table)


def test_a_column_without_a_field_is_an_error_that_names_both() -> None:
    with pytest.raises(RowMappingError, match=r"things\.weight is not a field of Thing"):
        RowMapping(Thing, a_table(*THING_COLUMNS, "weight"))
    RowMapping(Thing, a_table(*THING_COLUMNS, "weight"), storage_only=("weight",))


@pytest.mark.parametrize("name", ["weight", "height"])
def test_a_declared_column_that_is_missing_or_a_field_is_an_error(name: str) -> None:
    with pytest.raises(RowMappingError, match=f"{name} is declared"):
        RowMapping(Thing, a_table(*THING_COLUMNS), storage_only=(name,))


def test_two_fields_with_one_column_are_an_error() -> None:
    @frozen(kw_only=True)
    class Crate:
        width: int
        box: Box

    with pytest.raises(RowMappingError, match=r"Crate\.width and Crate\.box\.width"):
        RowMapping(Crate, a_table("width", "height"))
