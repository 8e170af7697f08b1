"""What a database must have to be used or migrated; a fault names what is missing."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
    table,
)

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customers
from customers.core.errors.availability import FaultKind, StorageFault, Unavailable

EXTENSIONS = ("pg_trgm", "btree_gin")
MIN_SERVER_VERSION = 15
ENCODING = "UTF8"
# The first revision with policies for row-level security, and their views.
POLICIES_REVISION = "0019"

_OTHER_PLACE = "use another database, or another schema with search_path in DATABASE_URL"


async def current_revision(connection: "asyncpg.Connection[Any]") -> str | None:
    """The revision of the database; None if it was never migrated.

    Raises Unavailable, with the fault, for the revision of another program, or several revisions.
    """
    if not await connection.fetchval(_HAS_REVISIONS.sql, *_HAS_REVISIONS.arguments({})):
        return None
    rows = await connection.fetch(_REVISION.sql, *_REVISION.arguments({}))
    if not rows:
        return None
    fault = schema_fault(revision := str(rows[0]["version_num"]))
    if len(rows) > 1:
        fault = _fault("foreign_schema", "its table alembic_version has several rows", _OTHER_PLACE)
    if fault is not None and fault.is_permanent:
        raise Unavailable(str(fault), fault=fault)
    return revision


def schema_fault(current: str | None) -> StorageFault | None:
    """Why this program must not use a database at the revision `current` (None: never migrated).

    None if it may.
    """
    migrate = partial(StorageFault, remedy="run `customers migrate`")
    if current is None:
        return migrate(kind="not_migrated", cause="the database is empty, it was never migrated")
    if revisions.is_newer(current):
        return None
    if not revisions.is_known(current):
        cause = f'its schema is of another program: the revision "{current}" is unknown'
        return _fault("foreign_schema", cause, _OTHER_PLACE)
    if current < revisions.needed():
        cause = f"its schema is at revision {current}, this program needs {revisions.needed()}"
        return migrate(kind="schema_outdated", cause=cause)
    return None


def server_fault(version: int, encoding: str) -> StorageFault | None:
    """Why a server of this major version, or a database of this encoding, cannot be used.

    None if both can.
    """
    if version < MIN_SERVER_VERSION:
        cause = f"the server is PostgreSQL {version}, which is too old"
        return _fault("server_too_old", cause, f"use PostgreSQL {MIN_SERVER_VERSION} or later")
    if encoding != ENCODING:
        cause = f"the encoding of the database is {encoding}, and texts need {ENCODING}"
        remedy = "create a database WITH ENCODING 'UTF8' TEMPLATE template0, and use it"
        return _fault("wrong_encoding", cause, remedy)
    return None


def policies_fault(current: str, *, are_active: bool, role: str) -> StorageFault | None:
    """Why row-level security does not protect the tenants of a database at this revision.

    None if it does. `are_active` says whether the policies apply to the role.
    """
    if current < POLICIES_REVISION:
        return StorageFault(
            kind="no_row_security",
            cause=f"its schema is at revision {current}, which has no policies",
            remedy="run `customers migrate`, or set ROW_SECURITY=off",
        )
    return None if are_active else _no_policies_fault(role)


def _no_policies_fault(role: str) -> StorageFault:
    cause = (
        f'the policies of the tables do not apply to the role "{role}", because it owns them, is a '
        "superuser or has BYPASSRLS, or because they are not enabled"
    )
    remedy = (
        "serve as a role that `customers migrate --service-role NAME` has prepared, or set "
        "ROW_SECURITY=off"
    )
    return _fault("no_row_security", cause, remedy)


def hidden_rows_fault(role: str) -> StorageFault:
    """The fault of a service whose role is subject to policies although ROW_SECURITY is off."""
    cause = f'policies hide the rows of every tenant from the role "{role}" with ROW_SECURITY=off'
    return _fault("row_security_needed", cause, "set ROW_SECURITY=on")


async def check(connection: "asyncpg.Connection[Any]", current: str | None) -> None:
    """Raises Unavailable, with the first fault that would make a migration from `current` fail."""
    row = await connection.fetchrow(FACTS.sql, *FACTS.arguments(fact_values()))
    for fault in (*database_faults(row, current), *_permission_faults(row)):
        raise Unavailable(str(fault), fault=fault)


def fact_values() -> dict[str, object]:
    """The parameters of FACTS."""
    return {"extensions": list(EXTENSIONS), "tables": sorted(customers.metadata.tables)}


def database_faults(row: Any, current: str | None) -> Iterator[StorageFault]:
    """The faults of the server, of the database and of its schema, by a row of FACTS."""
    if fault := server_fault(row["version"] // 10_000, row["encoding"]):
        yield fault
    if row["schema"] is None:
        yield _fault(
            "no_schema",
            "no schema of the search_path exists",
            "create the schema, or correct the search_path of the role or of DATABASE_URL",
        )
    if current is None and (names := _listed(row["foreign_tables"])):
        yield _fault(
            "foreign_tables",
            f'the schema "{row["schema"]}" has tables of another program: {names}',
            "use an empty database, or an empty schema with search_path in DATABASE_URL",
        )


def _permission_faults(row: Any) -> Iterator[StorageFault]:
    """What the role or the server lacks for a migration."""
    if not row["may_create_tables"]:
        schema = row["schema"]
        yield _fault(
            "no_permission",
            f'the role may not create tables in the schema "{schema}"',
            f"migrate as the owner of the database, or GRANT CREATE, USAGE ON SCHEMA "
            f'"{schema}" to the role',
        )
    yield from _extension_faults(row)


def _extension_faults(row: Any) -> Iterator[StorageFault]:
    missing = [name for name in EXTENSIONS if name not in row["installed"]]
    if unavailable := _listed([name for name in missing if name not in row["available"]]):
        cause = f"the server lacks the extension {unavailable}"
        remedy = "install the contrib modules of PostgreSQL on the server"
        yield _fault("no_extension", cause, remedy)
    if missing and not row["may_create_extensions"]:
        commands = " ".join(f"CREATE EXTENSION {name};" for name in missing)
        cause = f"the role may not create the extension {_listed(missing)}"
        remedy = f"let a superuser run {commands} in this database"
        yield _fault("no_permission", cause, remedy)


def _fault(kind: FaultKind, cause: str, remedy: str) -> StorageFault:
    return StorageFault(kind=kind, cause=cause, remedy=remedy, is_permanent=True)


def _listed(names: Sequence[str] | None) -> str:
    return ", ".join(names or ())


_class = table("pg_class", column("relname"), column("relnamespace"))
_namespace = table("pg_namespace", column("oid"), column("nspname"))
_extension = table("pg_extension", column("extname"))
_available = table("pg_available_extensions", column("name"))


def _array(name: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[Any]:
    """The texts that a query finds, as an array."""
    return func.array(select(cast(name, Text)).where(*conditions).scalar_subquery())


def _any_of(parameter: str) -> ColumnElement[Any]:
    return any_(bindparam(parameter, type_=ARRAY(Text)))


_HAS_REVISIONS = Statement.of(select(func.to_regclass("alembic_version").is_not(None)))
_REVISION = Statement.of(select(column("version_num")).select_from(table("alembic_version")))
FACTS = Statement.of(
    select(
        cast(func.current_setting("server_version_num"), Integer).label("version"),
        func.current_setting("server_encoding").label("encoding"),
        cast(func.current_schema(), Text).label("schema"),
        func.has_schema_privilege(func.current_schema(), "CREATE").label("may_create_tables"),
        func.has_database_privilege(func.current_database(), "CREATE").label(
            "may_create_extensions"
        ),
        _array(
            _class.c.relname,
            _class.c.relname == _any_of("tables"),
            _class.c.relnamespace == _namespace.c.oid,
            _namespace.c.nspname == func.current_schema(),
        ).label("foreign_tables"),
        _array(_extension.c.extname, _extension.c.extname == _any_of("extensions")).label(
            "installed"
        ),
        _array(_available.c.name, _available.c.name == _any_of("extensions")).label("available"),
    )
)
