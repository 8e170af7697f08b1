"""A backup restores everything, or nothing is changed; on every kind of server."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.migrate import LOCK
from customers.adapters.postgres.engine.revisions import head
from customers.adapters.postgres.programs import restore_script
from customers.adapters.postgres.programs.archive import NotABackup, read_archive
from customers.adapters.postgres.programs.client_programs import (
    ProgramFailed,
    choose,
    find_programs,
    run,
)
from customers.adapters.postgres.programs.database_facts import facts_of
from customers.adapters.postgres.programs.dump import CannotBackUp
from customers.adapters.postgres.programs.private_file import CannotWriteFile
from customers.adapters.postgres.programs.restore import CannotRestore
from customers.entrypoints.config.settings import process_environment
from tests.support.backups import Shop, an_installation
from tests.support.builders import a_customer
from tests.support.databases import a_migrated_database, an_empty_database
from tests.support.full_tenant import read_everything, store_full_tenant
from tests.support.storage_steps import add_customers

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def shop(url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A migrated database without customers."""
    async with a_migrated_database(url) as database:
        yield Shop(url=database, file=tmp_path / "shop.backup")


async def add_a_customer(shop: Shop, tenant: str) -> None:
    async with shop.storage() as storage:
        await add_customers(storage, a_customer(tenant_id=tenant))


async def number_of_customers(shop: Shop) -> int:
    [row] = await shop.run("SELECT count(*) FROM customers")
    return int(row["count"])


@pytest.mark.parametrize(
    "loss",
    [
        "DROP SCHEMA public CASCADE",
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
        "TRUNCATE customers, customer_segments CASCADE",
        "DROP TABLE customers CASCADE; DROP TABLE customer_segments CASCADE",
    ],
)
async def test_after_a_loss_a_restore_brings_everything_back(
    shop: Shop, tenant: str, loss: str
) -> None:
    async with shop.storage() as storage:
        await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)
    await shop.back_up()
    await run_statements(shop, loss)
    restored = await shop.restore()
    async with shop.storage() as storage:
        assert await read_everything(storage, tenant) == before
    assert restored.customers == await number_of_customers(shop) > 0
    assert (restored.revision, restored.is_older, restored.is_newer) == (head(), False, False)


async def run_statements(shop: Shop, statements: str) -> None:
    for statement in statements.split("; "):
        await shop.run(statement)


async def test_what_was_written_after_the_backup_is_gone_after_a_forced_restore(
    shop: Shop, tenant: str
) -> None:
    await add_a_customer(shop, tenant)
    await shop.back_up()
    await add_a_customer(shop, tenant)
    assert (await shop.restore(force=True)).customers == await number_of_customers(shop) == 1


@pytest.mark.parametrize("addition", ["customer", "segment"])
async def test_a_database_that_has_data_is_refused_without_force(
    shop: Shop, tenant: str, addition: str
) -> None:
    await shop.back_up()
    async with shop.storage() as storage:
        await store_full_tenant(storage, tenant)
    if addition == "segment":
        await shop.run("TRUNCATE customers CASCADE")
    before = await number_of_customers(shop)
    with pytest.raises(CannotRestore, match=r"already has customers or segments.*--force"):
        await shop.restore()
    assert await number_of_customers(shop) == before


async def test_a_restore_that_fails_leaves_the_database_as_it_was(shop: Shop, tenant: str) -> None:
    async with shop.storage() as storage:
        await store_full_tenant(storage, tenant)
    await shop.back_up()
    shop.file.write_bytes(shop.file.read_bytes()[:-300])
    before = await number_of_customers(shop)
    with pytest.raises(ProgramFailed, match="the database is as it was: could not"):
        await shop.restore(force=True)
    assert await number_of_customers(shop) == before > 0


async def test_the_error_of_a_failed_restore_contains_no_rows(shop: Shop, tenant: str) -> None:
    async with shop.storage() as storage:
        await add_customers(storage, a_customer(tenant_id=tenant, email="ann@example.test"))
    # pg_restore runs with an empty search path.
    condition = "CHECK (current_setting('search_path') <> '')"
    await shop.run(f"ALTER TABLE customers ADD CONSTRAINT only_here {condition}")
    await shop.back_up()
    with pytest.raises(ProgramFailed, match=r"check constraint \"only_here\" \(SQLSTATE 23514\)$"):
        await shop.restore(force=True)


