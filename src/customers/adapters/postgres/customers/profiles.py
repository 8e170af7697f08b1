"""Customers with their addresses and payment methods, in one statement.

What belongs to a customer comes as an array of records beside the row: they cost no round trip
and keep their types, which JSON would not.
"""

from typing import Any

from asyncpg import Record
from sqlalchemy import ColumnElement, Select, Table, Uuid, any_, bindparam, func, select

from customers.adapters.postgres.customers import addresses, payment_methods
from customers.adapters.postgres.customers.rows import SHOWN, from_row
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import (
    LIVING,
    customer_addresses,
    customer_payment_methods,
    customers,
)
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.model.customer import Profile


def to_profile(row: Record) -> Profile:
    """The profile of a row of PROFILE or PROFILES."""
    return Profile(
        customer=from_row(row),
        addresses=tuple(
            addresses.from_row(dict(zip(_ADDRESS, record, strict=True)))
            for record in row[customer_addresses.name]
        ),
        payment_methods=tuple(
            payment_methods.from_row(dict(zip(_METHOD, record, strict=True)))
            for record in row[customer_payment_methods.name]
        ),
    )


def _profiles(which: ColumnElement[bool]) -> Select[Any]:
    belongings = (_records(customer_addresses), _records(customer_payment_methods))
    return select(*SHOWN, *belongings).where(
        customers.c.tenant_id == TENANT,
        LIVING,
        which,
    )


def _records(table: Table) -> ColumnElement[Any]:
    """A customer's rows of a table, default first, then oldest first."""
    own = (table.c.tenant_id == TENANT, table.c.customer_id == customers.c.id)
    sort_key = (table.c.is_default.desc(), table.c.created_at, table.c.id)
    rows = select(func.row(*table.columns)).where(*own).order_by(*sort_key)
    return func.array(rows.scalar_subquery()).label(table.name)


_ADDRESS = tuple(column.name for column in customer_addresses.columns)
_METHOD = tuple(column.name for column in customer_payment_methods.columns)
PROFILE = Statement.of(_profiles(customers.c.id == bindparam("id", type_=Uuid())))
PROFILES = Statement.of(_profiles(customers.c.id == any_(bindparam("ids", type_=UUIDS))))
