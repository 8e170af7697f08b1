"""Metadata, column types and names of constraints that all tables share."""

from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Numeric,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import TypeEngine

TEXT = Text(collation="C")
TEXTS = ARRAY(TEXT)
MONEY = Numeric(23, 4)
MOMENT = DateTime(timezone=True)
UUIDS = ARRAY(Uuid())

Columns: TypeAlias = ReadOnlyColumnCollection[str, Column[Any]]

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(referred_table_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def column(
    name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any], *, null: bool = False
) -> Column[Any]:
    """A column, NOT NULL unless `null`. `personal_columns` says whether it is personal."""
    return Column(name, kind, nullable=null)


def columns(
    kind: type[TypeEngine[Any]] | TypeEngine[Any], names: str, *, null: bool = False
) -> list[Column[Any]]:
    """Columns of one type; `names` are separated by spaces."""
    return [column(name, kind, null=null) for name in names.split()]


def tenant_column() -> Column[Any]:
    return column("tenant_id", TEXT)


def customer_key() -> ForeignKeyConstraint:
    """The foreign key to the customer to whom a row belongs."""
    return ForeignKeyConstraint(
        ("tenant_id", "customer_id"), ("customers.tenant_id", "customers.id")
    )


def unique(*names: str, name: str, where: str) -> Index:
    """An index that makes these columns unique among a tenant's rows that satisfy `where`."""
    return Index(name, "tenant_id", *names, unique=True, postgresql_where=text(where))
