"""Several processes on the same ports: how they share, are replaced, and end together."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from customers.devtools import locks
from tests.support.postgres_servers import end_server, start_test_server
from tests.support.service_process import (
    Service,
    a_customer,
    a_free_port,
    ask,
    connected,
    eventually,
    is_alive,
    launched,
    serving,
    status_of,
)

CUSTOMERS = "/api/v1/customers"
COUNTED = re.compile(r'customers_http_requests_total\{method="GET",route="/live".*\} (\d+)\.0')


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """Names a database that is there and empty when the first one comes."""
    server, name = start_test_server(), f"workers_{uuid4().hex}"
    asyncio.run(_run(server, f"CREATE DATABASE {name}"))
    return {"DATABASE_URL": f"{server.removesuffix('/postgres')}/{name}"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service"), *_two_workers(), environ=environ) as service:
        yield service
        assert service.end() == 0


def test_workers_serve_one_port_and_one_database(service: Service) -> None:
    assert service.pid == service.process.pid
    assert len(service.children()) == 2
    with closing(connected(service)) as one, closing(connected(service)) as other:
        _, created, _ = ask(one, "POST", CUSTOMERS, a_customer("Shared"))
        assert ask(other, "GET", f"{CUSTOMERS}/{created['id']}")[0] == 200


def test_the_metrics_of_any_worker_are_those_of_all(service: Service) -> None:
    before = _counted(service)
    for _ in range(20):
        assert status_of(service, "/live") == 200
    for _ in range(5):
        assert _counted(service) == before + 20


def test_nobody_sees_the_address_of_the_database_in_the_list_of_processes(service: Service) -> None:
    for number in (service.pid, *service.children()):
        assert b"postgres" not in Path(f"/proc/{number}/cmdline").read_bytes()


def test_a_worker_that_dies_is_replaced_and_the_other_serves_meanwhile(service: Service) -> None:
    dying, staying = service.children()
    os.kill(dying, signal.SIGKILL)
    eventually(lambda: service.children() == [staying])
    assert {status_of(service, "/live") for _ in range(10)} == {200}
    eventually(lambda: len(service.children()) == 2)
    assert "a worker has died" in service.output


def test_all_end_when_the_supervisor_is_asked_to(tmp_path: Path, environ: dict[str, str]) -> None:
    with serving(tmp_path, *_two_workers(), environ=environ) as service:
        workers = service.children()
        assert service.end(signal.SIGINT) == 0
        assert not any(map(is_alive, workers))
    assert (service.errors, service.ready_file.exists()) == ("", False)


def test_a_database_of_their_own_starts_before_them_and_ends_after_them(tmp_path: Path) -> None:
    folder = tmp_path / ".local" / "share" / "customers" / "postgres"
    try:
        with serving(tmp_path, *_two_workers()) as service:
            assert status_of(service, "/ready") == 200
            assert service.end() == 0
        assert not locks.is_held(folder / "server.lock")
        assert service.errors == ""
    finally:
        end_server(folder)


def test_workers_end_by_themselves_when_the_supervisor_is_killed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    there = {**environ, "TMPDIR": str(tmp_path)}
    with serving(tmp_path, *_two_workers(), environ=there) as service:
        workers = service.children()
        assert list(tmp_path.glob("customers-metrics-*"))
        service.end(signal.SIGKILL)
        eventually(lambda: not any(map(is_alive, workers)))
    assert not list(tmp_path.glob("customers-metrics-*"))


@pytest.mark.parametrize(("option", "interface"), [("--port", "HTTP"), ("--rpc-port", "gRPC")])
def test_a_port_that_another_program_shares_with_whoever_asks_is_taken(
    tmp_path: Path, environ: dict[str, str], option: str, interface: str
) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        asked = ("serve", *_two_workers(), option, port)
        with launched(tmp_path, *asked, environ=environ) as service:
            assert service.exit_code() == 1
    assert service.errors.startswith(f"Error: cannot serve {interface} at 127.0.0.1:{port}: ")
    assert service.errors.count("\n") == 1


def _two_workers() -> tuple[str, ...]:
    ports = ("--port", str(a_free_port()), "--rpc-port", str(a_free_port()))
    return ("--workers", "2", *ports)


def _counted(service: Service) -> int:
    """How many calls of /live the metrics know."""
    with closing(connected(service)) as connection:
        connection.request("GET", "/metrics")
        found = COUNTED.search(connection.getresponse().read().decode())
        return int(found[1]) if found else 0


async def _run(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()