async def test_other_schemas_are_not_touched(shop: Shop, tenant: str) -> None:
    await shop.run("CREATE SCHEMA other")
    await shop.run("CREATE TABLE other.things AS SELECT 1 AS thing")
    await add_a_customer(shop, tenant)
    await shop.back_up()
    await shop.run("UPDATE other.things SET thing = 2")
    await shop.restore(force=True)
    assert [row["thing"] for row in await shop.run("SELECT thing FROM other.things")] == [2]


async def test_what_depends_on_the_tables_from_elsewhere_prevents_a_restore(
    shop: Shop, tenant: str
) -> None:
    await add_a_customer(shop, tenant)
    await shop.back_up()
    await shop.run("CREATE SCHEMA other")
    await shop.run("CREATE VIEW other.names AS SELECT first_name FROM customers")
    with pytest.raises(ProgramFailed, match=r"SQLSTATE 2BP01\): drop what depends on the tables"):
        await shop.restore(force=True)
    assert len(await shop.run("SELECT * FROM other.names")) == 1


async def test_a_role_that_cannot_create_extensions_can_restore(shop: Shop, tenant: str) -> None:
    await add_a_customer(shop, tenant)
    await shop.back_up()
    async with shop.as_role_without_rights() as limited:
        assert (await limited.restore(force=True)).customers == 1


async def test_an_extension_that_may_not_be_created_is_named(shop: Shop) -> None:
    await shop.back_up()
    await shop.lose_everything()
    await shop.run("CREATE SCHEMA public")
    async with shop.as_role_without_rights() as limited:
        with pytest.raises(ProgramFailed, match=r"create extension .*SQLSTATE 42501\): the role"):
            await limited.restore()


async def test_a_backup_of_an_older_schema_says_so(shop: Shop) -> None:
    await shop.run("UPDATE alembic_version SET version_num = '0007'")
    await shop.back_up()
    await shop.lose_everything()
    restored = await shop.restore()
    assert (restored.revision, restored.is_older) == ("0007", True)


async def test_a_backup_of_a_newer_schema_says_so(shop: Shop) -> None:
    await shop.run("UPDATE alembic_version SET version_num = '9999'")
    await shop.back_up()
    await shop.lose_everything()
    restored = await shop.restore()
    assert (restored.revision, restored.is_newer) == ("9999", True)


async def test_a_database_of_a_newer_release_is_not_replaced(shop: Shop) -> None:
    await shop.back_up()
    await shop.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CannotRestore, match="revision 9999, which this program does not know"):
        await shop.restore(force=True)


FOREIGN = "tables or views that are not of this service"


async def lose_to_another_program(shop: Shop) -> None:
    """Backs up and empties the database, in which a test then creates tables of another program."""
    await shop.back_up()
    await shop.lose_everything()
    await shop.run("CREATE SCHEMA public")


async def test_no_table_of_another_program_is_replaced(shop: Shop) -> None:
    await lose_to_another_program(shop)
    for name in sorted(restore_script.OUR_TABLES):
        await shop.run(f"CREATE TABLE {name} AS SELECT 1 AS id")
        for force in (False, True):
            with pytest.raises(CannotRestore, match=f"{FOREIGN}: {name}: use an empty database"):
                await shop.restore(force=force)
        assert len(await shop.run(f"SELECT id FROM {name}")) == 1
        await shop.run(f"DROP TABLE {name}")


async def test_all_foreign_tables_are_named(shop: Shop) -> None:
    await lose_to_another_program(shop)
    await shop.run("CREATE TABLE sweeper (x int)")
    await shop.run("CREATE TABLE deployment (id int, what text)")
    with pytest.raises(CannotRestore, match=f"{FOREIGN}: deployment, sweeper:"):
        await shop.restore()


