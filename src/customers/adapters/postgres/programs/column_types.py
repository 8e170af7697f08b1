"""Sets the type of a column to the type that it has, which makes the server drop its statistics.

The server refuses this while a view reads the table, so each view is replaced for a moment by one
that reads nothing. The views are not dropped, so that their privileges stay.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    DDL,
    Column,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import UserDefinedType

from customers.adapters.postgres.engine import row_security
from customers.adapters.postgres.engine.migrate import Connection
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.types import TEXTS

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_ATTRIBUTE = "attrelid attname attnum atttypid atttypmod attcollation"


async def retyping(connection: Connection, one: Column[Any]) -> Sequence[str]:
    """The statements that set a column's type anew, for one transaction. They lock only the table
    first: whoever reads a view locks its table too, so nobody can read the views meanwhile.
    """
    arguments = _VIEWS.arguments({"views": row_security.view_names()})
    views = await connection.fetch(_VIEWS.sql, *arguments)
    return [
        _of_column("LOCK TABLE %(table)s IN ACCESS EXCLUSIVE MODE", one),
        *(view["detached"] for view in views),
        _of_column("ALTER TABLE %(table)s ALTER COLUMN %(column)s TYPE %(kind)s", one),
        *(view["attached"] for view in views),
    ]


def _of_column(statement: str, one: Column[Any]) -> str:
    quoted = _DIALECT.identifier_preparer.quote
    kind = one.type.compile(dialect=_DIALECT)
    context = {"table": quoted(one.table.name), "column": quoted(one.name), "kind": kind}
    ddl = DDL(statement, context=context)  # type: ignore[no-untyped-call]
    return str(ddl.compile(dialect=_DIALECT))


class _RegCollation(UserDefinedType[str]):
    """The server's type for the names of collations."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "regcollation"


def _views() -> Select[str, str]:
    """For each of the `views`, the statement that makes it read no table (`detached`), and the one
    that restores it (`attached`).
    """
    return (
        select(
            _replacing("SELECT %s", _no_values()).label("detached"),
            _replacing("%s", func.pg_get_viewdef(_class.c.oid)).label("attached"),
        )
        .join_from(_class, _namespace, _namespace.c.oid == _class.c.relnamespace)
        .where(
            _namespace.c.nspname == func.current_schema(),
            cast(_class.c.relname, Text) == any_(bindparam("views", type_=TEXTS)),
        )
    )


def _replacing(query: str, value: ColumnElement[Any]) -> ColumnElement[str]:
    # pg_get_viewdef ends with a semicolon.
    text = func.rtrim(value, literal_column("';'"))
    return func.format(
        literal_column(f"'CREATE OR REPLACE VIEW %I AS {query}'"), _class.c.relname, text
    )


def _no_values() -> ColumnElement[str]:
    """A view's columns as NULLs, with the names, types and collations that they have."""
    collation = case(
        (_attribute.c.attcollation == literal_column("0"), literal_column("''")),
        else_=func.format(
            literal_column("' COLLATE %s'"), cast(_attribute.c.attcollation, _RegCollation())
        ),
    )
    no_value = func.format(
        literal_column("'CAST(NULL AS %s)%s AS %I'"),
        func.format_type(_attribute.c.atttypid, _attribute.c.atttypmod),
        collation,
        _attribute.c.attname,
    )
    separator: ColumnElement[str] = aggregate_order_by(literal_column("', '"), _attribute.c.attnum)
    return (
        select(func.string_agg(no_value, separator))
        .where(_attribute.c.attrelid == _class.c.oid, _attribute.c.attnum > literal_column("0"))
        .scalar_subquery()
    )


_class = table("pg_class", column("relname"), column("relnamespace"), column("oid"))
_namespace = table("pg_namespace", column("oid"), column("nspname"))
_attribute = table("pg_attribute", *map(column, _ATTRIBUTE.split()))
_VIEWS = Statement.of(_views())
