"""With the application's own filter taken out, the server still keeps tenants apart."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from attrs import evolve
from sqlalchemy import select

from customers.adapters.postgres.customers.customer_writes import ADD
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.engine.pool import Pool
from customers.adapters.postgres.engine.revisions import expanded
from customers.adapters.postgres.engine.row_security import (
    EVERY_TENANT,
    EVERY_TENANT_VIEWS,
    POLICY,
    TENANT_VIEWS,
    setting,
    view_of_every_tenant,
    view_of_tenant,
)
from customers.adapters.postgres.engine.secured_sql import SecuredSql
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_proof import TENANT_COLUMN
from customers.adapters.postgres.engine.transaction_session import TransactionSession
from customers.adapters.postgres.schema.all_tables import METADATA
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.storage import PostgresStorage
from tests.support.builders import NOW, USD, a_customer
from tests.support.databases import PATIENT, rows
from tests.support.full_tenant import ADA, BOB, EVE, SEGMENT, store_full_tenant
from tests.support.service_roles import service_url
from tests.support.statement_mutants import all_clauses
from tests.support.storage_steps import opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLES = sorted(name for name, table in METADATA.tables.items() if TENANT_COLUMN in table.c)
# No tenant has this name, so that each row of an answer for it is of another tenant.
NOBODY = "nobody"
OTHER = "another"
# Values of parameters by their types and, where a row is looked up by them, by their names.
VALUES: Mapping[str, object] = {
    "text": "x",
    "varchar": "x",
    "uuid": ADA,
    "int2": 1,
    "int4": 50,
    "int8": 50,
    "numeric": Decimal(1),
    "float8": 1.0,
    "bool": True,
    "timestamptz": NOW,
    "date": NOW.date(),
    "interval": timedelta(seconds=1),
    "jsonb": {},
    "text[]": ["x"],
    "varchar[]": ["x"],
    "uuid[]": [ADA, BOB, EVE],
    "timestamptz[]": [NOW],
}
# What roles other than the owner may do with views, whole (a NULL column) or by column.
VIEW_PRIVILEGES = """
WITH views AS (SELECT * FROM pg_class WHERE relkind = 'v' AND relnamespace =
'public'::regnamespace)
SELECT relname, NULL::name AS attname, own.* FROM views, aclexplode(relacl) own
WHERE grantee <> relowner UNION ALL
SELECT relname, attname, own.* FROM views JOIN pg_attribute ON attrelid = views.oid,
aclexplode(attacl) own WHERE grantee <> relowner ORDER BY 1, 2, 4, 5
"""
# How a plan begins if its outermost node evaluates the offset, which sets the tenant.
_SETS_TENANT = "Limit\n  "
_CONDITION = re.compile(
    r"[\w.]*\btenant_id = (?:(?P<parameter>\$\d+)::\w+(?: COLLATE \"C\")?|\w+\.tenant_id)"
)
VALUES_BY_NAME: Mapping[str, object] = {
    "segment_id": SEGMENT,
    "email_key": "ada@example.test",
    "order_id": "order",
    "refund_id": "refund",
    "offset": 0,
}
STRANGE = "it's\\'; DROP TABLE customers; --\"$1"


@pytest_asyncio.fixture(loop_scope="session")
async def service(url: str) -> str:
    """The URL of a role that may only serve."""
    return await service_url(url)


@pytest_asyncio.fixture(loop_scope="session")
async def connection(service: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(service)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pool(service: str) -> AsyncIterator[Pool]:
    pool = Pool(service, PoolOptions(max_size=1, row_security=True))
    await pool.open()
    yield pool
    await pool.close()


async def tenant_of(connection: Any) -> str | None:
    value = await connection.fetchval("SELECT nullif(current_setting('app.tenant', true), '')")
    return None if value is None else str(value)


async def test_every_table_of_a_tenant_has_a_policy(url: str, service: str) -> None:
    assert service  # its preparation puts the policies into force
    policies = await rows(
        url,
        "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check, relrowsecurity"
        " FROM pg_policies JOIN pg_class ON relname = tablename"
        " AND relnamespace = schemaname::regnamespace"
        " WHERE schemaname = current_schema() ORDER BY tablename",
    )
    assert [row["tablename"] for row in policies] == TABLES
    [rule] = {(*row[1:3], *row["roles"], *row[4:]) for row in policies}
    name, permissive, roles, command, condition, check, is_enabled = rule
    assert (name, permissive, roles, command) == (POLICY, "PERMISSIVE", "public", "ALL")
    assert "tenant_id = current_setting('app.tenant'::text, true)" in condition
    assert (check, is_enabled) == (None, True)


async def test_a_service_role_keeps_its_privileges_when_a_migration_makes_views_again(
    empty: str,
) -> None:
    await migrate(empty, to=expanded())
    await service_url(empty)
    before = await rows(empty, VIEW_PRIVILEGES)
    assert {row["privilege_type"] for row in before} == {"SELECT", "UPDATE"}
    await migrate(empty, contracts=True)
    assert await rows(empty, VIEW_PRIVILEGES) == before
    await migrate(empty, to=expanded(), allow_data_loss=True)
    assert await rows(empty, VIEW_PRIVILEGES) == before


async def test_the_views_have_all_columns_of_their_tables(url: str) -> None:
    views = {view_of_tenant(name): name for name in TENANT_VIEWS}
    views |= {view_of_every_tenant(name): name for name in EVERY_TENANT_VIEWS}
    for view, table in views.items():
        columns = await rows(
            url,
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0",
            view,
        )
        assert {row["attname"] for row in columns} == set(METADATA.tables[table].c.keys()), view


@pytest.mark.parametrize("relation", [*TABLES, *map(view_of_tenant, sorted(TENANT_VIEWS))])
async def test_without_a_tenant_there_are_no_rows(
    url: str, tenant: str, connection: "asyncpg.Connection[Any]", relation: str
) -> None:
    await _store(url, tenant)
    assert await connection.fetchval(f"SELECT count(*) FROM {relation}") == 0
    for other in ("", OTHER, EVERY_TENANT):
        async with connection.transaction():
            await connection.execute(setting(other))
            assert await connection.fetchval(f"SELECT count(*) FROM {relation}") == 0
    assert await tenant_of(connection) is None


@pytest.mark.parametrize("view", [*map(view_of_every_tenant, sorted(EVERY_TENANT_VIEWS))])
async def test_the_rows_of_all_tenants_are_seen_by_who_asks_for_all(
    url: str, tenant: str, connection: "asyncpg.Connection[Any]", view: str
) -> None:
    await _store(url, tenant)
    for other in ("", OTHER, tenant):
        async with connection.transaction():
            await connection.execute(setting(other))
            assert await connection.fetchval(f"SELECT count(*) FROM {view}") == 0
    async with connection.transaction():
        await connection.execute(setting(EVERY_TENANT))
        await connection.fetchval(f"SELECT count(*) FROM {view}")


async def test_a_row_of_another_tenant_is_neither_written_nor_changed(
    url: str, tenant: str, connection: "asyncpg.Connection[Any]"
) -> None:
    await _store(url, tenant)
    for own in ("", OTHER):
        async with connection.transaction():
            await connection.execute(setting(own))
            status = await connection.execute("UPDATE customer_notes SET note = 'x'")
            assert status == "UPDATE 0"
            assert await connection.execute("DELETE FROM customer_notes") == "DELETE 0"
        changes = "INSERT INTO customer_counts VALUES ('nobody', 'a', 'b', 1, 1)"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("; ".join(("BEGIN", setting(own), changes)))
        await connection.execute("ROLLBACK")
    async with connection.transaction():
        await connection.execute(setting(tenant))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE customer_notes SET tenant_id = $1", OTHER)


@pytest.mark.parametrize("view", ["customers_of_tenant", "customers_of_every_tenant"])
async def test_no_row_moves_to_another_tenant_by_a_view(
    url: str, tenant: str, connection: "asyncpg.Connection[Any]", view: str
) -> None:
    await _store(url, tenant)
    own = EVERY_TENANT if view == "customers_of_every_tenant" else tenant
    async with connection.transaction():
        await connection.execute(setting(own))
        locking = f"SELECT 1 FROM {view} WHERE tenant_id = $1 FOR NO KEY UPDATE"
        assert await connection.fetch(locking, tenant)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(f"UPDATE {view} SET tenant_id = $1", OTHER)


@pytest.mark.parametrize("text", [STRANGE, "", "'", "\\", "\\'", "''", "%s", "a b", "\N{SNOWMAN}"])
@pytest.mark.parametrize("conforming", ["on", "off"])
async def test_a_literal_is_read_as_it_was_written(
    connection: "asyncpg.Connection[Any]", text: str, conforming: str
) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL standard_conforming_strings = {conforming}")
        await connection.execute(setting(text))
        assert await connection.fetchval("SELECT current_setting('app.tenant')") == text


async def test_nothing_stays_in_a_session(url: str, tenant: str, service: str) -> None:
    await _store(url, tenant)
    options = evolve(PATIENT, max_size=1, row_security=True)
    async with opened(PostgresStorage(service, currency=USD, pool=options)) as storage:
        await _use(storage, tenant)
        connection = await storage.pool.acquire("")
        assert await tenant_of(connection.driver) is None
        await storage.pool.release(connection)


async def _use(storage: PostgresStorage, tenant: str) -> None:
    """Uses the storage's only connection in each way."""
    async with storage.view(tenant) as view:
        await view.customers.get(ADA)
        assert await tenant_of(view._session._connection.driver) is None  # type: ignore[attr-defined]
    async with storage.transaction(tenant) as transaction:
        inside = transaction._session._connection.driver  # type: ignore[attr-defined]
        assert await tenant_of(inside) == tenant
    with pytest.raises(ZeroDivisionError):
        async with storage.transaction(tenant) as transaction:
            raise ZeroDivisionError
    async with storage.consistent_view(STRANGE) as view:
        assert await tenant_of(view._session._connection.driver) == STRANGE  # type: ignore[attr-defined]
    await storage.autocommit(tenant).add_customer(a_customer(tenant_id=tenant))


