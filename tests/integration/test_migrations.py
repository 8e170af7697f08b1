"""The revisions create the schema of the tables, can be undone, and are applied once."""

import asyncio
from argparse import Namespace
from io import StringIO
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from customers.adapters.postgres.engine.migrate import LOCK, migrate
from customers.adapters.postgres.engine.revisions import head
from customers.adapters.postgres.schema.tables import customers
from customers.core.errors.availability import Unavailable
from tests.support.databases import rows

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLES = customers.metadata.tables
SELECT_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
FIRST_COLUMNS = """
SELECT i.indexrelid::regclass::text AS index, a.attname AS column
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = ANY ($1::text[]::regclass[])
"""
COLLATIONS = """
SELECT DISTINCT c.collname FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = ANY ($1::text[]::regclass[]) AND a.attnum > 0
"""

DEADLOCK = (
    "CREATE SCHEMA deadlocks",
    "CREATE SEQUENCE deadlocks.commands",
    """
    CREATE FUNCTION deadlocks.third() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('deadlocks.commands') = 3 THEN
            RAISE 'deadlock detected' USING ERRCODE = 'deadlock_detected';
        END IF;
    END $$
    """,
)
EVENT_TRIGGER = """
CREATE EVENT TRIGGER deadlocks ON ddl_command_start WHEN TAG IN ('{}')
EXECUTE FUNCTION deadlocks.third()
"""


def config(url: str, output: StringIO | None = None) -> Config:
    """The configuration of `python -m alembic -x dsn=…` in a checkout."""
    config = Config(output_buffer=output, cmd_opts=Namespace(x=[f"dsn={url}"]))
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    return config


async def tables(url: str) -> set[str]:
    return {row["tablename"] for row in await rows(url, SELECT_TABLES)}


async def revision(url: str) -> list[str]:
    return [row["version_num"] for row in await rows(url, "SELECT * FROM alembic_version")]


async def test_a_migrated_database_has_the_schema_of_the_tables_and_nothing_else(
    empty: str,
) -> None:
    await migrate(empty)
    assert await tables(empty) == {*TABLES, "alembic_version"}
    await asyncio.to_thread(command.check, config(empty))


async def test_every_revision_can_be_undone_and_applied_again(empty: str) -> None:
    await asyncio.to_thread(command.upgrade, config(empty), "head")
    await asyncio.to_thread(command.downgrade, config(empty), "base")
    assert await tables(empty) == {"alembic_version"}
    await asyncio.to_thread(command.upgrade, config(empty), "head")
    await asyncio.to_thread(command.check, config(empty))


async def test_migrating_a_current_database_changes_nothing(empty: str) -> None:
    for _ in range(2):
        await migrate(empty)
        assert await revision(empty) == [head()]


async def test_concurrent_migrations_apply_each_revision_once(empty: str) -> None:
    await asyncio.gather(*(migrate(empty) for _ in range(5)))
    assert await revision(empty) == [head()]


async def test_a_migration_waits_for_another_process_that_migrates(empty: str) -> None:
    other = await asyncpg.connect(empty)
    await other.execute("SELECT pg_advisory_lock($1)", LOCK)
    migrating = asyncio.create_task(migrate(empty))
    await asyncio.wait({migrating}, timeout=0.3)
    assert await tables(empty) == set()
    await other.close()
    await migrating
    assert await revision(empty) == [head()]


@pytest.mark.parametrize("ddl", ["ALTER POLICY", "CREATE TABLE", "CREATE INDEX"])
async def test_a_migration_goes_on_after_a_deadlock_with_a_caller(
    empty: str, ddl: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Here, the server ends the third command of a kind, as it ends one of two transactions."""
    for sql in (*DEADLOCK, EVENT_TRIGGER.format(ddl)):
        await rows(empty, sql)
    with caplog.at_level("INFO"):
        await migrate(empty)
    assert "met a deadlock" in caplog.text
    await asyncio.to_thread(command.check, config(empty))
    assert await revision(empty) == [head()]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_a_url_may_have_settings_of_libpq(empty: str, scheme: str) -> None:
    query = "sslmode=disable&connect_timeout=3&channel_binding=prefer"
    await migrate(f"{scheme}:{empty.partition(':')[2]}?{query}")
    assert await revision(empty) == [head()]


async def test_migrating_a_database_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await migrate("postgres://nobody@127.0.0.1:1/nowhere")


async def test_the_sql_of_all_revisions_can_be_printed() -> None:
    output = StringIO()
    await asyncio.to_thread(command.upgrade, config("", output), "head", sql=True)
    for table in TABLES:
        created = (f"CREATE TABLE {table} (", f"CREATE TABLE IF NOT EXISTS {table} (")
        statements = (*created, f"RENAME TO {table};")
        assert any(statement in output.getvalue() for statement in statements)


async def test_every_index_of_a_tenants_table_begins_with_the_tenant(url: str) -> None:
    of_tenants = sorted(TABLES.keys() - {"deployment", "deployment_secrets", "sweeper"})
    first_columns = await rows(url, FIRST_COLUMNS, of_tenants)
    assert len(first_columns) > len(of_tenants)
    others = {row["index"]: row["column"] for row in first_columns if row["column"] != "tenant_id"}
    # A caller with an API key or the token of a mail names no tenant.
    assert others == {
        "customer_api_keys_id": "id",
        "customer_email_verifications_token": "token_hash",
    }


async def test_every_text_is_ordered_by_code_point(url: str) -> None:
    collations = await rows(url, COLLATIONS, sorted(TABLES))
    assert [row["collname"] for row in collations] == ["C"]
