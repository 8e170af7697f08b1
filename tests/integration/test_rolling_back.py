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
from uuid import uuid4

import pytest
from aiohttp import ClientSession, web

from customers.adapters.postgres.engine.revisions import needed
from tests.support import postgres_servers
from tests.support.access import TRUSTED
from tests.support.api_client import Api
from tests.support.builders import NOW, FixedClock, a_tenant
from tests.support.closing_session import closing_session
from tests.support.command_databases import a_database, sql
from tests.support.databases import rows
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
    async with closing_session() as client:
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


# Customers of whom the tables from which the two releases read say different things.
DIFFERENCES = """
SELECT * FROM customers c FULL JOIN customer_statistics s ON (c.tenant_id, c.id) =
(s.tenant_id, s.customer_id) WHERE (c.total_orders, c.total_spent, c.average_order_value,
c.first_order_date, c.last_order_date, c.updated_at, c.version, c.created_at, c.status,
c.customer_type, c.deleted_at IS NULL) IS DISTINCT FROM (s.total_orders, s.total_spent,
s.average_order_value, s.first_order_date, s.last_order_date, s.updated_at, s.version,
s.created_at, s.status, s.customer_type, s.is_living)
"""
ORDERS = 20
TYPES = ("WHOLESALE", "VIP")
HEADERS = {"X-Tenant-ID": "shop"}


async def create(services: Sequence[Service]) -> list[str]:
    """Creates two customers with each service; returns their ids."""
    ids = []
    for service in services:
        async with ClientSession(headers=HEADERS) as client:
            for _ in range(2):
                body = {"email": f"{uuid4().hex}@example.test", "firstName": "A", "lastName": "B"}
                answer = await client.post(f"{service.http}/api/v1/customers", json=body)
                assert answer.status == 201, await answer.text()
                ids.append((await answer.json())["id"])
    return ids


async def write(services: Sequence[Service], ids: Sequence[str]) -> list[dict[str, int]]:
    """Lets all services record orders of all customers, and change the customers, at the same time;
    returns what each of them then says of the total orders.
    """
    async with ClientSession(headers=HEADERS) as client:

        async def send(service: Service, id: str, number: int) -> None:
            url = f"{service.http}/api/v1/customers/{id}"
            order = {"orderId": uuid4().hex, "totalAmount": number}
            await repeat(client, "POST", f"{url}/record-order", order)
            if number % 5 == 0:
                change = {"phone": str(number), "customerType": TYPES[number % 2]}
                await repeat(client, "PUT", url, change)

        numbers = range(ORDERS)
        for number in numbers:
            await asyncio.gather(*(send(one, id, number) for one in services for id in ids))
    return [await totals_of(service, ids) for service in services]


async def repeat(client: ClientSession, method: str, url: str, body: object) -> None:
    """Sends a request until it is not refused: two releases may wait for each other's locks."""
    for _ in range(20):
        async with client.request(method, url, json=body) as answer:
            if answer.status == 200:
                return
            assert answer.status in (429, 503), await answer.text()
    raise AssertionError(f"{method} {url} was refused again and again")


async def totals_of(service: Service, ids: Sequence[str]) -> dict[str, int]:
    async with ClientSession(headers=HEADERS) as client:
        answers = [await client.get(f"{service.http}/api/v1/customers/{id}") for id in ids]
        return {body["id"]: body["totalOrders"] for body in [await one.json() for one in answers]}


async def delete_first(services: Sequence[Service], ids: Sequence[str]) -> None:
    """Deletes one customer with each service."""
    async with ClientSession(headers=HEADERS) as client:
        for service, id in zip(services, ids, strict=False):
            answer = await client.delete(f"{service.http}/api/v1/customers/{id}")
            assert answer.status == 200, await answer.text()


def another(folder: Path) -> Path:
    """A new folder for one more process, since each writes a ready file."""
    (other := folder / uuid4().hex).mkdir()
    return other


def contract(folder: Path, url: str) -> None:
    variables = environ(url, ROOT)
    arguments = ("migrate", "--contract")
    with start_command(folder, *arguments, command=COMMAND, environ=variables) as migration:
        assert migration.exit_code() == 0, migration.errors


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
    migrate(tmp_path, database, released)
    migrate(tmp_path, database, ROOT)
    with serving(tmp_path, database, released) as service:
        expect_no_failures(service, lacks_operations=True)


def test_the_last_release_and_this_one_serve_at_the_same_time(
    tmp_path: Path, database: str, released: Path
) -> None:
    migrate(tmp_path, database, released)
    with serving(tmp_path, database, released) as last:
        ids = asyncio.run(create([last]))
        migrate(tmp_path, database, ROOT)
        assert asyncio.run(rows(database, DIFFERENCES)) == []
        with serving(another(tmp_path), database, ROOT) as this:
            both = [last, this]
            ids += asyncio.run(create(both))
            totals = asyncio.run(write(both, ids))
            asyncio.run(delete_first(both, ids))
    assert totals == [{id: ORDERS * len(both) for id in ids}] * len(both)
    assert asyncio.run(rows(database, DIFFERENCES)) == []
    contract(tmp_path, database)
    with serving(another(tmp_path), database, ROOT) as this:
        assert asyncio.run(totals_of(this, ids[2:])) == dict.fromkeys(ids[2:], ORDERS * 2)


def test_this_program_serves_on_the_schema_of_the_last_release(
    tmp_path: Path, database: str, released: Path
) -> None:
    if newest_revision(released) < needed():
        pytest.skip(f"this program needs revision {needed()}: migrate before it starts")
    migrate(tmp_path, database, released)
    with serving(tmp_path, database, ROOT) as service:
        # That release had no tables for verifications and keys: those wait for the migration.
        expect_no_failures(service, without=("verif", "/keys"))
