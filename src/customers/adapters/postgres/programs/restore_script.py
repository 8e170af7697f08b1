"""The SQL around the script of pg_restore, so that a restore is one transaction.

The names of schemas, tables and views are quoted here; no statement contains values of a tenant's
rows.
"""

from collections.abc import Collection

from sqlalchemy import ClauseElement, String, column, func, literal, literal_column, select, table
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from customers.adapters.postgres.engine import row_security
from customers.adapters.postgres.engine.migrate import LOCK
from customers.adapters.postgres.programs.archive import Archive
from customers.adapters.postgres.programs.database_facts import VERSION_TABLE, DatabaseFacts
from customers.adapters.postgres.schema.all_tables import METADATA

CHECKED_TABLES = ("customers", "customer_segments")
"""A database with rows in one of these tables is only replaced with `force`."""

# Revision 0008 renamed these. Add every table that a later revision drops or renames.
_FORMER_TABLES = frozenset(("customer_segment_marks", "customer_segment_standings"))
OUR_TABLES = frozenset(METADATA.tables) | _FORMER_TABLES

_EXTENSIONS = ("btree_gin", "pg_trgm")
_LOCK_SECONDS = 30
_RESTORED = "restored"
_UNDER_WAY = (
    "a migration, restore or maintenance of this database is under way: repeat the command when it "
    "has ended"
)
_CHANGED = "another program has changed the tables meanwhile: repeat the command"

_namespace = table("pg_namespace", column("oid"), column("nspname", String), schema="pg_catalog")
_class = table("pg_class", column("relname", String), column("relnamespace"), schema="pg_catalog")


def before(archive: Archive, facts: DatabaseFacts, *, force: bool) -> str:
    """The SQL that begins the transaction, drops our tables and views, and creates the schema and
    the extensions if they are missing.

    It fails if a migration, a maintenance or another restore is running, if a table stays in use
    for half a minute, if the facts about our tables have changed, or, without `force`, if one of
    CHECKED_TABLES has rows. An extension that exists stays as it is, so the right to create it is
    not needed then.
    """
    schema = _quoted(archive.schema)
    existing = facts.tables & (OUR_TABLES | {VERSION_TABLE})
    dropped = ", ".join(sorted(_in(archive, name) for name in existing))
    statements = [*_BEGIN, *([] if facts.schema is not None else [f"CREATE SCHEMA {schema}"])]
    if dropped:
        statements.append(f"LOCK TABLE {dropped} IN ACCESS EXCLUSIVE MODE")
    changes = _changes(archive, facts)
    if not force:
        checked = [_in(archive, name) for name in CHECKED_TABLES if name in existing]
        changes += [f"EXISTS (SELECT FROM {name})" for name in checked]
    statements += [_raise_if(change, _CHANGED) for change in changes]
    if dropped:
        views = ", ".join(_in(archive, name) for name in row_security.view_names())
        statements.append(f"DROP VIEW IF EXISTS {views}")
        statements.append(f"DROP TABLE {dropped}")
    statements += [
        f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA {schema}"
        for extension in _EXTENSIONS
    ]
    return _script(statements)


def after(archive: Archive) -> str:
    """The SQL that analyses the tables, prints what was restored, to be read by `restored`, and
    commits.
    """
    analyzed = ", ".join(sorted(_in(archive, name) for name in archive.tables))
    customers = table("customers", schema=archive.schema)
    version = table(VERSION_TABLE, column("version_num"), schema=archive.schema)
    report = select(
        literal_column(f"'{_RESTORED}'"),
        select(func.count()).select_from(customers).scalar_subquery(),
        select(version.c.version_num).scalar_subquery(),
    )
    return _script([f"ANALYZE {analyzed}", str(report.compile(dialect=_DIALECT)), "COMMIT"])


def restored(output: str) -> tuple[int, str]:
    """The number of customers and the revision, from psql's unaligned output."""
    [line] = [line for line in output.splitlines() if line.startswith(f"{_RESTORED}|")]
    _, count, revision = line.split("|")
    return int(count), revision


def _changes(archive: Archive, facts: DatabaseFacts) -> list[str]:
    """SQL conditions that hold if the revision or the names in use are not those of the facts."""
    absent = sorted((OUR_TABLES | {VERSION_TABLE}) - facts.tables)
    created = (
        select(_class.c.relname)
        .join_from(_class, _namespace, _namespace.c.oid == _class.c.relnamespace)
        .where(_namespace.c.nspname == archive.schema, _class.c.relname.in_(absent))
    )
    changes = [f"EXISTS ({_sql(created)})"]
    if VERSION_TABLE in facts.tables:
        version = table(VERSION_TABLE, column("version_num"), schema=archive.schema)
        revision = select(version.c.version_num).scalar_subquery()
        changes.append(_sql(literal(facts.revision, String).is_distinct_from(revision)))
    return changes


def _sql(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


def _raise_if(condition: str, message: str) -> str:
    return f"DO $$ BEGIN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; END $$"


def _in(archive: Archive, name: str) -> str:
    return f"{_quoted(archive.schema)}.{_quoted(name)}"


def _quoted(name: str) -> str:
    return _DIALECT.identifier_preparer.quote(name)


def _script(statements: Collection[str]) -> str:
    return "".join(f"{statement};\n" for statement in statements)


_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_BEGIN = (
    "BEGIN",
    "SET LOCAL client_min_messages = warning",
    f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'",
    _raise_if(f"NOT pg_try_advisory_xact_lock({LOCK})", _UNDER_WAY),
)
