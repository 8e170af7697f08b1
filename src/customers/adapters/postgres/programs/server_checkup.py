"""Compares a PostgreSQL server's settings with the recommended ones. Changes nothing.

Some checks protect customers: what the server writes to its own log, who can read the connection,
and what the role of the service could do if somebody else used it. The others are about speed.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from attrs import frozen
from sqlalchemy import ARRAY, Text, any_, bindparam, cast, column, exists, func, select, table
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.migrate import Connection, connected
from customers.adapters.postgres.engine.statements import Statement

# Tables whose rows are often changed or deleted.
HOT_TABLES = (
    "customers",
    "customer_statistics",
    "customer_counts",
    "customer_orders",
    "customer_segment_members",
    "customer_segment_pending_changes",
)
MIN_WAL_BYTES = 4 * 1024**3
MAX_SCALE_FACTOR = 0.05

_NO_VALUES = "the server would write values of customers to its log"
_SETTINGS = (
    ("log_error_verbosity", "terse", _NO_VALUES),
    ("log_parameter_max_length", "0", _NO_VALUES),
    ("log_parameter_max_length_on_error", "0", _NO_VALUES),
)


@frozen(kw_only=True)
class Check:
    """The result of one check: the actual value, the expected one, and what to do if they differ.

    A check is `required` in production, or only `advice` for speed.
    """

    name: str
    actual: str
    expected: str
    is_fine: bool
    remedy: str
    kind: Literal["required", "advice"] = "required"

    @property
    def is_off(self) -> bool:
        """Whether a required check has failed."""
        return not self.is_fine and self.kind == "required"


async def check_server(dsn: str) -> Sequence[Check]:
    """The results of all checks, those that protect customers first. Raises Unavailable."""
    async with connected(dsn) as connection:
        [facts] = await _rows(connection, _FACTS)
        tables = await _rows(connection, _HOT_TABLES, names=list(HOT_TABLES))
    return [*_logging(facts), _tls(facts), *_role(facts), _wal(facts), *_autovacuum(facts, tables)]


async def _rows(connection: Connection, statement: Statement, **values: object) -> Sequence[Any]:
    return await connection.fetch(statement.sql, *statement.arguments(values))


def _logging(facts: Any) -> Iterator[Check]:
    for name, expected, reason in _SETTINGS:
        yield Check(
            name=name,
            actual=facts[name],
            expected=expected,
            is_fine=facts[name] == expected,
            remedy=f"{reason}: {_set(name, expected)}",
        )


def _tls(facts: Any) -> Check:
    """Checks for TLS, which a connection that does not leave the machine does not need."""
    actual = "on" if facts["tls"] else "off, on this machine" if facts["is_local"] else "off"
    return Check(
        name="tls",
        actual=actual,
        expected="on",
        is_fine=facts["tls"] or facts["is_local"],
        remedy="others can read the connection: add sslmode=verify-full to DATABASE_URL",
    )


def _role(facts: Any) -> Iterator[Check]:
    role = facts["role"]
    abilities = (
        ("superuser", "rolsuper", f"ALTER ROLE {role} NOSUPERUSER"),
        ("bypassrls", "rolbypassrls", f"ALTER ROLE {role} NOBYPASSRLS"),
        ("ddl", "has_ddl", "serve as a role that owns no table and may not create any"),
    )
    for name, fact, remedy in abilities:
        yield Check(
            name=f"role_{name}",
            actual="yes" if facts[fact] else "no",
            expected="no",
            is_fine=not facts[fact],
            remedy=f"the role can do more than the service needs: {remedy}",
        )


def _wal(facts: Any) -> Check:
    return Check(
        name="max_wal_size",
        actual=facts["max_wal_size"],
        expected="4GB or more",
        is_fine=facts["wal_bytes"] >= MIN_WAL_BYTES,
        remedy=f"checkpoints come often under load: {_set('max_wal_size', '4GB')}",
        kind="advice",
    )


def _autovacuum(facts: Any, tables: Sequence[Any]) -> Iterator[Check]:
    yield Check(
        name="autovacuum",
        actual=facts["autovacuum"],
        expected="on",
        is_fine=facts["autovacuum"] == "on",
        remedy=f"tables grow and reads become slow: {_set('autovacuum', 'on')}",
    )
    for row in tables:
        yield _autovacuum_of(row["relname"], _options(row["reloptions"]), facts)


def _autovacuum_of(name: str, options: dict[str, str], facts: Any) -> Check:
    factor = float(options.get("autovacuum_vacuum_scale_factor", facts["scale_factor"]))
    is_on = options.get("autovacuum_enabled", "true") not in ("false", "off", "0", "no")
    setting = f"autovacuum_enabled = true, autovacuum_vacuum_scale_factor = {MAX_SCALE_FACTOR}"
    return Check(
        name=f"autovacuum_of_{name}",
        actual=f"after {factor:.0%} of the rows" if is_on else "off",
        expected=f"after {MAX_SCALE_FACTOR:.0%} of the rows or fewer",
        is_fine=is_on and factor <= MAX_SCALE_FACTOR,
        remedy=f"dead rows pile up: ALTER TABLE {name} SET ({setting})",
        kind="advice",
    )


def _options(reloptions: Sequence[str] | None) -> dict[str, str]:
    """The storage parameters of a table."""
    return dict(option.split("=", 1) for option in reloptions or ())


def _set(name: str, value: str) -> str:
    return f"ALTER SYSTEM SET {name} = '{value}', then SELECT pg_reload_conf()"


_class = table("pg_class", column("relname"), column("relnamespace"), column("relowner"))
_options_of = table(
    "pg_class", column("relname"), column("relnamespace"), column("reloptions", ARRAY(Text))
)
_namespace = table("pg_namespace", column("oid"), column("nspname"))
_roles = table("pg_roles", column("rolname"), column("rolsuper"), column("rolbypassrls"))
_ssl = table("pg_stat_ssl", column("pid"), column("ssl"))
_own_schema = select(_namespace.c.oid).where(_namespace.c.nspname == func.current_schema())


def _setting(name: str) -> ColumnElement[Any]:
    return func.current_setting(name).label(name)


def _any_name() -> ColumnElement[Any]:
    return any_(bindparam("names", type_=ARRAY(Text)))


_owns_tables = exists().where(
    _class.c.relnamespace == _own_schema.scalar_subquery(),
    _class.c.relname == "customers",
    func.pg_has_role(_class.c.relowner, "USAGE"),
)
_server_address = func.coalesce(func.host(func.inet_server_addr()), "")
_FACTS = Statement.of(
    select(
        *(_setting(name) for name, _, _ in _SETTINGS),
        _setting("max_wal_size"),
        _setting("autovacuum"),
        func.pg_size_bytes(func.current_setting("max_wal_size")).label("wal_bytes"),
        func.current_setting("autovacuum_vacuum_scale_factor").label("scale_factor"),
        func.coalesce(
            select(_ssl.c.ssl).where(_ssl.c.pid == func.pg_backend_pid()).scalar_subquery(), False
        ).label("tls"),
        (
            (_server_address == "") | (_server_address == "::1") | _server_address.like("127.%")
        ).label("is_local"),
        cast(_roles.c.rolname, Text).label("role"),
        _roles.c.rolsuper,
        _roles.c.rolbypassrls,
        (
            _owns_tables
            | func.coalesce(func.has_schema_privilege(func.current_schema(), "CREATE"), False)
            | func.has_database_privilege(func.current_database(), "CREATE")
        ).label("has_ddl"),
    ).where(_roles.c.rolname == func.current_user())
)
_HOT_TABLES = Statement.of(
    select(cast(_options_of.c.relname, Text).label("relname"), _options_of.c.reloptions)
    .where(
        _options_of.c.relnamespace == _own_schema.scalar_subquery(),
        _options_of.c.relname == _any_name(),
    )
    .order_by(_options_of.c.relname)
)
