"""What a backup, a restore and psql need to know about a database before they start."""

from collections.abc import Collection

from attrs import frozen
from sqlalchemy import Integer, cast, column, func, literal, or_, select, table

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.migrate import Connection, connected
from customers.adapters.postgres.engine.statements import Statement

VERSION_TABLE = "alembic_version"


@frozen(kw_only=True)
class DatabaseFacts:
    """The server's major version, whether the connection uses TLS, the encoding of the database,
    and what the schema holds.

    `schema` is the one in which unqualified names are created, None if there is none; `tables` are
    its tables, of any owner; `others` are the names of its views, indexes and other relations;
    `revision` is that of the schema, None if it has none: its tables are not ours then.
    """

    major: int
    encoding: str
    uses_tls: bool
    schema: str | None
    tables: frozenset[str]
    others: frozenset[str]
    revision: str | None
    has_rows: bool

    @property
    def is_of_another_release(self) -> bool:
        """Whether this program does not know the revision: it is newer, or another program's."""
        return self.revision is not None and not revisions.is_known(self.revision)


async def facts_of(dsn: str, *, rows_in: Collection[str] = ()) -> DatabaseFacts:
    """The facts; `has_rows` says whether one of our tables in `rows_in` has rows.

    Raises Unavailable.
    """
    async with connected(dsn) as connection:
        return await _facts(connection, rows_in)


async def uses_tls(dsn: str) -> bool:
    """Whether the driver's connections use TLS. Raises Unavailable, with the fault."""
    async with connected(dsn) as connection:
        return bool(await connection.fetchval(_TLS.sql, *_TLS.arguments({})))


async def _facts(connection: "Connection", rows_in: Collection[str]) -> DatabaseFacts:
    server = await connection.fetchrow(_SERVER.sql, *_SERVER.arguments({}))
    assert server is not None  # noqa: S101 - a select of values has a row
    rows = await connection.fetch(_RELATIONS.sql, *_RELATIONS.arguments({}))
    tables = frozenset(str(row["relname"]) for row in rows if row["is_table"])
    revision = await connection.fetchval(_REVISION.sql) if VERSION_TABLE in tables else None
    ours = [] if revision is None else [name for name in rows_in if name in tables]
    return DatabaseFacts(
        major=server["version"] // 10_000,
        encoding=server["encoding"],
        uses_tls=bool(server["ssl"]),
        schema=server["schema"],
        tables=tables,
        others=frozenset(str(row["relname"]) for row in rows) - tables,
        revision=revision,
        has_rows=any([await _has_rows(connection, name) for name in ours]),
    )


async def _has_rows(connection: "Connection", name: str) -> bool:
    rows = select(literal(1)).select_from(table(name)).limit(1)
    statement = Statement.across_tenants("tables with rows", rows)
    return await connection.fetchval(statement.sql, *statement.arguments({})) is not None


_ssl = table("pg_stat_ssl", column("pid"), column("ssl"))
_namespace = table("pg_namespace", column("oid"), column("nspname"))
_class = table("pg_class", column("relname"), column("relnamespace"), column("relkind"))
_uses_tls = select(_ssl.c.ssl).where(_ssl.c.pid == func.pg_backend_pid())
_TLS = Statement.of(_uses_tls)
_SERVER = Statement.of(
    select(
        cast(func.current_setting("server_version_num"), Integer).label("version"),
        func.current_setting("server_encoding").label("encoding"),
        func.current_schema().label("schema"),
        _uses_tls.scalar_subquery().label("ssl"),
    )
)
_is_table = or_(_class.c.relkind == "r", _class.c.relkind == "p")  # ordinary or partitioned
_RELATIONS = Statement.of(
    select(_class.c.relname, _is_table.label("is_table"))
    .join_from(_class, _namespace, _namespace.c.oid == _class.c.relnamespace)
    .where(_namespace.c.nspname == func.current_schema())
)
_REVISION = Statement.of(select(table(VERSION_TABLE, column("version_num")).c.version_num))
