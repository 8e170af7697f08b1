"""After an erasure and `customers maintain`, no personal value of the customer is left in rows,
statistics, heap files, index files, logs or metrics. The WAL and backups are not scanned: see
docs/privacy.md.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from attrs import frozen

from customers.adapters.clock import SystemClock
from customers.adapters.postgres.engine.migrate import LOCK, migrate
from customers.adapters.postgres.programs import maintain as program
from customers.adapters.postgres.programs.maintain import CLEARS_STATISTICS, maintain
from customers.adapters.postgres.schema.personal_data import (
    columns_without_statistics,
    personal_tables,
)
from customers.adapters.postgres.schema.types import metadata
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.services.erasure import Erasures
from customers.devtools.server import start as start_server
from tests.support.builders import USD, an_id
from tests.support.canaries import (
    Caller,
    Canary,
    Connection,
    ScanResult,
    files_of,
    metrics_of,
    relations,
    statistics_of,
    tables_of,
)
from tests.support.databases import rows
from tests.support.forked_program import start_command, start_service
from tests.support.patience import wait_until
from tests.support.personal_rows import UniqueValues, fill
from tests.support.postgres_servers import end_server
from tests.support.service_process import FREE_PORTS, Service, connect
from tests.support.storage_steps import opened

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

VIEWS = "SELECT * FROM pg_views WHERE schemaname = 'public' ORDER BY viewname"
TABLES = [table.name for table in personal_tables(metadata.sorted_tables)]
module_loop = pytest_asyncio.fixture(scope="module", loop_scope="module")


@frozen(kw_only=True)
class Place:
    """A server of its own, and a connection to a database with the newest schema."""

    url: str
    folder: Path
    connection: Connection

    async def files(self, canary: Canary) -> ScanResult:
        return canary.among(await files_of(self.connection, self.folder / "cluster" / "data"))

    async def rows(self, canary: Canary) -> ScanResult:
        return canary.among(await tables_of(self.connection))

    async def statistics(self, canary: Canary) -> ScanResult:
        return canary.among(await statistics_of(self.connection))

    def log(self) -> bytes:
        return (self.folder / "server.log").read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("server")
    yield start_server(folder, durable=False).dsn, folder
    end_server(folder)


@module_loop
async def place(server: tuple[str, Path]) -> AsyncIterator[Place]:
    url, folder = server
    await migrate(url)
    connection = await asyncpg.connect(url)
    yield Place(url=url, folder=folder, connection=connection)
    await connection.close()


@asynccontextmanager
async def calling(
    place: Place, folder: Path, canary: Canary
) -> AsyncIterator[tuple[Service, Caller]]:
    """A service on the server, and a caller with the canary."""
    environ = {"DATABASE_URL": place.url, "LOG_LEVEL": "debug", "MAINTAIN_SECONDS": "0"}
    with (
        start_service(folder, *FREE_PORTS, environ=environ) as service,
        closing(connect(service)) as connection,
    ):
        yield service, Caller(connection=connection, canary=canary)


async def erase_one(place: Place, canary: Canary) -> None:
    """Erases a customer who has the canary in every personal column of every table, and in the
    server's statistics, also in those that only a database of an older release has.
    """
    values, customer_id, tenant = UniqueValues(), an_id(), f"tenant-{an_id()}"
    text = canary.text("text")
    values.values |= {str: text, list: [text], UUID: canary.id}
    values.values[object] = json.dumps({"notes": text})
    await fill(place.connection, tenant, customer_id, values)
    async with statistics_of_an_older_release(place.connection):
        await place.connection.execute("ANALYZE")
    storage = PostgresStorage(place.url, currency=USD)
    async with opened(storage):
        await Erasures(storage, SystemClock()).erase(tenant, customer_id, versions=None)


@asynccontextmanager
async def statistics_of_an_older_release(connection: Connection) -> AsyncIterator[None]:
    """While the block runs, the server keeps statistics of every column."""
    columns = columns_without_statistics(metadata.sorted_tables)
    changed = "ALTER TABLE {} ALTER COLUMN {} SET STATISTICS {}"
    for target in (-1, 0):
        for one in columns:
            await connection.execute(changed.format(one.table.name, one.name, target))
        if target:
            yield


def logs_of(service: Service, place: Place) -> Mapping[str, bytes]:
    """What the service and the server have logged, and the metrics."""
    return {
        "output": service.output.encode(),
        "errors": service.errors.encode(),
        "log of the server": place.log(),
        "metrics": metrics_of(service),
    }


async def run(place: Place, folder: Path, *command: str) -> tuple[int, str, str]:
    """Runs a command; returns its exit code, standard output and standard error."""
    (folder / "command").mkdir(exist_ok=True)
    environ = {"DATABASE_URL": place.url}
    with start_command(folder / "command", *command, environ=environ) as process:
        status = await asyncio.to_thread(process.exit_code)
        return status, process.output, process.errors


async def test_nothing_is_left_after_maintenance(place: Place, tmp_path: Path) -> None:
    canary = Canary.new()
    async with calling(place, tmp_path, canary) as (service, caller):
        customer = await asyncio.to_thread(caller.create)
        await place.connection.execute("ANALYZE")
        await asyncio.to_thread(caller.fail, customer)
        assert (await place.rows(canary)).places
        await asyncio.to_thread(caller.erase, customer)
        assert (await place.rows(canary)).places == []
        left = {*relations(await place.files(canary))}
        assert {"customers", "customers_email", "customers_criteria", "pg_statistic"} <= left
        assert (await place.statistics(canary)).places
        status, output, errors = await run(place, tmp_path, "maintain")
        # Erasures of other tests in this database are counted, too.
        assert (status, bool(re.search(r"maintained after [1-9]\d* erasures? in", output))) == (
            0,
            True,
        ), (output, errors)
        scans = [
            await place.rows(canary),
            await place.statistics(canary),
            await place.files(canary),
        ]
        scans.append(canary.among(logs_of(service, place)))
    print("places scanned:", [one.scanned for one in scans])
    assert [one.places for one in scans] == [[], [], [], []]


@pytest.mark.parametrize("clears_since", [0, 999_999], ids=["18", "before 18"])
async def test_nothing_is_left_of_any_personal_column(
    place: Place, monkeypatch: pytest.MonkeyPatch, clears_since: int
) -> None:
    monkeypatch.setattr(program, "CLEARS_STATISTICS", max(clears_since, CLEARS_STATISTICS))
    canary = Canary.new()
    await erase_one(place, canary)
    assert {*TABLES} <= {*relations(await place.files(canary))}
    assert len((await place.statistics(canary)).places) == 2
    views = await rows(place.url, VIEWS)
    done = await maintain(place.url)
    assert await rows(place.url, VIEWS) == views
    assert done.erasures >= 1  # erasures of other tests in this database count, too
    assert done.unfinished == []
    assert (await place.rows(canary)).places == []
    assert (await place.statistics(canary)).places == []
    assert (await place.files(canary)).places == []


async def test_large_tables_hold_bytes_in_freed_space_until_a_full_run(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = Canary.new()
    await erase_one(place, canary)
    monkeypatch.setattr(program, "MAX_REWRITE_BYTES", -1)
    done = await maintain(place.url)
    assert sorted(done.unwritten) == sorted(TABLES)
    left = await place.files(canary)
    assert {*relations(left)} <= {*TABLES}, "no index and no statistics"
    assert left.places
    assert (await place.statistics(canary)).places == []
    done = await maintain(place.url, is_full=True)
    assert (done.unwritten, done.unfinished) == ([], [])
    assert (await place.files(canary)).places == []


async def test_an_index_that_an_interrupted_run_left_is_dropped(place: Place) -> None:
    await place.connection.execute(
        "CREATE INDEX customers_email_ccnew ON customers (tenant_id, email);"
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'customers_email_ccnew'::regclass"
    )
    await maintain(place.url, is_full=True)
    assert await place.connection.fetchval("SELECT to_regclass('customers_email_ccnew')") is None


async def test_a_run_is_repeated_while_a_transaction_can_see_the_erased_rows(place: Place) -> None:
    await erase_one(place, Canary.new())
    reader = await asyncpg.connect(place.url)
    transaction = reader.transaction(isolation="repeatable_read", readonly=True)
    await transaction.start()
    await reader.fetch("SELECT 1")
    done = await maintain(place.url, waits=0)
    assert done.unfinished
    assert "1 transaction that began earlier can still see erased rows" in done.unfinished
    await transaction.rollback()
    await reader.close()
    done = await maintain(place.url)
    assert done.erasures >= 1  # erasures of other tests in this database count, too
    assert done.unfinished == []


async def test_a_run_is_due_once_after_erasures_and_not_before_the_interval(place: Place) -> None:
    await erase_one(place, Canary.new())
    await maintain(place.url)
    assert not await program.is_due(place.url, 0)
    await erase_one(place, Canary.new())
    assert await program.is_due(place.url, 0)
    assert not await program.is_due(place.url, 3_600)
    await maintain(place.url)
    assert not await program.is_due(place.url, 0)
    assert (await maintain(place.url)).erasures == 0


async def test_maintenance_is_refused_during_a_migration(place: Place) -> None:
    await place.connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        with pytest.raises(program.CannotMaintain, match="is under way: wait until it has ended"):
            await maintain(place.url)
    finally:
        await place.connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def test_the_sweeper_maintains_after_an_erasure(place: Place, tmp_path: Path) -> None:
    await maintain(place.url)
    canary = Canary.new()
    await erase_one(place, canary)
    environ = {"DATABASE_URL": place.url, "MAINTAIN_SECONDS": "0.001", "SWEEP_SECONDS": "0.1"}
    with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
        await asyncio.to_thread(wait_until, lambda: "maintained after erasures" in service.output)
    assert (await place.files(canary)).places == []


async def test_whom_a_restored_backup_brings_back_is_erased_again(
    place: Place, tmp_path: Path
) -> None:
    canary, files = Canary.new(), tmp_path / "command"
    async with calling(place, tmp_path, canary) as (_, caller):
        customer = await asyncio.to_thread(caller.create)
        assert (await run(place, tmp_path, "backup", "shop.backup"))[0] == 0
        await asyncio.to_thread(caller.erase, customer)
    assert (await run(place, tmp_path, "erasures", "export", "erasures.jsonl"))[0] == 0
    assert customer in (files / "erasures.jsonl").read_text()
    assert not canary.is_in((files / "erasures.jsonl").read_bytes())
    assert (await run(place, tmp_path, "restore", "--force", "shop.backup"))[0] == 0
    assert (await place.rows(canary)).places
    add_line(files / "erasures.jsonl", {"tenantId": "tenant", "customerId": str(an_id())})
    for erased in (1, 0):
        status, output, _ = await run(place, tmp_path, "erasures", "apply", "erasures.jsonl")
        assert status == 0
        assert f"{erased} erased now" in output.splitlines()[-1]
        assert "1 unknown in this database" in output.splitlines()[-1]
        assert (await place.rows(canary)).places == []


async def test_a_file_that_is_no_list_of_erasures_erases_nobody(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "command").mkdir()
    file = tmp_path / "command" / "erasures.jsonl"
    add_line(file, {"tenantId": "tenant", "customerId": str(an_id())})
    add_line(file, {"tenantId": "tenant", "customerId": "a secret"})
    status, output, errors = await run(place, tmp_path, "erasures", "apply", "erasures.jsonl")
    assert (status, output) == (1, "")
    assert errors.startswith(
        'Error: line 2 of "erasures.jsonl" is not an erasure: use a file that '
    )
    assert "secret" not in errors


async def test_an_existing_file_is_only_replaced_by_force(place: Place, tmp_path: Path) -> None:
    export = ("erasures", "export", "erasures.jsonl")
    assert (await run(place, tmp_path, *export))[0] == 0
    status, _, errors = await run(place, tmp_path, *export)
    assert (status, "already exists" in errors) == (1, True)
    assert (await run(place, tmp_path, *export, "--force"))[0] == 0
    assert (tmp_path / "command" / "erasures.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "command", [("maintain",), ("erasures", "export", "f"), ("erasures", "apply", "f")]
)
async def test_memory_storage_has_no_database(tmp_path: Path, command: tuple[str, ...]) -> None:
    with start_command(tmp_path, *command, environ={"STORAGE": "memory"}) as process:
        assert await asyncio.to_thread(process.exit_code) == 1
    expected = "Error: STORAGE is memory, which has no database: set it to postgres\n"
    assert process.errors == expected


def add_line(file: Path, line: Mapping[str, str]) -> None:
    with file.open("a") as lines:
        lines.write(f"{json.dumps(line)}\n")
