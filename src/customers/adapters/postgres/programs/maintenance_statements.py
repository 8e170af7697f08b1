"""The SQL of maintenance: VACUUM, REINDEX, statistics, and the transactions to wait for."""

from typing import Any

from sqlalchemy import (
    DDL,
    Integer,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.dialects import postgresql

from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customer_erasures
from customers.adapters.postgres.schema.types import TEXT, TEXTS, UUIDS

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
STATISTICS = "pg_statistic"


def vacuum(one: Table) -> str:
    """The SQL that removes the entries of dead rows from every index, however few there are, and
    refreshes the table's statistics.
    """
    return _text("VACUUM (ANALYZE, INDEX_CLEANUP ON) %(name)s", one.name)


def rewrite(one: Table) -> str:
    """The SQL that writes a table and its indexes into new files, under an exclusive lock."""
    return _text("VACUUM (FULL, ANALYZE) %(name)s", one.name)


def rewrite_statistics() -> str:
    """As `rewrite`, for the server's own table of statistics."""
    return _text("VACUUM (FULL) pg_catalog.%(name)s", STATISTICS)


def reindex(index: str) -> str:
    return _text("REINDEX INDEX CONCURRENTLY %(name)s", index)


def drop_index(index: str) -> str:
    return _text("DROP INDEX CONCURRENTLY IF EXISTS %(name)s", index)


def _text(statement: str, name: str) -> str:
    ddl = DDL(statement, context={"name": _quoted(name)})  # type: ignore[no-untyped-call]
    return str(ddl.compile(dialect=_DIALECT))


def _quoted(name: str) -> str:
    return str(_DIALECT.identifier_preparer.quote(name))


def _with_statistics() -> Select[Any]:
    """The columns of which the server has statistics, among those of two arrays: the parameters
    `tables` and `columns` have the table and the name of each column.
    """
    stats = table("pg_stats", column("schemaname"), column("tablename"), column("attname"))
    chosen = (
        func.unnest(bindparam("tables", type_=TEXTS), bindparam("columns", type_=TEXTS))
        .table_valued(column("name", TEXT), column("column", TEXT))
        .render_derived(name="chosen")
    )
    return select(chosen.c.name, chosen.c.column).where(
        stats.c.schemaname == func.current_schema(),
        cast(stats.c.tablename, Text) == chosen.c.name,
        cast(stats.c.attname, Text) == chosen.c.column,
    )


def _older_transactions() -> Select[Any]:
    """The number of transactions to which rows removed before the transaction id `before` may
    still be visible. Only a member of pg_read_all_stats can see the transactions of other roles.
    """
    names = "pid datname backend_type backend_xid backend_xmin"
    activity = table("pg_stat_activity", *map(column, names.split()))
    age = func.age(func.xid(func.xid8(bindparam("before", type_=TEXT))))
    is_older = [func.age(activity.c[name]) > age for name in ("backend_xid", "backend_xmin")]
    return select(func.count()).where(
        cast(activity.c.datname, Text) == cast(func.current_database(), Text),
        activity.c.pid != func.pg_backend_pid(),
        activity.c.backend_type == literal_column("'client backend'"),
        or_(*is_older),
    )


_class = table("pg_class", column("relname"), column("relnamespace"), column("oid"))
_namespace = table("pg_namespace", column("oid"), column("nspname"))
_index = table("pg_index", column("indexrelid"), column("indisvalid"))
_name = cast(_class.c.relname, Text)
_key = (customer_erasures.c.tenant_id, customer_erasures.c.customer_id)
_keys = (
    func.unnest(bindparam("tenant_ids", type_=TEXTS), bindparam("customer_ids", type_=UUIDS))
    .table_valued(column("tenant_id", TEXT), column("customer_id", _key[1].type))
    .render_derived(name="done")
)
NOT_MAINTAINED = Statement.across_tenants(
    "erasures to maintain", select(*_key).where(customer_erasures.c.maintained_at.is_(None))
)
LAST_RUN = Statement.across_tenants(
    "last maintenance",
    select(func.extract("epoch", func.now() - func.max(customer_erasures.c.maintained_at))),
)
SET_MAINTAINED = Statement.across_tenants(
    "maintained erasures",
    update(customer_erasures)
    .where(_key[0] == _keys.c.tenant_id, _key[1] == _keys.c.customer_id)
    .values(maintained_at=func.now()),
)
NEXT_TRANSACTION = Statement.of(
    select(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text))
)
OLDER_TRANSACTIONS = Statement.of(_older_transactions())
WITH_STATISTICS = Statement.of(_with_statistics())
CLEAR_STATISTICS = Statement.of(
    select(
        func.pg_clear_attribute_stats(
            cast(func.current_schema(), Text),
            bindparam("table", type_=TEXT),
            bindparam("column", type_=TEXT),
            literal_column("false"),
        )
    )
)
SIZE = Statement.of(
    select(func.pg_total_relation_size(func.to_regclass(bindparam("table", type_=TEXT))))
)
FILE = Statement.of(
    select(func.pg_relation_filenode(func.to_regclass(bindparam("table", type_=TEXT))))
)
# What an interrupted REINDEX CONCURRENTLY leaves behind.
INVALID_INDEXES = Statement.of(
    select(_name.label("name"))
    .join_from(_class, _index, _index.c.indexrelid == _class.c.oid)
    .join(_namespace, _namespace.c.oid == _class.c.relnamespace)
    .where(
        _namespace.c.nspname == func.current_schema(),
        _index.c.indisvalid.is_(literal_column("false")),
        func.regexp_replace(_name, literal_column("'_cc(new|old)[0-9]*$'"), literal_column("''"))
        == any_(bindparam("indexes", type_=TEXTS)),
    )
)
SERVER_VERSION = Statement.of(select(cast(func.current_setting("server_version_num"), Integer)))
