"""Change capture: a statement that writes a customer also stores the pending change.

The pending change holds an image of the customer before the write, unless the customer is new or
erased: JSON with a key for each column that the write could change. If the tenant does not capture
such writes, nothing is stored, and this costs next to nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    FromClause,
    Numeric,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.lateral import lateral
from customers.adapters.postgres.customers.rows import (
    CUSTOMER_ROW,
    CUSTOMERS,
    CUSTOMERS_WITH_STATISTICS,
    ORDER_COLUMNS,
    WITH_STATISTICS,
)
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_pending_changes,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT
from customers.core.model.membership import Cause
from customers.core.model.pending_changes import PendingChange

PENDING_CHANGES = RowMapping(
    PendingChange, customer_segment_pending_changes, storage_only=("customer_id",)
)


def on_add(added: FromClause) -> Insert:
    """Stores the pending change of a new customer, without an image."""
    nothing: ColumnElement[Any] = literal_column("NULL::jsonb")
    row = select(TENANT, _ID, _UPDATED_AT, _CUSTOMER, nothing).select_from(added, _tenant)
    return _insert(row.where(_tenant.c.tenant_id == TENANT, _tenant.c.captures_customers))


def on_save(saved: FromClause) -> Insert:
    """Stores the pending change of the saved customer; nothing if `saved` has no row. Compares the
    old row with the new one to find the cause.

    The change of an erased customer has no image, so no earlier value remains.
    """
    new = tuple_(*(bindparam(column.name, type_=column.type) for column in _DETAIL_COLUMNS))
    is_order = tuple_(*_DETAIL_COLUMNS).is_not_distinct_from(new)
    cause = case((is_order, _ORDER), else_=_CUSTOMER)
    image = case((bindparam("erased_at", type_=MOMENT).is_(None), _image(CUSTOMERS.columns)))
    row = select(TENANT, _ID, _UPDATED_AT, cause, image).select_from(customers, saved, _tenant)
    is_captured = case((is_order, _tenant.c.captures_orders), else_=_tenant.c.captures_customers)
    own = (customers.c.tenant_id == TENANT, customers.c.id == _ID, WITH_STATISTICS)
    return _insert(row.where(*own, _tenant.c.tenant_id == TENANT, is_captured))


def on_add_many(rows: FromClause, added: FromClause) -> Insert:
    """Stores the pending changes of the new customers `added`, whose values are in `rows`."""
    nothing: ColumnElement[Any] = literal_column("NULL::jsonb")
    changes = select(TENANT, added.c.id, rows.c.updated_at, _CUSTOMER, nothing)
    changes = changes.join_from(rows, added, added.c.id == rows.c.id).join(_tenant, true())
    return _insert(changes.where(_tenant.c.tenant_id == TENANT, _tenant.c.captures_customers))


def on_save_many(rows: FromClause) -> Insert:
    """Stores the pending changes of living customers, of whom details change; `rows` has their new
    values.
    """
    own = (customers.c.tenant_id == TENANT, customers.c.id == rows.c.id)
    stored = select(*CUSTOMER_ROW).select_from(CUSTOMERS_WITH_STATISTICS).where(*own)
    before = lateral(stored, "before")
    image = _image([before.c[one.name] for one in CUSTOMERS.columns])
    changes = select(TENANT, rows.c.id, rows.c.updated_at, _CUSTOMER, image)
    changes = changes.select_from(rows.join(before, true()).join(_tenant, true()))
    return _insert(changes.where(_tenant.c.tenant_id == TENANT, _tenant.c.captures_customers))


def on_order(before: FromClause, updated: FromClause) -> Insert:
    """Stores the pending change of each updated customer; `before` has the `id` and the
    ORDER_COLUMNS of all of them.
    """
    image = _image([before.c[column.name] for column in ORDER_COLUMNS])
    row = select(TENANT, updated.c.id, updated.c.updated_at, _ORDER, image)
    row = row.select_from(before, updated, _tenant).where(before.c.id == updated.c.id)
    return _insert(row.where(_tenant.c.tenant_id == TENANT, _tenant.c.captures_orders))


def read_pending_changes(row: Record, records: Sequence[Sequence[Any]]) -> Sequence[PendingChange]:
    """The pending changes of a customer whose current row is `row`; each record has RECORD_COLUMNS.

    An image holds only the columns that the write could change, so the customer before each change
    is rebuilt backwards from the current row.
    """
    pending_changes = list[PendingChange]()
    columns: dict[str, Any] = dict(row)
    for record in reversed(records):
        values = dict(zip(_RECORD_NAMES, record, strict=True))
        if (image := values["before"]) is not None:
            columns |= _decode(image)
            values["before"] = CUSTOMERS.read(columns)
        pending_changes.append(PENDING_CHANGES.read(values))
    return pending_changes[::-1]


def _insert(row: Select[Any]) -> Insert:
    return insert(customer_segment_pending_changes).from_select(_INSERTED, row)


def _image(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The columns as JSON; moments are in UTC, whatever the session's time zone."""
    arguments = list[ColumnElement[Any]]()
    for column in columns:
        arguments += [literal_column(f"'{column.key}'"), _in_utc(column)]
    return func.jsonb_build_object(*arguments)


def _in_utc(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.timezone("UTC", column) if isinstance(column.type, DateTime) else column


def _decode(image: str) -> Mapping[str, Any]:
    """The values of a stored image by column, without columns that only another release has."""
    return {
        name: None if value is None else _DECODERS[name](value)
        for name, value in _JSON.decode(image).items()
        if name in _DECODERS
    }


def _decoder(column: Column[Any]) -> Callable[[Any], Any]:
    """The function that decodes the JSON value of a column."""
    for kind, decode in _DECODERS_BY_TYPE:
        if isinstance(column.type, kind):
            return decode
    raise TypeError(f"{column} of {column.type!r} has no form in JSON: add a decoder")


_DECODERS_BY_TYPE: Sequence[tuple[Any, Callable[[Any], Any]]] = (
    (DateTime, lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)),
    (Date, date.fromisoformat),
    (Numeric, Decimal),
    (Uuid, UUID),
    ((Text, Boolean, BigInteger, ARRAY), lambda value: value),
)
_DECODERS = {column.name: _decoder(column) for column in CUSTOMERS.columns}
_JSON: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(float_hook=Decimal)

_tenant = customer_segment_tenants
_INSERTED = (
    "tenant_id",
    "customer_id",
    *(column.name for column in PENDING_CHANGES.columns if column.name != "number"),
)
_ID = bindparam("id", type_=Uuid())
_UPDATED_AT = bindparam("updated_at", type_=MOMENT)
_CUSTOMER = literal_column(f"'{Cause.CUSTOMER}'", TEXT)
_ORDER = literal_column(f"'{Cause.ORDER}'", TEXT)
# The columns that recording an order never changes.
_DETAIL_COLUMNS = tuple(
    column
    for column in CUSTOMERS.columns
    if column not in ORDER_COLUMNS and column.name not in ("tenant_id", "id")
)
_RECORD_NAMES = tuple(column.name for column in PENDING_CHANGES.columns)
# An image travels as text: asyncpg applies no JSON codec inside a record.
RECORD_COLUMNS = tuple(
    cast(column, Text) if column.name == "before" else column for column in PENDING_CHANGES.columns
)
