"""What belongs to a customer, read in one round trip that tells an unknown customer from one who
has nothing: the former gives no row, the latter one row of nothing but NULL.

What is read, and what becomes of it, is the business of each repository.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    Column,
    Integer,
    Select,
    Table,
    Uuid,
    and_,
    bindparam,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.errors import CustomerNotFound
from customers.core.model.query import JournalKey

CUSTOMER = bindparam("customer_id", type_=Uuid())
IS_THERE = and_(customers.c.tenant_id == TENANT, customers.c.id == CUSTOMER, LIVING)


def of_customer(table: Table) -> ColumnElement[bool]:
    """The rows of the customer, living or not."""
    return and_(table.c.tenant_id == TENANT, table.c.customer_id == CUSTOMER)


def all_of(table: Table) -> Select[Any]:
    """Everything a living customer has in a table."""
    joined = customers.outerjoin(table, of_customer(table))
    return select(table).select_from(joined).where(IS_THERE)


def newest_of(
    table: Table, at: Column[Any], tie: Column[Any], *kept: ColumnElement[bool]
) -> Select[Any]:
    """The first `limit` of what a living customer has in a table, newest first, ties from the
    greatest down: read off an index, however much there is.
    """
    chosen = select(table).where(of_customer(table), *kept).order_by(at.desc(), tie.desc())
    page = chosen.limit(bindparam("limit", type_=Integer())).subquery("page")
    joined = customers.outerjoin(page, true())
    sort_key = (page.c[at.name].desc(), page.c[tie.name].desc())
    return select(page).select_from(joined).where(IS_THERE).order_by(*sort_key)


def beyond(at: Column[Any], tie: Column[Any]) -> ColumnElement[bool]:
    """What comes after the place (`key_at`, `key_id`) in a list that is newest first."""
    key = (bindparam("key_at", type_=MOMENT), bindparam("key_id", type_=tie.type))
    return tuple_(at, tie) < tuple_(*key)


def key_values(after: JournalKey | None) -> dict[str, object]:
    """The values of `beyond` where ties are broken by a UUID; none without a key."""
    return {} if after is None else {"key_at": after.at, "key_id": UUID(after.id)}


def found(rows: Sequence[Record], key: str = "id") -> Sequence[Record]:
    """What the customer has. Raises CustomerNotFound; `key` is a column that is never NULL."""
    if not rows:
        raise CustomerNotFound
    return [row for row in rows if row[key] is not None]
