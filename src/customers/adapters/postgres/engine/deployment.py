"""What holds for a whole database: its schema, encoding, policies, currency and secret."""

from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from attrs import evolve
from sqlalchemy import (
    ARRAY,
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
from sqlalchemy.dialects.postgresql import insert

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.faults import read_only_fault
from customers.adapters.postgres.engine.requirements import (
    FACTS,
    database_faults,
    fact_values,
    hidden_rows_fault,
    policies_fault,
    schema_fault,
    server_fault,
)
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_proof import TENANT_COLUMN
from customers.adapters.postgres.schema.all_tables import METADATA
from customers.adapters.postgres.schema.deployment_tables import deployment, deployment_secrets
from customers.core.errors.availability import StorageFault, Unavailable
from customers.core.model.money import Currency
from customers.core.ports.storage import SchemaRevision, StorageStatus

if TYPE_CHECKING:
    import asyncpg

# The revision with the table of secrets.
_SECRETS_REVISION = "0012"
_SECRET = "cursors"  # noqa: S105 - its name
_SECRET_BYTES = 64


async def status(session: Session, currency: Currency) -> StorageStatus:
    """The status of a database: whether it may be used. The first check that can write sets its
    currency. Raises Unavailable.
    """
    try:
        row = await session.row(_GET)
    except Unavailable as error:
        if error.fault is None or error.fault.kind != "not_migrated":
            raise
        return await _of_schema(session, await _current(session))
    of_schema = await _of_schema(session, None if row is None else row["version_num"])
    if of_schema.fault is not None or row is None:
        return of_schema
    if row["read_only"] == "on":
        limitation = read_only_fault()
        stored = row["currency"] or currency.code
    else:
        limitation = None
        stored = row["currency"] or await _set_currency(session, currency)
    fault = (
        server_fault(row["version"] // 10_000, row["encoding"])
        or await _of_policies(session, str(row["version_num"]))
        or _of_currency(stored, currency)
    )
    return evolve(of_schema, fault=fault, limitation=limitation)


def keeps_secrets(revision: str | None) -> bool:
    """Whether a database with that revision has a table of secrets."""
    return revision is not None and revision >= _SECRETS_REVISION


async def secret(session: Session) -> bytes | None:
    """The secret of the database; the first process that needs it creates it. None if the database
    has none and is read-only.
    """
    row = await session.row(_GET_SECRET, name=_SECRET)
    if row is None or row["secret"] is not None:
        return None if row is None else bytes(row["secret"])
    if row["read_only"] == "on":
        return None
    await session.run(_ADD_SECRET, name=_SECRET, secret=token_bytes(_SECRET_BYTES))
    row = await session.row(_GET_SECRET, name=_SECRET)
    return None if row is None else bytes(row["secret"])


async def policies_apply(connection: "asyncpg.Connection[Any]") -> bool:
    """Whether a policy of any table applies to the role of the connection, which then sees the
    rows of one tenant at a time.
    """
    arguments = _POLICIES.arguments({"tables": _TABLES_OF_TENANTS})
    row = await connection.fetchrow(_POLICIES.sql, *arguments)
    return row is not None and bool(row["is_any_active"])


async def _current(session: Session) -> str | None:
    """The revision of a database that may lack all other tables; None if it was never migrated."""
    try:
        value = await session.value(_GET_REVISION)
    except Unavailable as error:
        if error.fault is None or error.fault.kind != "not_migrated":
            raise
        return None
    return None if value is None else str(value)


async def _of_schema(session: Session, current: str | None) -> StorageStatus:
    """The status that follows from the schema's revision. For a database that was never migrated,
    the fault is the first of `database_faults`, if there is one, else `not_migrated`.
    """
    fault = schema_fault(current)
    if current is None:
        facts = await session.row(FACTS, **fact_values())
        fault = next(database_faults(facts, current), fault)
    schema = SchemaRevision(current=current, needed=revisions.needed())
    return StorageStatus(schema=schema, fault=fault)


async def _of_policies(session: Session, current: str) -> StorageFault | None:
    """The fault of policies that do not protect tenants although they should, or that hide every
    row because the service does not set a tenant; None if there is no such fault.
    """
    row = await session.row(_POLICIES, tables=_TABLES_OF_TENANTS)
    role = row["role"] if row else ""
    if not session.row_security:
        return hidden_rows_fault(role) if row is not None and row["is_any_active"] else None
    is_active = row is not None and bool(row["are_active"])
    return policies_fault(current, are_active=is_active, role=role)


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
    """Sets the currency of the database, if it has none; returns the one that it has then."""
    await session.run(_SET_CURRENCY, only=True, currency=currency.code)
    return str(await session.value(_GET_CURRENCY))


_TABLES_OF_TENANTS = [name for name, one in METADATA.tables.items() if TENANT_COLUMN in one.c]
_class = table("pg_class", column("oid"), column("relname"), column("relnamespace"))
_namespace = table("pg_namespace", column("oid"), column("nspname"))
_POLICIES = Statement.of(
    select(
        func.bool_and(func.row_security_active(_class.c.oid)).label("are_active"),
        func.bool_or(func.row_security_active(_class.c.oid)).label("is_any_active"),
        cast(func.current_user(), Text).label("role"),
    )
    .join_from(_class, _namespace, _namespace.c.oid == _class.c.relnamespace)
    .where(
        _namespace.c.nspname == func.current_schema(),
        cast(_class.c.relname, Text) == any_(bindparam("tables", type_=ARRAY(Text))),
    )
)
_version = table("alembic_version", column("version_num"))
_GET_CURRENCY = Statement.of(select(deployment.c.currency))
_GET_REVISION = Statement.of(select(_version.c.version_num))
_GET = Statement.of(
    select(
        _version.c.version_num,
        select(deployment.c.currency).scalar_subquery().label("currency"),
        cast(func.current_setting("server_version_num"), Integer).label("version"),
        func.current_setting("server_encoding").label("encoding"),
        func.current_setting("transaction_read_only").label("read_only"),
    )
)
_GET_SECRET = Statement.of(
    select(
        select(deployment_secrets.c.secret)
        .where(deployment_secrets.c.name == bindparam("name"))
        .scalar_subquery()
        .label("secret"),
        func.current_setting("transaction_read_only").label("read_only"),
    )
)
# The secret that was stored first stays.
_ADD_SECRET = Statement.of(
    insert(deployment_secrets)
    .values(parameters(deployment_secrets))
    .on_conflict_do_nothing(index_elements=["name"])
)
_SET_CURRENCY = Statement.of(
    insert(deployment)
    .values(parameters(deployment))
    .on_conflict_do_nothing(index_elements=["only"])
)