async def test_a_statement_that_fails_leaves_nothing_behind(tenant: str, pool: Pool) -> None:
    connection = await pool.acquire(tenant)
    session = Session(tenant, connection, row_security=True)
    statistics = customer_statistics.c
    failing = select(1 / (statistics.version - statistics.version)).where(
        statistics.tenant_id == TENANT
    )
    await session.row(ADD, **CUSTOMERS.write(a_customer(tenant_id=tenant)))
    try:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await session.rows(Statement.of(failing))
        assert await tenant_of(connection.driver) is None
    finally:
        await pool.release(session.end(), had_error=True)


async def test_a_statement_sets_its_tenant_before_all_else(
    connection: "asyncpg.Connection[Any]",
) -> None:
    tried = 0
    for clause in all_clauses():
        secured = Statement._of_clause(clause).secured
        if secured.by_itself == secured.plain:
            continue  # it reads nothing of a tenant
        plan = await _generic_plan(connection, secured.by_itself)
        assert plan.startswith(_SETS_TENANT), plan
        tried += 1
    assert tried > 100


async def _generic_plan(connection: "asyncpg.Connection[Any]", sql: str) -> str:
    async with connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE explained AS {sql}")
        count = len((await connection.prepare(sql)).get_parameters())
        values = ", ".join(["NULL"] * count)
        call = f"EXECUTE explained({values})" if count else "EXECUTE explained"
        lines = await connection.fetch(f"EXPLAIN (COSTS off) {call}")
        await connection.execute("DEALLOCATE explained")
    return "\n".join(line[0] for line in lines)