@pytest.mark.parametrize("table", ["deployment", "alembic_version"])
@pytest.mark.parametrize("force", [False, True])
async def test_a_table_that_another_program_creates_during_a_restore_is_not_replaced(
    shop: Shop, table: str, force: bool
) -> None:
    await lose_to_another_program(shop)
    programs = await find_programs(an_installation())
    archive = await read_archive(shop.file, programs, process_environment())
    facts = await facts_of(shop.url)
    await shop.run(f"CREATE TABLE {table} AS SELECT 1 AS id")
    connection = await asyncpg.connect(shop.url)
    with pytest.raises(asyncpg.RaiseError, match="another program has changed the tables"):
        await connection.execute(restore_script.before(archive, facts, force=force))
    await connection.close()
    assert len(await shop.run(f"SELECT id FROM {table}")) == 1


async def test_a_revision_that_changes_during_a_restore_ends_it(shop: Shop) -> None:
    await shop.back_up()
    programs = await find_programs(an_installation())
    archive = await read_archive(shop.file, programs, process_environment())
    facts = await facts_of(shop.url)
    await shop.run("UPDATE alembic_version SET version_num = '9999'")
    connection = await asyncpg.connect(shop.url)
    with pytest.raises(asyncpg.RaiseError, match="another program has changed the tables"):
        await connection.execute(restore_script.before(archive, facts, force=True))
    await connection.close()
    assert await number_of_customers(shop) == 0


async def test_a_table_that_the_role_cannot_read_is_named_as_foreign(shop: Shop) -> None:
    await lose_to_another_program(shop)
    await shop.run("CREATE TABLE customers (id int)")
    async with shop.as_role_without_rights(but="customers") as limited:
        with pytest.raises(CannotRestore, match=f"{FOREIGN}: customers: use"):
            await limited.restore()


@pytest.mark.parametrize("is_ours", [False, True])
async def test_a_view_with_the_name_of_a_table_is_named(shop: Shop, is_ours: bool) -> None:
    await shop.back_up()
    await run_statements(
        shop, "DROP TABLE customers CASCADE; CREATE VIEW customers AS SELECT 1 AS id"
    )
    if not is_ours:
        for name in (restore_script.OUR_TABLES | {"alembic_version"}) - {"customers"}:
            await shop.run(f"DROP TABLE IF EXISTS {name} CASCADE")
    for force in (False, True):
        with pytest.raises(CannotRestore, match=f"{FOREIGN}: customers: use an empty database$"):
            await shop.restore(force=force)


async def test_a_database_with_another_encoding_is_refused(shop: Shop) -> None:
    await shop.back_up()
    encoding = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    async with an_empty_database(shop.url, encoding) as url:
        with pytest.raises(CannotRestore, match="the encoding of the database is LATIN1"):
            await Shop(url=url, file=shop.file).restore()


async def test_only_one_restore_runs_at_a_time(shop: Shop) -> None:
    await shop.back_up()
    connection = await asyncpg.connect(shop.url)
    await connection.execute(f"SELECT pg_advisory_lock({LOCK})")
    with pytest.raises(ProgramFailed, match="restore or maintenance of this database is under way"):
        await shop.restore()
    await connection.close()
    assert (await shop.restore()).customers == 0


async def test_an_open_service_does_not_prevent_a_forced_restore(shop: Shop, tenant: str) -> None:
    await add_a_customer(shop, tenant)
    await shop.back_up()
    async with shop.storage() as storage:
        await add_customers(storage, a_customer(tenant_id=tenant))
        assert (await shop.restore(force=True)).customers == 1
        await add_customers(storage, a_customer(tenant_id=tenant))
    assert await number_of_customers(shop) == 2


async def test_results_and_failures_name_the_database(shop: Shop) -> None:
    place = str(DatabaseAddress.of(shop.url))
    assert (await shop.back_up()).place == (await shop.restore()).place == place
    await shop.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CannotRestore) as refused:
        await shop.restore()
    await shop.run("UPDATE alembic_version SET version_num = '0008'")
    shop.file.write_bytes(shop.file.read_bytes()[:-300])
    with pytest.raises(ProgramFailed) as failed:
        await shop.restore()
    assert all(str(one.value).startswith(f"{place}: the ") for one in (refused, failed))


