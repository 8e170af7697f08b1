"""The SQL around the script of pg_restore, so that a restore is one transaction.

Its statements are about objects, whose names are quoted here; it contains no values.
"""

from collections.abc import Collection

from sqlalchemy import column, func, literal_column, select, table
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from customers.adapters.postgres.engine.migrate import LOCK
from customers.adapters.postgres.programs.archive import Archive
from customers.adapters.postgres.programs.database_facts import VERSION_TABLE
from customers.adapters.postgres.schema import segment_tables, tables

CHECKED_TABLES = ("customers", "customer_segments")
"""A database with rows in one of these is only replaced when that is forced."""

# Revision 0008 renamed these; a later revision that drops a table adds it here.
_FORMER_TABLES = frozenset(("customer_segment_marks", "customer_segment_standings"))
OUR_TABLES = (
    frozenset(tables.customers.metadata.tables)
    | frozenset(segment_tables.customer_segments.metadata.tables)
    | _FORMER_TABLES
)

_EXTENSIONS = ("btree_gin", "pg_trgm")
_LOCK_SECONDS = 30
_RESTORED = "restored"


def before(archive: Archive, existing: Collection[str], *, schema_exists: bool, force: bool) -> str:
    """Begins the transaction, and drops our tables among the existing ones.

    Fails if a migration is running, if a table stays in use for half a minute, or, without `force`,
    if there are customers. Extensions that exist stay as they are, so no right to create one is
    needed then.
    """
    schema = _quoted(archive.schema)
    dropped = sorted(_in(archive, name) for name in existing)
    statements = [
        "BEGIN",
        "SET LOCAL client_min_messages = warning",
        f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'",
        _raise_if(f"NOT pg_try_advisory_xact_lock({LOCK})", "the database is being migrated"),
        *([] if schema_exists else [f"CREATE SCHEMA {schema}"]),
    ]
    if dropped:
        statements.append(f"LOCK TABLE {', '.join(dropped)} IN ACCESS EXCLUSIVE MODE")
    if not force:
        checked = [_in(archive, name) for name in CHECKED_TABLES if name in existing]
        statements += [
            _raise_if(f"EXISTS (SELECT FROM {name})", "the database already has customers")
            for name in checked
        ]
    if dropped:
        statements.append(f"DROP TABLE {', '.join(dropped)}")
    statements += [
        f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA {schema}"
        for extension in _EXTENSIONS
    ]
    return _script(statements)


def after(archive: Archive) -> str:
    """Prints what was restored, for `restored`, and commits."""
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


def _raise_if(condition: str, message: str) -> str:
    return f"DO $$ BEGIN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; END $$"


def _in(archive: Archive, name: str) -> str:
    return f"{_quoted(archive.schema)}.{_quoted(name)}"


def _quoted(name: str) -> str:
    return _DIALECT.identifier_preparer.quote(name)


def _script(statements: Collection[str]) -> str:
    return "".join(f"{statement};\n" for statement in statements)


_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
