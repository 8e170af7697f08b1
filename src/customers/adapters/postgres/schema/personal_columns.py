"""The map of personal data by table and column: every column of every table is in it.

For a column that holds a field of the model, the map in `core/model/personal_data.py` says whether
it is personal and how it is erased. All other columns and tables are listed here. A test fails for
a column that is missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Column, Table

from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import SegmentAssignment, SequencedChange
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.personal_data import (
    PERSONAL_DATA,
    ErasureEffect,
    RecordMap,
    record_map,
)
from customers.core.model.verification import Verification


class UnmappedColumn(LookupError):
    """A column that is missing from the map of personal data."""


@frozen(kw_only=True)
class ColumnMap:
    """What the map says about one column."""

    is_personal: bool
    erasure: ErasureEffect


def column_map(column: Column[Any]) -> ColumnMap:
    """What the map says about a column. Raises UnmappedColumn, which says what to do."""
    for entry in TABLES.get(column.table.name, ()):
        if column.name in entry.personal | entry.others:
            is_personal = column.name in entry.personal
            return ColumnMap(is_personal=is_personal, erasure=entry.effect(column.name))
    raise UnmappedColumn(
        f"the column {column.table.name}.{column.name} is not in the map of personal data: add it "
        "to core/model/personal_data.py if it is a field of the model, else to "
        "adapters/postgres/schema/personal_columns.py, and say whether it is personal"
    )


def is_personal(column: Column[Any]) -> bool:
    """Whether a column can hold a personal value."""
    return column_map(column).is_personal


def emptied_columns(table: Table) -> Sequence[Column[Any]]:
    """The columns that an erasure empties in rows that stay."""
    effects = ((column, column_map(column).erasure) for column in table.columns)
    return [column for column, effect in effects if effect is ErasureEffect.EMPTIED]


def has_removed_rows(table: Table) -> bool:
    """Whether an erasure removes the customer's rows from the table."""
    return any(entry.is_removed for entry in TABLES.get(table.name, ()))


def _of(
    *entities: type, personal: str = "", others: str = "", is_removed: bool = False
) -> Sequence[RecordMap]:
    """The maps of a table that stores these classes; `personal` and `others` are the columns that
    hold no field of these classes.
    """
    maps = [PERSONAL_DATA[entity] for entity in entities]
    is_removed = is_removed or any(one.is_removed for one in maps)
    return [*maps, record_map(personal, others, is_removed=is_removed)]


# By a table's name: the maps of the classes that it stores, then the map of its other columns.
TABLES: Final[Mapping[str, Sequence[RecordMap]]] = {
    "customers": _of(
        Customer,
        personal="email_key search_text email_folded first_name_folded last_name_folded "
        "phone_folded country_folded country_code_folded notes_folded tags_folded",
    ),
    "customer_statistics": _of(
        Statistics,
        others="tenant_id customer_id updated_at version created_at status customer_type is_living",
    ),
    "customer_addresses": _of(Address),
    "customer_payment_methods": _of(PaymentMethod, others="is_released"),
    "customer_notes": _of(Note),
    "customer_communications": _of(Communication),
    "customer_orders": _of(Entry, others="tenant_id"),
    "customer_refunds": _of(StoredRefund, others="tenant_id"),
    "customer_segment_assignments": _of(SegmentAssignment, others="tenant_id customer_id"),
    # The stored members are removed by the refresh that follows an erasure.
    "customer_segment_members": _of(
        others="tenant_id customer_id segment_id created_at", is_removed=True
    ),
    "customer_segment_changes": _of(SequencedChange, others="tenant_id"),
    "customer_segment_pending_changes": _of(PendingChange, others="tenant_id customer_id"),
    "customer_email_verifications": _of(Verification),
    # Tables without data of one person, apart from the receipts of erasures.
    "customer_erasures": _of(others="tenant_id customer_id erased_at counts maintained_at"),
    "customer_counts": _of(others="tenant_id status customer_type slot customers"),
    "customer_segments": _of(
        others="tenant_id id name name_key description rule rules_text is_dynamic is_active "
        "created_at updated_at"
    ),
    "customer_segment_tenants": _of(others="tenant_id changes captures_customers captures_orders"),
    "customer_segment_refresh_states": _of(
        others="tenant_id segment_id member_count watermark target cursor scanned cause barrier_at"
    ),
    "customer_api_keys": _of(
        others="tenant_id id name permissions secret_hash created_at expires_at revoked_at "
        "last_used_at"
    ),
    "sweeper": _of(others="only holder until"),
    "deployment": _of(others="only currency"),
    "deployment_secrets": _of(others="name secret"),
}
