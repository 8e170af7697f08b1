"""The map of personal data has the fields of each mapped entity and every column of every table."""

import pytest
from attrs import fields
from sqlalchemy import Column, MetaData, Table, Text

from customers.adapters.postgres.customers.erasures import _TABLES
from customers.adapters.postgres.schema import personal_columns
from customers.adapters.postgres.schema.all_tables import METADATA
from customers.adapters.postgres.schema.personal_columns import (
    TABLES,
    UnmappedColumn,
    column_map,
    emptied_columns,
    has_removed_rows,
)
from customers.adapters.postgres.schema.tables import customers
from customers.core.model.personal_data import PERSONAL_DATA, ErasureEffect, record_map
from customers.entrypoints.json.encode import RECORD_TABLES
from customers.entrypoints.json.encode_personal_data import PERSONAL_TABLES

COLUMNS = [column for table in METADATA.sorted_tables for column in table.columns]


def test_every_column_is_in_the_map() -> None:
    for column in COLUMNS:
        column_map(column)


def test_the_map_has_no_table_that_does_not_exist() -> None:
    assert set(TABLES) == set(METADATA.tables)


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_the_map_has_no_column_that_does_not_exist(table: Table) -> None:
    maps = TABLES[table.name]
    mapped = [name for one in maps for name in (*one.personal, *one.others)]
    stored_otherwise = {"statistics", "updated_at", "version"} if table is customers else set()
    existing = {column.name for column in COLUMNS if column.table is table}
    assert set(mapped) - stored_otherwise == existing
    assert len(mapped) == len(set(mapped)), "a column is in the map twice"


@pytest.mark.parametrize("entity", PERSONAL_DATA, ids=lambda entity: entity.__name__)
def test_every_field_is_in_the_map(entity: type) -> None:
    record = PERSONAL_DATA[entity]
    names = {field.name for field in fields(entity)}
    missing = f"core/model/personal_data.py: say whether these fields of {entity.__name__} are"
    assert record.personal | record.others == names, f"{missing} personal"
    assert not record.personal & record.others
    assert record.masked <= names
    assert record.of_staff <= record.personal


def test_a_column_that_is_missing_is_named() -> None:
    table = METADATA.tables["customers"].to_metadata(MetaData())
    table.append_column(column := Column("shoe_size", Text()))
    with pytest.raises(UnmappedColumn, match=r"customers\.shoe_size is not in the map"):
        column_map(column)


def test_a_table_that_is_missing_is_named() -> None:
    table = METADATA.tables["customers"].to_metadata(MetaData(), name="verifications")
    with pytest.raises(UnmappedColumn, match=r"verifications\.tenant_id is not in the map"):
        column_map(table.c.tenant_id)


def test_a_receipt_names_every_table_with_data_of_one_person() -> None:
    """All but the receipts themselves; and the segments, although no erasure looks into them."""
    ids, tables = {"customer_id", "refund_id"}, METADATA.sorted_tables
    own = [table for table in tables if not ids.isdisjoint(table.c.keys())]
    others = {"customers", "customer_segments"}
    without = {"customer_erasures", "customer_statistics"}  # the latter are part of the customer
    expected = {table.name for table in own} - without | others
    assert set(RECORD_TABLES.values()) == expected
    assert set(PERSONAL_TABLES.values()) == expected - {"customer_segments"}
    assert dict(_TABLES) == RECORD_TABLES


def test_an_erasure_removes_records_or_empties_their_personal_fields() -> None:
    removed = [table.name for table in METADATA.sorted_tables if has_removed_rows(table)]
    assert sorted(removed) == [
        "customer_addresses",
        "customer_communications",
        "customer_email_verifications",
        "customer_notes",
        "customer_payment_methods",
        "customer_segment_assignments",
        "customer_segment_members",
        "customer_segment_pending_changes",
    ]
    emptied = {str(column) for table in METADATA.sorted_tables for column in emptied_columns(table)}
    assert "customer_orders.order_number" in emptied
    assert {name.split(".")[0] for name in emptied} == {"customers", "customer_orders"}


def test_a_personal_column_is_never_kept() -> None:
    unerased = [column for column in COLUMNS if column_map(column).erasure is ErasureEffect.KEPT]
    assert [str(column) for column in unerased if personal_columns.is_personal(column)] == []


def test_the_effect_of_an_unknown_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        record_map("name", "id").effect("other")