async def test_a_failed_backup_names_the_database(empty: str, tmp_path: Path) -> None:
    shop = Shop(url=empty, file=tmp_path / "empty.backup")
    with pytest.raises(CannotBackUp) as refused:
        await shop.back_up()
    await shop.migrate()
    await shop.run("CREATE TABLE unreadable (number int)")
    async with shop.as_role_without_rights(but="unreadable") as limited:
        with pytest.raises(ProgramFailed) as failed:
            await limited.back_up()
    assert str(refused.value).startswith(f"{DatabaseAddress.of(shop.url)}: the database has no")
    assert str(failed.value).startswith(f"{DatabaseAddress.of(limited.url)}: pg_dump failed")


async def test_a_backup_of_another_schema_is_refused(shop: Shop) -> None:
    await shop.back_up()
    await shop.run("CREATE SCHEMA other")
    other = Shop(url=f"{shop.url}?search_path=other", file=shop.file)
    with pytest.raises(CannotRestore, match="of the schema public, but the database's schema is"):
        await other.restore()


async def test_tables_in_the_schema_of_the_url_are_backed_up_and_restored(
    empty: str, tmp_path: Path, tenant: str
) -> None:
    shop = Shop(url=f"{empty}?search_path=own", file=tmp_path / "own.backup")
    await shop.run("CREATE SCHEMA own")
    await shop.migrate()
    await add_a_customer(shop, tenant)
    await shop.back_up()
    await shop.run("DROP TABLE own.customers CASCADE")
    assert (await shop.restore()).customers == 1
    assert len(await shop.run("SELECT FROM own.customers")) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not a backup: input file is too short"),
        (b"no backup at all", "is not a backup: input file does not appear to be a valid archive"),
        (None, "cannot be read: No such file or directory"),
    ],
)
async def test_a_file_that_is_no_backup_is_refused(
    shop: Shop, content: bytes | None, problem: str
) -> None:
    if content is not None:
        shop.file.write_bytes(content)
    with pytest.raises(NotABackup) as raised:
        await shop.restore()
    assert str(raised.value).startswith(f'"{shop.file}" {problem}')


async def test_a_backup_of_another_database_is_refused(empty: str, tmp_path: Path) -> None:
    shop = Shop(url=empty, file=tmp_path / "other.backup")
    programs = choose(await find_programs(an_installation()))
    arguments = ["--format=custom", f"--file={shop.file}", f"--dbname={empty}"]
    dumped = await run(programs, "pg_dump", *arguments, environ=process_environment())
    assert dumped.status == 0
    with pytest.raises(NotABackup, match="is a backup of another database: it lacks"):
        await shop.restore()


async def test_a_database_without_customers_is_not_backed_up(empty: str, tmp_path: Path) -> None:
    shop = Shop(url=empty, file=tmp_path / "empty.backup")
    with pytest.raises(CannotBackUp, match="no tables of this service: run `customers migrate`"):
        await shop.back_up()
    assert shop.files() == []


async def test_a_backup_can_only_be_read_by_its_owner(shop: Shop) -> None:
    backup = await shop.back_up()
    assert (backup.size, backup.revision) == (shop.file.stat().st_size, head())
    assert shop.file.stat().st_mode & 0o777 == 0o600
    assert shop.files() == [shop.file.name]


async def test_a_file_that_exists_is_only_replaced_with_force(shop: Shop) -> None:
    shop.file.write_text("precious")
    with pytest.raises(CannotWriteFile, match="already exists: choose another name"):
        await shop.back_up()
    assert shop.file.read_text() == "precious"
    await shop.back_up(force=True)
    assert (await shop.restore()).customers == 0


async def test_a_backup_that_fails_leaves_no_file(shop: Shop) -> None:
    await shop.run("CREATE TABLE unreadable (number int)")
    async with shop.as_role_without_rights(but="unreadable") as limited:
        with pytest.raises(ProgramFailed, match=r"no backup was written: .*permission denied"):
            await limited.back_up()
    assert shop.files() == []


async def test_a_backup_into_a_missing_folder_is_refused(shop: Shop) -> None:
    nowhere = Shop(url=shop.url, file=shop.file.parent / "missing" / "shop.backup")
    with pytest.raises(CannotWriteFile, match="is not a path in an existing folder"):
        await nowhere.back_up()
