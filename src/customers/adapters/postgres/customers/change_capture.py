"""Marks: what a write of a customer leaves for the members of segments to be settled by.

A mark is a part of the statement that changes the customer, and costs next to nothing where the
tenant has no segment that it could matter to. It holds the customer as they were, by columns.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from sqlalchemy import (
    Column,
    Date,
    DateTime,
    FromClause,
    Numeric,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.rows import SHOWN, from_row
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_pending_changes,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT
from customers.core.model.membership import Cause, PendingChange

# What counting an order changes of a customer.
COUNTED = tuple(
    column
    for column in SHOWN
    if column.name
    in "total_orders total_spent average_order_value first_order_date last_order_date "
    "updated_at version".split()
)


def of_new(added: FromClause) -> Insert:
    """The mark of a customer who was added; nobody was there before."""
    nobody: ColumnElement[Any] = literal_column("NULL::jsonb")
    left = select(TENANT, _ID, _UPDATED_AT, _CUSTOMER, nobody).select_from(added, _tenant)
    return _inserted(left.where(_tenant.c.tenant_id == TENANT, _tenant.c.captures_customers))


def of_saved() -> Insert:
    """The mark of a customer whom the statement saves: the row as it was is compared with the row
    as it is to be. One who is being erased leaves nothing of what they were.
    """
    told = tuple_(*(bindparam(column.name, type_=column.type) for column in _PERSON))
    is_order = tuple_(*_PERSON).is_not_distinct_from(told)
    cause = case((is_order, _ORDER), else_=_CUSTOMER)
    before = case((bindparam("erased_at", type_=MOMENT).is_(None), _image(SHOWN)))
    left = select(TENANT, _ID, _UPDATED_AT, cause, before).select_from(customers, _tenant)
    capture_barrier_passed = case(
        (is_order, _tenant.c.captures_orders), else_=_tenant.c.captures_customers
    )
    here = (customers.c.tenant_id == TENANT, customers.c.id == _ID)
    return _inserted(left.where(*here, _tenant.c.tenant_id == TENANT, capture_barrier_passed))


def of_counted(before: FromClause, counted: FromClause) -> Insert:
    """The mark of a customer one of whose orders was counted; `before` has the columns COUNTED."""
    image = _image([before.c[column.name] for column in COUNTED])
    left = select(TENANT, counted.c.id, counted.c.updated_at, _ORDER, image)
    chosen = left.select_from(before, counted, _tenant)
    return _inserted(chosen.where(_tenant.c.tenant_id == TENANT, _tenant.c.captures_orders))


def to_marks(row: Record, told: Sequence[Sequence[Any]]) -> tuple[PendingChange, ...]:
    """The marks of a customer's row; `told` are their values of TOLD, in order."""
    pending_changes: list[PendingChange] = []
    known: dict[str, Any] = dict(row)
    for number, at, cause, image in reversed(told):
        known |= {} if image is None else _columns_of(_IMAGE.decode(image))
        before = None if image is None else from_row(known)
        pending_changes.append(
            PendingChange(number=number, at=at, cause=Cause(cause), before=before)
        )
    return tuple(reversed(pending_changes))


def _inserted(left: Any) -> Insert:
    return insert(customer_segment_pending_changes).from_select(_LEFT, left)


def _image(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The columns as JSON; moments are told in UTC, whatever the session's time zone."""
    named = (
        part for column in columns for part in (literal_column(f"'{column.key}'"), _in_json(column))
    )
    return func.jsonb_build_object(*named)


def _in_json(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.timezone("UTC", column) if isinstance(column.type, DateTime) else column


def _columns_of(image: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _read(name, value) for name, value in image.items()}


def _read(name: str, value: Any) -> Any:
    read = _READ.get(name)
    return value if read is None or value is None else read(value)


def _reader(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, DateTime):
        return lambda told: datetime.fromisoformat(told).replace(tzinfo=UTC)
    kinds = ((Date, date.fromisoformat), (Numeric, Decimal), (Uuid, UUID))
    return next((read for kind, read in kinds if isinstance(column.type, kind)), None)


_tenant = customer_segment_tenants
_mark = customer_segment_pending_changes.c
_LEFT = ["tenant_id", "customer_id", "at", "cause", "before"]
_ID = bindparam("id", type_=Uuid())
_UPDATED_AT = bindparam("updated_at", type_=MOMENT)
_CUSTOMER = literal_column(f"'{Cause.CUSTOMER}'", TEXT)
_ORDER = literal_column(f"'{Cause.ORDER}'", TEXT)
_PERSON = tuple(
    column for column in SHOWN if column not in COUNTED and column.name not in ("tenant_id", "id")
)
# An image travels as text: inside a record no codec of ours reads it.
TOLD = (_mark.number, _mark.at, _mark.cause, cast(_mark.before, Text))
_IMAGE: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(float_hook=Decimal)
_READ = {column.name: read for column in SHOWN if (read := _reader(column)) is not None}
