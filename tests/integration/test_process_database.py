"""The service as a process whose database is away, comes late, goes, or is the service's own."""

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
from customers.devtools.server import Server, start
from customers.entrypoints.grpc.generated.customers_pb2 import CancelOrderRequest
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.postgres_servers import end_server
from tests.support.service_process import (
    FREE_PORTS,
    Service,
    a_customer,
    a_free_port,
    ask,
    connected,
    eventually,
    launched,
    serving,
    status_of,
)

CUSTOMERS = "/api/v1/customers"
NOBODY = f"{CUSTOMERS}/{UUID(int=7)}"
AWAY = "the storage is not available, try again in a moment"


@define
class OwnServer:
    """A server that comes and goes, always on the same port."""

    folder: Path
    port: int
    _server: Server | None = None

    def come(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster, "_free_port", lambda: self.port)
            self._server = self._server or start(self.folder, durable=False)

    def go(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    def made(self, name: str) -> str:
        """The URL of a new database."""
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
    """The server, which is there."""
    own_server.come()
    return own_server


def test_in_development_it_waits_for_its_database_and_migrates_it(
    tmp_path: Path, server: OwnServer
) -> None:
    environ = {"DATABASE_URL": server.made("late")}
    server.go()
    with serving(tmp_path, *FREE_PORTS, environ=environ) as service:
        _check_away(service)
        server.come()
        eventually(lambda: status_of(service, "/ready") == 200)
        assert _created(service, "Late") == 201
        assert service.end() == 0


def test_in_production_it_waits_for_its_database_and_for_who_migrates_it(
    tmp_path: Path, server: OwnServer
) -> None:
    environ = {"DATABASE_URL": server.made("shop"), "ENVIRONMENT": "production"}
    server.go()
    with serving(tmp_path, *FREE_PORTS, environ=environ) as service:
        _check_away(service)
        server.come()
        with launched(tmp_path, "migrate", environ=environ) as migrating:
            assert migrating.exit_code() == 0
        eventually(lambda: status_of(service, "/ready") == 200)
        assert status_of(service, NOBODY) == 404


def test_a_database_that_goes_under_load_and_comes_back_is_503_in_between(
    tmp_path: Path, server: OwnServer
) -> None:
    environ = {"DATABASE_URL": server.made("busy"), "LOG_LEVEL": "warning"}
    with serving(tmp_path, *FREE_PORTS, environ=environ) as service, Load(service) as load:
        load.hears(201)
        server.go()
        load.hears(503)
        assert (status_of(service, "/health"), status_of(service, "/live")) == (503, 200)
        server.come()
        load.hears(201)
        load.hears(200)
        eventually(lambda: status_of(service, "/ready") == 200)
    assert load.heard == {200, 201, 503}
    assert "Traceback" not in service.output


def test_amounts_in_another_currency_stop_the_start(tmp_path: Path, server: OwnServer) -> None:
    environ = {"DATABASE_URL": server.made("dollars")}
    with serving(tmp_path, *FREE_PORTS, environ=environ):
        pass
    with launched(tmp_path, "serve", *FREE_PORTS, "--currency", "JPY", environ=environ) as other:
        assert other.exit_code() == 1
    assert "in USD and CURRENCY is JPY: set CURRENCY to USD" in other.errors
    assert other.errors.count("\n") == 1


def test_migrating_a_database_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    address = f"postgres://user:hunter2@127.0.0.1:{a_free_port()}/customers"
    with launched(tmp_path, "migrate", environ={"DATABASE_URL": address}) as migrating:
        assert migrating.exit_code() == 1
    assert migrating.errors == f"Error: {AWAY}\n"


def test_what_was_stored_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    folder = tmp_path / ".local" / "share" / "customers" / "postgres"
    try:
        with serving(tmp_path, *FREE_PORTS) as service:
            assert _created(service, "Kept") == 201
            service.end(signal.SIGKILL)
            assert locks.is_held(folder / "server.lock")
        service.ready_file.unlink()
        with serving(tmp_path, *FREE_PORTS) as service:
            assert _created(service, "Kept") == 200
            assert service.end() == 0
        assert not locks.is_held(folder / "server.lock")
        assert service.errors == ""
    finally:
        end_server(folder)


def test_a_signal_while_its_own_database_starts_ends_both(tmp_path: Path) -> None:
    folder = tmp_path / ".local" / "share" / "customers" / "postgres"
    with launched(tmp_path, "serve", *FREE_PORTS) as service:
        eventually((folder / "new").exists)
        assert service.end() == 0
    assert (service.errors, "serving" in service.output) == ("", False)
    assert not locks.is_held(folder / "server.lock")


class Load:
    """Callers that create and read customers until the block ends, and what they hear."""

    def __init__(self, service: Service) -> None:
        self.heard: set[int] = set()
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

    def hears(self, status: int) -> None:
        """Returns when the status is heard from now on."""
        self._latest.clear()
        eventually(lambda: status in self._latest)

    def _call(self, number: int) -> None:
        name, count = f"Caller{number}", 0
        with closing(connected(self._service)) as connection:
            while not self._is_over.is_set():
                count += 1
                self._hear(ask(connection, "POST", CUSTOMERS, a_customer(f"{name}-{count}"))[0])
                self._hear(ask(connection, "POST", CUSTOMERS, a_customer(name))[0])

    def _hear(self, status: int) -> None:
        self.heard.add(status)
        self._latest.append(status)


def _check_away(service: Service) -> None:
    """Everything that needs the database says that it is away; the process lives."""
    with closing(connected(service)) as connection:
        assert ask(connection, "GET", "/live")[0] == 200
        status, said, _ = ask(connection, "GET", "/health")
        assert (status, said["status"], said["database"]) == (503, "unhealthy", "down")
        assert ask(connection, "GET", "/ready")[0] == 503
        status, said, headers = ask(connection, "GET", NOBODY)
        assert (status, said["error"], said["code"]) == (503, AWAY, "STORAGE_UNAVAILABLE")
        assert int(headers["Retry-After"]) > 0
        status, said, headers = ask(connection, "GET", f"{NOBODY}/addresses")
        assert (status, said["error"]["code"]) == (503, "STORAGE_UNAVAILABLE")
        assert int(headers["Retry-After"]) > 0
    with grpc.insecure_channel(service.grpc) as channel:
        asked = CancelOrderRequest(tenant_id="tenant", customer_id=str(UUID(int=7)), order_id="1")
        with pytest.raises(grpc.RpcError) as refused:
            CustomersServiceStub(channel).CancelOrder(  # type: ignore[arg-type]
                asked, timeout=30, wait_for_ready=True
            )
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def _created(service: Service, name: str) -> int:
    with closing(connected(service)) as connection:
        return ask(connection, "POST", CUSTOMERS, a_customer(name))[0]


async def _run(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()
