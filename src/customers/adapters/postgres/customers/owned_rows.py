"""Selects the rows of a table that belong to one living customer, in one round trip.

A customer without rows gives a single row of NULLs; an unknown or deleted customer gives no row.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    BindParameter,
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

_CUSTOMER = bindparam("customer_id", type_=Uuid())
CUSTOMER_EXISTS = and_(customers.c.tenant_id == TENANT, customers.c.id == _CUSTOMER, LIVING)


def of_customer(table: Table) -> ColumnElement[bool]:
    """Whether a row belongs to the customer `customer_id`, living or not."""
    return and_(table.c.tenant_id == TENANT, table.c.customer_id == _CUSTOMER)


def all_of(table: Table) -> Select[Any]:
    """Selects all rows of a living customer, in no particular order."""
    joined = customers.outerjoin(table, of_customer(table))
    return select(table).select_from(joined).where(CUSTOMER_EXISTS)


def newest_of(
    table: Table,
    moment: Column[Any],
    tie: Column[Any],
    *conditions: ColumnElement[bool],
    offset: BindParameter[int] | None = None,
) -> Select[Any]:
    """Selects at most `limit` rows of a living customer, after the first `offset` ones if there is
    an offset, newest first; rows of the same moment are sorted by `tie`, the greatest first.

    The rows are read off an index, so that the customer's other rows need not be sorted.
    """
    own = select(table).where(of_customer(table), *conditions)
    limit = bindparam("limit", type_=Integer())
    page = own.order_by(moment.desc(), tie.desc()).limit(limit).offset(offset).subquery("page")
    joined = customers.outerjoin(page, true())
    in_order = (page.c[moment.name].desc(), page.c[tie.name].desc())
    return select(page).select_from(joined).where(CUSTOMER_EXISTS).order_by(*in_order)


def after_key(moment: Column[Any], tie: Column[Any]) -> ColumnElement[bool]:
    """Whether a row comes after (`key_at`, `key_id`) in a list that is newest first."""
    key = (bindparam("key_at", type_=MOMENT), bindparam("key_id", type_=tie.type))
    return tuple_(moment, tie) < tuple_(*key)


def key_values(after: JournalKey | None) -> dict[str, object]:
    """The parameters of `after_key` where ties are broken by a UUID; none without a key."""
    return {} if after is None else {"key_at": after.at, "key_id": UUID(after.id)}


def existing(rows: Sequence[Record], key: str = "id") -> Sequence[Record]:
    """The customer's rows, without the row of NULLs; `key` names a column that is NULL only there.

    Raises CustomerNotFound if there is no row at all.
    """
    if not rows:
        raise CustomerNotFound
    return [row for row in rows if row[key] is not None]
