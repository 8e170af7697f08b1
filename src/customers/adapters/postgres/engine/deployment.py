"""Checks what holds for a whole database: its schema, its encoding, its currency."""

from asyncpg import Record
from attrs import evolve
from sqlalchemy import Integer, cast, column, func, select, table
from sqlalchemy.dialects.postgresql import insert

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import deployment
from customers.core.errors import StorageFault, Unavailable
from customers.core.model.money import Currency
from customers.core.ports.storage import SchemaRevision, StorageStatus

MIN_SERVER_VERSION = 15
ENCODING = "UTF8"


async def status(session: Session, currency: Currency) -> StorageStatus:
    """Whether a database may be served. The first check of a database sets its currency.

    Raises Unavailable.
    """
    try:
        row = await session.row(_GET)
    except Unavailable as error:
        if error.fault is None or error.fault.kind != "not_migrated":
            raise
        return _of_schema(await _current(session))
    if row is None:
        return _of_schema(None)
    of_schema = _of_schema(row["version_num"])
    if of_schema.fault is not None:
        return of_schema
    stored = row["currency"] or await _set_currency(session, currency)
    return evolve(of_schema, fault=_of_server(row) or _of_currency(stored, currency))


async def _current(session: Session) -> str | None:
    """The revision of a database that lacks other tables; None if it was never migrated."""
    try:
        value = await session.value(_GET_REVISION)
    except Unavailable as error:
        if error.fault is None or error.fault.kind != "not_migrated":
            raise
        return None
    return None if value is None else str(value)


def _of_schema(current: str | None) -> StorageStatus:
    schema = SchemaRevision(current=current, needed=revisions.NEEDED)
    return StorageStatus(schema=schema, fault=schema_fault(current))


def schema_fault(current: str | None) -> StorageFault | None:
    """Why a program must not serve a database at that revision; None: it was never migrated."""
    migrate = "run `customers migrate`"
    if current is None:
        cause = "the database is empty, it was never migrated"
        return StorageFault(kind="not_migrated", cause=cause, remedy=migrate)
    if revisions.is_newer(current):
        return None
    if not revisions.is_known(current):
        cause = f'its schema is of another program: the revision "{current}" is unknown'
        remedy = "use another database, or another schema with search_path in DATABASE_URL"
        return StorageFault(kind="foreign_schema", cause=cause, remedy=remedy, is_permanent=True)
    if current < revisions.NEEDED:
        cause = f"its schema is at revision {current}, this program needs {revisions.NEEDED}"
        return StorageFault(kind="schema_outdated", cause=cause, remedy=migrate)
    return None


def server_fault(version: int, encoding: str) -> StorageFault | None:
    """Why a server or a database cannot be used: its major version or its encoding."""
    if version < MIN_SERVER_VERSION:
        cause = f"the server is PostgreSQL {version}, which is too old"
        remedy = f"use PostgreSQL {MIN_SERVER_VERSION} or later"
        return StorageFault(kind="server_too_old", cause=cause, remedy=remedy, is_permanent=True)
    if encoding != ENCODING:
        cause = f"the encoding of the database is {encoding}, and texts need {ENCODING}"
        remedy = "create a database WITH ENCODING 'UTF8' TEMPLATE template0, and use it"
        return StorageFault(kind="wrong_encoding", cause=cause, remedy=remedy, is_permanent=True)
    return None


def _of_server(row: Record) -> StorageFault | None:
    return server_fault(row["version"] // 10_000, row["encoding"])


def _of_currency(stored: str, currency: Currency) -> StorageFault | None:
    if stored == currency.code:
        return None
    return StorageFault(
        kind="wrong_currency",
        cause=f"the database stores its amounts in {stored} and CURRENCY is {currency.code}",
        remedy=f"set CURRENCY to {stored}, or use another database",
        is_permanent=True,
    )


async def _set_currency(session: Session, currency: Currency) -> str:
    """The currency of the database, which another process may have set first."""
    await session.run(_SET_CURRENCY, only=True, currency=currency.code)
    return str(await session.value(_GET_CURRENCY))


_version = table("alembic_version", column("version_num"))
_GET_CURRENCY = Statement.of(select(deployment.c.currency))
_GET_REVISION = Statement.of(select(_version.c.version_num))
_GET = Statement.of(
    select(
        _version.c.version_num,
        select(deployment.c.currency).scalar_subquery().label("currency"),
        cast(func.current_setting("server_version_num"), Integer).label("version"),
        func.current_setting("server_encoding").label("encoding"),
    )
)
_SET_CURRENCY = Statement.of(
    insert(deployment)
    .values(parameters(deployment))
    .on_conflict_do_nothing(index_elements=["only"])
)