@pytest.mark.parametrize("role", ["owner", "service role"])
async def test_a_forgotten_filter_shows_a_service_role_nothing_of_others(
    url: str, tenant: str, service: str, role: str
) -> None:
    """Each condition on the tenant is taken out of each statement in turn, and the proof is off:
    the answer for a tenant without rows stays the same. For the owner of the tables it would not.
    """
    await _store(url, tenant)
    is_secured = role == "service role"
    pool = Pool(service if is_secured else url, PoolOptions(max_size=1))
    await pool.open()
    tried = seen = 0
    for clause in all_clauses():
        original = Statement._of_clause(clause)
        for mutant in _mutants(original):
            answers = [
                await _answer(pool, one, row_security=is_secured) for one in (original, mutant)
            ]
            if None not in answers:
                tried += 1
                seen += answers[0] != answers[1]
    await pool.close()
    assert tried > 100
    assert seen == 0 if is_secured else seen > 30


def _mutants(statement: Statement) -> Iterator[Statement]:
    """The statement without each of its conditions on the tenant in turn."""
    marked, names = statement.secured._marked, statement._names
    for condition in _CONDITION.finditer(marked):
        # The parameter must still have a type.
        parameter = condition["parameter"]
        rest = f"{parameter}::TEXT IS NOT NULL" if parameter else "true"
        sql = marked[: condition.start()] + rest + marked[condition.end() :]
        secured = SecuredSql(sql, names, is_across_tenants=False)
        yield Statement(secured, names, statement._literals)


async def _answer(
    pool: Pool, statement: Statement, *, row_security: bool
) -> tuple[list[Any], str] | None:
    """The rows and the status that a statement gives for a tenant without rows; None if the server
    refuses it with these sample values.
    """
    connection = await pool.acquire("")
    session = TransactionSession(NOBODY, connection, row_security=row_security)
    answer = None
    with suppress(_Undone, asyncpg.PostgresError):
        async with session.all_or_nothing():
            prepared = await connection.driver.prepare(session._sql(statement))
            kinds = [one.name for one in prepared.get_parameters()]
            values = {
                name: VALUES_BY_NAME.get(name, VALUES.get(kind))
                for name, kind in zip(statement._names, kinds, strict=True)
                if name not in statement._literals
            }
            records = await prepared.fetch(*statement.arguments(values | {"tenant_id": NOBODY}))
            answer = [tuple(row) for row in records], str(prepared.get_statusmsg())
            raise _Undone
    await pool.release(session.end(), had_error=True)
    return answer


class _Undone(Exception):
    """Rolls a transaction back."""


async def _store(url: str, tenant: str) -> None:
    """Stores a tenant with one of everything."""
    storage = PostgresStorage(url, currency=USD, pool=PATIENT)
    await storage.open()
    await store_full_tenant(storage, tenant)
    await storage.close()
