"""Several processes on the same ports: how they share them, are replaced, and stop together."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from customers.adapters.postgres.engine.revisions import head
from customers.devtools import locks
from tests.support.metric_samples import value
from tests.support.patience import wait_until
from tests.support.postgres_servers import end_server, start_test_server
from tests.support.service_process import (
    Service,
    a_customer,
    a_free_port,
    call,
    connect,
    get_status,
    is_alive,
    start_command,
    start_service,
)

CUSTOMERS = "/api/v1/customers"
LIVE_CALLS = re.compile(r'customers_http_requests_total\{method="GET",route="/live".*\} (\d+)\.0')


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """The environment of a service on a new, empty database."""
    server, name = start_test_server(), f"workers_{uuid4().hex}"
    asyncio.run(_run(server, f"CREATE DATABASE {name}"))
    return {"DATABASE_URL": f"{server.removesuffix('/postgres')}/{name}"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]) -> Iterator[Service]:
    with start_service(
        tmp_path_factory.mktemp("service"), *_two_workers(), environ=environ
    ) as service:
        yield service
        assert service.stop() == 0


def test_workers_share_one_port_and_one_database(service: Service) -> None:
    assert service.pid == service.process.pid
    assert len(service.children()) == 2
    with closing(connect(service)) as one, closing(connect(service)) as other:
        _, created, _ = call(one, "POST", CUSTOMERS, a_customer("Shared"))
        assert call(other, "GET", f"{CUSTOMERS}/{created['id']}")[0] == 200


def test_every_worker_reports_the_metrics_of_all(service: Service) -> None:
    before = _live_calls(service)
    for _ in range(20):
        assert get_status(service, "/live") == 200
    for _ in range(5):
        assert _live_calls(service) == before + 20


def test_every_worker_reports_the_resources_of_all(service: Service) -> None:
    workers = service.children()
    max_fds = sum(int(_own(pid, "limits", r"Max open files +(\d+)")) for pid in workers)
    wait_until(lambda: _metric(service, "process_max_fds") == max_fds)
    assert {_metric(service, "process_max_fds") for _ in range(5)} == {max_fds}
    largest = max(1024 * int(_own(pid, "status", r"VmRSS:\s+(\d+)")) for pid in workers)
    assert min(_metric(service, "process_resident_memory_bytes") for _ in range(5)) > 1.2 * largest


def test_every_worker_reports_one_leader_one_schema_and_the_pools_of_all(service: Service) -> None:
    for name, expected in (
        ("customers_sweeper_leader", 1),
        ("customers_schema_revision", int(head())),
        ("customers_pool_connections_max", 20),
    ):
        wait_until(partial(_is_metric, service, name, expected))
        assert {_metric(service, name) for _ in range(5)} == {expected}


def test_the_list_of_processes_does_not_show_the_database_url(service: Service) -> None:
    for pid in (service.pid, *service.children()):
        assert b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_worker_that_dies_is_replaced_while_the_other_serves(service: Service) -> None:
    dying, staying = service.children()
    os.kill(dying, signal.SIGKILL)
    wait_until(lambda: service.children() == [staying])
    assert {get_status(service, "/live") for _ in range(10)} == {200}
    wait_until(lambda: len(service.children()) == 2)
    assert "worker exited" in service.output


def test_a_signal_to_the_supervisor_stops_all_workers(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with start_service(tmp_path, *_two_workers(), environ=environ) as service:
        workers = service.children()
        assert service.stop(signal.SIGINT) == 0
        assert not any(map(is_alive, workers))
    assert (service.errors, service.ready_file.exists()) == ("", False)


def test_the_embedded_database_starts_before_the_workers_and_stops_after_them(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".local" / "share" / "customers" / "postgres"
    try:
        with start_service(tmp_path, *_two_workers()) as service:
            assert get_status(service, "/ready") == 200
            assert service.stop() == 0
        assert not locks.is_held(folder / "server.lock")
        assert service.errors == ""
    finally:
        end_server(folder)


def test_workers_stop_when_the_supervisor_is_killed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    environment = {**environ, "TMPDIR": str(tmp_path)}
    with start_service(tmp_path, *_two_workers(), environ=environment) as service:
        workers = service.children()
        assert list(tmp_path.glob("customers-metrics-*"))
        service.stop(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, workers)))
    assert not list(tmp_path.glob("customers-metrics-*"))


@pytest.mark.parametrize(("option", "interface"), [("--port", "HTTP"), ("--rpc-port", "gRPC")])
def test_a_port_that_another_program_shares_is_taken(
    tmp_path: Path, environ: dict[str, str], option: str, interface: str
) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        arguments = ("serve", *_two_workers(), option, port)
        with start_command(tmp_path, *arguments, environ=environ) as service:
            assert service.exit_code() == 1
    assert service.errors.startswith(f"Error: cannot serve {interface} at 127.0.0.1:{port}: ")
    assert service.errors.count("\n") == 1


def _two_workers() -> tuple[str, ...]:
    ports = ("--port", str(a_free_port()), "--rpc-port", str(a_free_port()))
    return ("--workers", "2", *ports)


def _live_calls(service: Service) -> int:
    """The number of calls of /live in the metrics."""
    match = LIVE_CALLS.search(_metrics(service))
    return int(match[1]) if match else 0


def _is_metric(service: Service, name: str, expected: float) -> bool:
    return _metric(service, name) == expected


def _metric(service: Service, name: str) -> float:
    """The value of a metric without labels, 0 if it does not exist."""
    return value(_metrics(service), name) or 0


def _metrics(service: Service) -> str:
    """The metrics as one of the workers renders them."""
    with closing(connect(service)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def _own(pid: int, file: str, pattern: str) -> str:
    """The first group of the pattern in a file of a process below /proc."""
    match = re.search(pattern, Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8"))
    assert match
    return match[1]


async def _run(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()
