"""A release and the one before it serve on each other's schema, so that a rollback is a restart.

The last release is the commit in `docs/released/commit`, which `make released` writes.
"""

import asyncio
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, web

from customers.adapters.postgres.engine.revisions import needed
from tests.support import postgres_servers
from tests.support.access import TRUSTED
from tests.support.api_client import Api
from tests.support.builders import NOW, FixedClock, a_tenant
from tests.support.command_databases import a_database, sql
from tests.support.scenarios.playback import answers_of
from tests.support.service_process import FREE_PORTS, Service, start_command, wait_until_ready

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-P", "-m", "customers.entrypoints.cli")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the last release."""
    commit = (ROOT / "docs/released/commit").read_text(encoding="ascii").strip()
    command = ["git", "archive", commit, "src", "migrations"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"the last release is not in this checkout: {archive.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as sources:
        sources.extractall(folder, filter="data")
    return folder


@pytest.fixture
def database() -> Iterator[str]:
    with a_database(postgres_servers.start_test_server()) as url:
        yield url


def newest_revision(sources: Path) -> str:
    return max(path.name[:4] for path in (sources / "migrations/versions").glob("[0-9]*.py"))


def environ(url: str, sources: Path) -> Mapping[str, str]:
    return {
        "DATABASE_URL": url,
        "ENVIRONMENT": "production",
        "PYTHONPATH": str(sources / "src"),
        # Nobody listens at port 1: mails are tried later.
        "SMTP_URL": "smtp://127.0.0.1:1",
        "STOREFRONT_URL": "https://shop.example.test",
        **TRUSTED,
    }


def migrate(folder: Path, url: str, sources: Path) -> None:
    variables = environ(url, sources)
    with start_command(folder, "migrate", command=COMMAND, environ=variables) as migration:
        assert migration.exit_code() == 0, migration.errors


@contextmanager
def serving(folder: Path, url: str, sources: Path) -> Iterator[Service]:
    ready = ("--ready-file", str(folder / "ready.json"))
    variables = environ(url, sources)
    arguments = ("serve", *ready, *FREE_PORTS)
    with start_command(folder, *arguments, command=COMMAND, environ=variables) as started:
        yield wait_until_ready(started)


async def statuses(
    service: Service, without: Sequence[str], *, lacks_operations: bool
) -> list[tuple[int, str]]:
    """The status and the path of every call of a session through all operations, without those
    whose path contains one of the texts in `without`.
    """
    async with ClientSession() as client:
        api = Api(
            app=web.Application(),
            client=client,
            port=urlsplit(service.http).port or 0,
            clock=FixedClock(NOW),
            tenant=a_tenant(),
            is_checked=False,
        )
        exchanges = await answers_of(api, lacks_operations=lacks_operations)
        return [
            (answer.status, request.path)
            for request, answer in exchanges
            if not any(text in request.path for text in without)
        ]


def expect_no_failures(
    service: Service, *, without: Sequence[str] = (), lacks_operations: bool = False
) -> None:
    calls = asyncio.run(statuses(service, without, lacks_operations=lacks_operations))
    assert len(calls) >= 500
    assert [call for call in calls if call[0] >= 500] == []
    assert "unhandled exception" not in service.output


# What the next release may do to the schema.
EXPANSION = (
    "ALTER TABLE customers ADD COLUMN nickname text",
    "ALTER TABLE customer_orders ADD COLUMN channel text NOT NULL DEFAULT ''",
    "CREATE TABLE customer_devices (tenant_id text, id uuid, PRIMARY KEY (tenant_id, id))",
    "CREATE INDEX customers_nickname ON customers (tenant_id, nickname)",
    "UPDATE alembic_version SET version_num = '9999'",
)


def test_this_program_serves_on_the_schema_of_the_next_release(
    tmp_path: Path, database: str
) -> None:
    migrate(tmp_path, database, ROOT)
    sql(database, *EXPANSION)
    with serving(tmp_path, database, ROOT) as service:
        expect_no_failures(service)


def test_the_last_release_serves_on_the_newest_schema(
    tmp_path: Path, database: str, released: Path
) -> None:
    migrate(tmp_path, database, ROOT)
    with serving(tmp_path, database, released) as service:
        expect_no_failures(service, lacks_operations=True)


def test_this_program_serves_on_the_schema_of_the_last_release(
    tmp_path: Path, database: str, released: Path
) -> None:
    if newest_revision(released) < needed():
        pytest.skip(f"this program needs revision {needed()}: migrate before it starts")
    migrate(tmp_path, database, released)
    with serving(tmp_path, database, ROOT) as service:
        # That release had no tables for verifications and keys: those wait for the migration.
        expect_no_failures(service, without=("verif", "/keys"))
