"""The revisions make what the tables say, can be undone, and are applied once."""

import asyncio
from argparse import Namespace
from io import StringIO
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from customers.adapters.postgres.engine import migrate as migrating
from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.schema.tables import customers
from customers.core.errors import Unavailable
from tests.support.databases import rows

pytestmark = pytest.mark.asyncio(loop_scope="session")

OURS = customers.metadata.tables
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
FIRST_COLUMNS = """
SELECT i.indexrelid::regclass::text AS index, a.attname AS column
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = ANY ($1::text[]::regclass[])
"""
COLLATIONS = """
SELECT DISTINCT c.collname FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = ANY ($1::text[]::regclass[]) AND a.attnum > 0
"""


def config(url: str, output: StringIO | None = None) -> Config:
    """What `python -m alembic -x dsn=…` makes of a checkout."""
    made = Config(output_buffer=output, cmd_opts=Namespace(x=[f"dsn={url}"]))
    made.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    return made


async def tables(url: str) -> set[str]:
    return {row["tablename"] for row in await rows(url, TABLES)}


async def revision(url: str) -> list[str]:
    return [row["version_num"] for row in await rows(url, "SELECT * FROM alembic_version")]


async def test_migrating_makes_what_the_tables_say_and_nothing_else(empty: str) -> None:
    await migrate(empty)
    assert await tables(empty) == {*OURS, "alembic_version"}
    await asyncio.to_thread(command.check, config(empty))


async def test_every_revision_can_be_undone_and_done_again(empty: str) -> None:
    await asyncio.to_thread(command.upgrade, config(empty), "head")
    await asyncio.to_thread(command.downgrade, config(empty), "base")
    assert await tables(empty) == {"alembic_version"}
    await asyncio.to_thread(command.upgrade, config(empty), "head")
    await asyncio.to_thread(command.check, config(empty))


async def test_a_migrated_database_is_at_the_head_and_stays_as_it_is(empty: str) -> None:
    for _ in range(2):
        await migrate(empty)
        assert await revision(empty) == [migrating.head()]


async def test_several_at_once_migrate_once(empty: str) -> None:
    await asyncio.gather(*(migrate(empty) for _ in range(5)))
    assert await revision(empty) == [migrating.head()]


async def test_who_comes_while_another_process_migrates_waits_for_it(empty: str) -> None:
    other = await asyncpg.connect(empty)
    await other.execute("SELECT pg_advisory_lock($1)", migrating.LOCK)
    coming = asyncio.create_task(migrate(empty))
    await asyncio.wait({coming}, timeout=0.3)
    assert await tables(empty) == set()
    await other.close()
    await coming
    assert await revision(empty) == [migrating.head()]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_an_address_may_say_what_other_clients_understand(empty: str, scheme: str) -> None:
    query = "sslmode=disable&connect_timeout=3&channel_binding=prefer"
    await migrate(f"{scheme}:{empty.partition(':')[2]}?{query}")
    assert await revision(empty) == [migrating.head()]


async def test_a_database_that_is_away_cannot_be_migrated() -> None:
    with pytest.raises(Unavailable):
        await migrate("postgres://nobody@127.0.0.1:1/nowhere")


async def test_the_sql_of_all_revisions_can_be_printed() -> None:
    printed = StringIO()
    await asyncio.to_thread(command.upgrade, config("", printed), "head", sql=True)
    for table in OURS:
        told = (f"CREATE TABLE {table} (", f"RENAME TO {table};")
        assert any(each in printed.getvalue() for each in told)


async def test_every_index_of_a_tenants_table_begins_with_the_tenant(url: str) -> None:
    of_tenants = sorted(OURS.keys() - {"deployment", "sweeper"})
    found = await rows(url, FIRST_COLUMNS, of_tenants)
    assert len(found) > len(of_tenants)
    assert {row["column"] for row in found} == {"tenant_id"}


async def test_every_text_is_ordered_by_code_point(url: str) -> None:
    found = await rows(url, COLLATIONS, sorted(OURS))
    assert [row["collname"] for row in found] == ["C"]
