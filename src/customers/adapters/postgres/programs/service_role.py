"""Grants a role what the service needs and nothing more. The role owns nothing, and each of its
transactions sees the rows of one tenant, or those of all tenants through a few views.
"""

from collections.abc import Iterator
from typing import Any

from attrs import frozen
from sqlalchemy import (
    ARRAY,
    DDL,
    Text,
    any_,
    bindparam,
    cast,
    column,
    false,
    func,
    or_,
    select,
    table,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine import row_security
from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.migrate import CannotMigrate, Connection, connected, lock
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_proof import TENANT_COLUMN
from customers.adapters.postgres.schema.all_tables import METADATA
from customers.adapters.postgres.schema.segment_tables import sweeper

_ROWS = "SELECT, INSERT, UPDATE, DELETE"
# For values that are stored once and never change, such as the currency.
_FACTS = "SELECT, INSERT"
# The search texts of all tenants are rewritten through a view. The right to update one column of a
# view also allows locking its rows, as reads of one tenant do. No other column may be updated,
# because a view checks no policy for new rows.
_VIEWS = {
    "customers": "SELECT, UPDATE (search_text)",
    "customer_statistics": "SELECT, UPDATE (version)",
}
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@frozen(kw_only=True)
class ServiceRole:
    """A role that the service may use: its name, and the address of the database."""

    name: str
    place: str


async def grant_to_service_role(dsn: str, role: str) -> ServiceRole:
    """Enables the policies, grants an existing role what the service needs, and revokes its other
    privileges on the tables.

    May be repeated. Raises CannotMigrate for a role that does not exist or to which the policies
    would not apply, and Unavailable.
    """
    place = str(DatabaseAddress.of(dsn))
    async with connected(dsn) as connection:
        if problem := _problem(role, await _facts(connection, role)):
            raise CannotMigrate(f"{place}: {problem}")
        await lock(connection)
        for row in await connection.fetch(_UNSECURED.sql, *_UNSECURED.arguments(_OF_TENANTS)):
            await connection.execute(_enabling(row["name"]))  # one lock at a time
        async with connection.transaction():
            schema = await connection.fetchval(_SCHEMA.sql)
            for statement in _grants(role, schema):
                await connection.execute(statement)
    return ServiceRole(name=role, place=place)


async def _facts(connection: Connection, role: str) -> Any:
    values = {"role": role, "tables": sorted(METADATA.tables)}
    return await connection.fetchrow(_FACTS_OF_ROLE.sql, *_FACTS_OF_ROLE.arguments(values))


def _problem(role: str, facts: Any) -> str | None:
    """Why a role cannot serve under the policies, and what to do; None if it can."""
    if facts is None:
        create = f"CREATE ROLE {_quoted(role)} LOGIN PASSWORD '…'"
        return f'there is no role "{role}": create it first, with {create}'
    if facts["bypasses"]:
        return (
            f'no policy applies to the role "{role}", which is a superuser, has BYPASSRLS or is a '
            "member of such a role: choose another role"
        )
    if facts["owns_tables"]:
        return (
            f'no policy applies to the role "{role}", which owns the tables or is a member of '
            "their owner: choose a role that owns nothing"
        )
    return None


def _grants(role: str, schema: str) -> Iterator[str]:
    yield _text("GRANT USAGE ON SCHEMA %(name)s TO %(role)s", schema, role)
    for name, privileges in _privileges():
        yield _text("REVOKE ALL ON %(name)s FROM %(role)s", name, role)
        yield _text(f"GRANT {privileges} ON %(name)s TO %(role)s", name, role)


def _privileges() -> Iterator[tuple[str, str]]:
    """The tables and views that the service uses, and the privileges that it needs on them."""
    yield "alembic_version", "SELECT"
    for one in METADATA.sorted_tables:
        is_of_rows = TENANT_COLUMN in one.columns or one is sweeper
        yield one.name, _ROWS if is_of_rows else _FACTS
    for name in sorted(row_security.TENANT_VIEWS):
        yield row_security.view_of_tenant(name), _VIEWS[name]
    for name in sorted(row_security.EVERY_TENANT_VIEWS):
        is_written = name in row_security.WRITTEN_FOR_EVERY_TENANT
        yield row_security.view_of_every_tenant(name), _VIEWS[name] if is_written else "SELECT"


def _enabling(name: str) -> str:
    return _text("ALTER TABLE %(name)s ENABLE ROW LEVEL SECURITY", name, "")


def _text(statement: str, name: str, role: str) -> str:
    context = {"name": _quoted(name), "role": _quoted(role)}
    ddl = DDL(statement, context=context)  # type: ignore[no-untyped-call]
    return str(ddl.compile(dialect=_DIALECT))


def _quoted(name: str) -> str:
    return str(_DIALECT.identifier_preparer.quote_identifier(name))


_roles = table("pg_roles", *map(column, ("oid", "rolname", "rolsuper", "rolbypassrls")))
_others = _roles.alias("others")
_class = table("pg_class", *map(column, ("relname", "relnamespace", "relowner", "relrowsecurity")))
_namespace = table("pg_namespace", column("oid"), column("nspname"))


def _is_member(of: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.pg_has_role(_roles.c.oid, of, "MEMBER")


_FACTS_OF_ROLE = Statement.of(
    select(
        select(_others.c.oid)
        .where(or_(_others.c.rolsuper, _others.c.rolbypassrls), _is_member(_others.c.oid))
        .exists()
        .label("bypasses"),
        select(_class.c.relname)
        .join(_namespace, _namespace.c.oid == _class.c.relnamespace)
        .where(
            _namespace.c.nspname == func.current_schema(),
            cast(_class.c.relname, Text) == any_(bindparam("tables", type_=ARRAY(Text))),
            _is_member(_class.c.relowner),
        )
        .exists()
        .label("owns_tables"),
    ).where(cast(_roles.c.rolname, Text) == bindparam("role", type_=Text))
)
_OF_TENANTS = {
    "tables": [one.name for one in METADATA.sorted_tables if TENANT_COLUMN in one.columns]
}
_UNSECURED = Statement.of(
    select(cast(_class.c.relname, Text).label("name"))
    .join(_namespace, _namespace.c.oid == _class.c.relnamespace)
    .where(
        _namespace.c.nspname == func.current_schema(),
        cast(_class.c.relname, Text) == any_(bindparam("tables", type_=ARRAY(Text))),
        _class.c.relrowsecurity.is_(false()),
    )
)
_SCHEMA = Statement.of(select(cast(func.current_schema(), Text)))
