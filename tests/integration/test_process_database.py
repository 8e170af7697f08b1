"""The service as a process whose database is missing, late, lost, or embedded."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import asyncpg
import grpc
import pytest
from attrs import define

from customers.devtools import cluster, locks
from customers.devtools.server import Server
from customers.devtools.server import start as start_server
from customers.entrypoints.grpc.generated.customers_pb2 import CancelOrderRequest
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.access import TRUSTED
from tests.support.forked_program import start_command, start_service
from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.postgres_servers import end_server
from tests.support.service_process import (
    FREE_PORTS,
    Service,
    a_customer,
    a_free_port,
    call,
    connect,
    get_status,
)

CUSTOMERS = "/api/v1/customers"
UNKNOWN = f"{CUSTOMERS}/{UUID(int=7)}"
UNAVAILABLE = "the storage is not available, try again in a moment"


@define
class OwnServer:
    """A PostgreSQL server that tests start and stop, always on the same port."""

    folder: Path
    port: int
    _server: Server | None = None

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster, "_free_port", lambda: self.port)
            self._server = self._server or start_server(self.folder, durable=False)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    def create_database(self, name: str) -> str:
        """Creates a database; returns its URL."""
        assert self._server is not None
        asyncio.run(_run(self._server.dsn, f"CREATE DATABASE {name}"))
        return f"{self._server.dsn.removesuffix('/postgres')}/{name}"


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    server = OwnServer(folder=tmp_path_factory.mktemp("database"), port=a_free_port())
    yield server
    end_server(server.folder)


@pytest.fixture
def server(own_server: OwnServer) -> OwnServer:
    """The server, running."""
    own_server.start()
    return own_server


def test_development_waits_for_its_database_and_migrates_it(
    tmp_path: Path, server: OwnServer
) -> None:
    environ = {"DATABASE_URL": server.create_database("late")}
    server.stop()
    with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
        _check_unavailable(service)
        server.start()
        wait_until(lambda: get_status(service, "/ready") == 200)
        assert _create(service, "Late") == 201
        assert service.stop() == 0


def test_production_waits_for_its_database_and_for_its_migration(
    tmp_path: Path, server: OwnServer
) -> None:
    environ = {
        "DATABASE_URL": server.create_database("shop"),
        "ENVIRONMENT": "production",
        **TRUSTED,
    }
    server.stop()
    with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
        _check_unavailable(service)
        server.start()
        with start_command(tmp_path, "migrate", environ=environ) as migration:
            assert migration.exit_code() == 0
        wait_until(lambda: get_status(service, "/ready") == 200)
        assert get_status(service, UNKNOWN) == 404


def test_calls_get_503_while_the_database_is_lost_under_load(
    tmp_path: Path, server: OwnServer
) -> None:
    environ = {"DATABASE_URL": server.create_database("busy"), "LOG_LEVEL": "warning"}
    with start_service(tmp_path, *FREE_PORTS, environ=environ) as service, Load(service) as load:
        load.wait_for(201)
        server.stop()
        load.wait_for(503)
        assert (get_status(service, "/health"), get_status(service, "/live")) == (503, 200)
        server.start()
        load.wait_for(201)
        load.wait_for(200)
        wait_until(lambda: get_status(service, "/ready") == 200)
    assert load.statuses == {200, 201, 503}
    assert "Traceback" not in service.output


def test_a_database_in_another_currency_prevents_the_start(
    tmp_path: Path, server: OwnServer
) -> None:
    environ = {"DATABASE_URL": server.create_database("dollars")}
    with start_service(tmp_path, *FREE_PORTS, environ=environ):
        pass
    with start_command(
        tmp_path, "serve", *FREE_PORTS, "--currency", "JPY", environ=environ
    ) as other:
        assert other.exit_code() == 1
    assert "in USD and CURRENCY is JPY: set CURRENCY to USD" in other.errors
    assert other.errors.count("\n") == 1


def test_migrating_an_unreachable_database_is_one_sentence(tmp_path: Path) -> None:
    address = f"postgres://user:hunter2@127.0.0.1:{a_free_port()}/customers"
    with start_command(tmp_path, "migrate", environ={"DATABASE_URL": address}) as migration:
        assert migration.exit_code() == 1
    port = address.rpartition(":")[2].partition("/")[0]
    assert migration.errors == (
        f"Error: PostgreSQL at 127.0.0.1:{port}, database customers, role user: no server listens "
        "there (connection refused): start PostgreSQL, or correct the host and the port in "
        "DATABASE_URL\n"
    )


def test_stored_data_survives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / ".local" / "share" / "customers" / "postgres"
    try:
        with start_service(tmp_path, *FREE_PORTS) as service:
            assert _create(service, "Stored") == 201
            service.stop(signal.SIGKILL)
            assert locks.is_held(folder / "server.lock")
        service.ready_file.unlink()
        with start_service(tmp_path, *FREE_PORTS) as service:
            assert _create(service, "Stored") == 200
            assert service.stop() == 0
        assert not locks.is_held(folder / "server.lock")
        assert service.errors == ""
    finally:
        end_server(folder)


def test_a_signal_while_the_embedded_database_starts_stops_both(tmp_path: Path) -> None:
    folder = tmp_path / ".local" / "share" / "customers" / "postgres"
    with start_command(tmp_path, "serve", *FREE_PORTS) as service:
        wait_until((folder / "new").exists)
        assert service.stop() == 0
    assert (service.errors, "serving" in service.output) == ("", False)
    assert not locks.is_held(folder / "server.lock")


class Load:
    """Callers that create and read customers until the block ends, and the statuses they get."""

    def __init__(self, service: Service) -> None:
        self.statuses: set[int] = set()
        self._service = service
        self._latest: list[int] = []
        self._is_over = threading.Event()
        self._callers = [threading.Thread(target=self._call, args=(n,)) for n in range(4)]

    def __enter__(self) -> "Load":
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for caller in self._callers:
            caller.join()

    def wait_for(self, status: int) -> None:
        """Waits until a caller gets the status after this call."""
        self._latest.clear()
        wait_until(lambda: status in self._latest)

    def _call(self, number: int) -> None:
        name, count = f"Caller{number}", 0
        with closing(connect(self._service)) as connection:
            while not self._is_over.is_set():
                count += 1
                self._record(call(connection, "POST", CUSTOMERS, a_customer(f"{name}-{count}"))[0])
                self._record(call(connection, "POST", CUSTOMERS, a_customer(name))[0])

    def _record(self, status: int) -> None:
        self.statuses.add(status)
        self._latest.append(status)


def _check_unavailable(service: Service) -> None:
    """Checks that the process lives, and that calls that need the database report it."""
    with closing(connect(service)) as connection:
        assert call(connection, "GET", "/live")[0] == 200
        status, content, _ = call(connection, "GET", "/health")
        assert (status, content["status"], content["database"]) == (503, "unhealthy", "down")
        assert call(connection, "GET", "/ready")[0] == 503
        status, content, headers = call(connection, "GET", UNKNOWN)
        assert (status, content["error"], content["code"]) == (
            503,
            UNAVAILABLE,
            "STORAGE_UNAVAILABLE",
        )
        assert int(headers["Retry-After"]) > 0
        status, content, headers = call(connection, "GET", f"{UNKNOWN}/addresses")
        assert (status, content["error"]["code"]) == (503, "STORAGE_UNAVAILABLE")
        assert int(headers["Retry-After"]) > 0
    with grpc.insecure_channel(service.grpc) as channel:
        request = CancelOrderRequest(tenant_id="tenant", customer_id=str(UUID(int=7)), order_id="1")
        with pytest.raises(grpc.RpcError) as raised:
            CustomersServiceStub(channel).CancelOrder(  # type: ignore[arg-type]
                request, timeout=PATIENCE_SECONDS, wait_for_ready=True
            )
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


def _create(service: Service, name: str) -> int:
    with closing(connect(service)) as connection:
        return call(connection, "POST", CUSTOMERS, a_customer(name))[0]


async def _run(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()
