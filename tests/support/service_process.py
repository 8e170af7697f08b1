"""The command `customers` as a process of its own, for tests of how it starts, serves and stops.

The process and its workers are killed when the block ends, even if the test fails. Tests that
start a database of their own stop it themselves.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from attrs import frozen

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.schema_check import expect_described

COMMAND = (str(Path(sys.executable).with_name("customers")),)
FREE_PORTS = ("--port", "0", "--rpc-port", "0")
MEMORY = ("--storage", "memory", *FREE_PORTS)
_TIMEOUTS = ("POOL_TIMEOUT", "REQUEST_TIMEOUT", "STATEMENT_TIMEOUT")
_PATIENT = dict.fromkeys(_TIMEOUTS, str(PATIENCE_SECONDS))


class Started(Protocol):
    """The part of a `Popen` that tests use."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int, /) -> None: ...


@frozen(kw_only=True)
class CustomersProcess:
    """A process and its output."""

    process: Started
    folder: Path

    @property
    def ready_file(self) -> Path:
        return self.folder / "ready.json"

    @property
    def output(self) -> str:
        return (self.folder / "out.log").read_text()

    @property
    def errors(self) -> str:
        return (self.folder / "errors.log").read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit code."""
        self.send(number)
        return self.exit_code()

    def exit_code(self) -> int:
        """Waits until the process exits; returns its exit code."""
        return self.process.wait(PATIENCE_SECONDS)

    def children(self) -> list[int]:
        """The ids of its running child processes."""
        pid = self.process.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]


@frozen(kw_only=True)
class Service(CustomersProcess):
    """A process that serves, with the values of its ready file.

    `metrics` is empty if metrics have no port of their own.
    """

    http: str
    grpc: str
    pid: int
    storage: str
    metrics: str = ""


@contextmanager
def start_command(
    folder: Path,
    *arguments: str,
    command: tuple[str, ...] = COMMAND,
    environ: Mapping[str, str] | None = None,
) -> Iterator[CustomersProcess]:
    """Starts the command with an environment of its own; the folder is its home."""
    environment = environment_in(folder, environ)
    with (folder / "out.log").open("ab") as out, (folder / "errors.log").open("ab") as errors:
        process = subprocess.Popen(
            [*command, *arguments],
            env=environment,
            cwd=folder,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
    with killed_at_the_end(CustomersProcess(process=process, folder=folder)) as started:
        yield started


def environment_in(folder: Path, environ: Mapping[str, str] | None) -> dict[str, str]:
    """The variables of a process whose home is the folder."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **(environ or {})}


@contextmanager
def killed_at_the_end(started: CustomersProcess) -> Iterator[CustomersProcess]:
    """Kills the process and its workers when the block ends."""
    try:
        yield started
    finally:
        for kill in (os.killpg, os.kill):  # a process that has just started leads no group yet
            with suppress(ProcessLookupError):
                kill(started.process.pid, signal.SIGKILL)
        started.process.wait()


@contextmanager
def start_service(
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    start: Callable[..., AbstractContextManager[CustomersProcess]] = start_command,
) -> Iterator[Service]:
    """Starts `customers serve` by `start`, and waits until it is ready.

    Its requests may take as long as a busy machine needs, unless `environ` says otherwise.
    """
    ready = ("--ready-file", str(folder / "ready.json"))
    environ = {**_PATIENT, **(environ or {})}
    with start(folder, "serve", *ready, *arguments, environ=environ) as started:
        yield wait_until_ready(started)


def wait_until_ready(started: CustomersProcess) -> Service:
    """The process as a Service, once it serves. Raises AssertionError if it exits before that."""
    process, file = started.process, started.ready_file
    wait_until(lambda: file.exists() or process.poll() is not None)
    assert process.poll() is None, f"it has exited: {started.errors}\n{started.output}"
    return Service(process=process, folder=started.folder, **json.loads(file.read_text()))


def connect(service: Service) -> HTTPConnection:
    """An open connection to the REST interface; the caller closes it."""
    url = urlsplit(service.http)
    connection = HTTPConnection(url.hostname or "", url.port, timeout=PATIENCE_SECONDS)
    connection.connect()
    return connection


def call(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: object = None,
    *,
    accept: str = "application/json",
) -> tuple[int, dict[str, Any], HTTPMessage]:
    """Status, JSON and headers of the response, which must match the OpenAPI document."""
    headers = {"X-Tenant-ID": "tenant", "Content-Type": "application/json", "Accept": accept}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    status, content, received = read_response(connection)
    expect_described(method, path, status, dict(received.items()), json.dumps(content).encode())
    return status, content, received


def read_response(connection: HTTPConnection) -> tuple[int, dict[str, Any], HTTPMessage]:
    """Status, JSON and headers of the response to a request that was already sent."""
    response = connection.getresponse()
    content: dict[str, Any] = json.loads(response.read())
    return response.status, content, response.headers


def get_status(service: Service, path: str) -> int | None:
    """The status of a GET over a new connection; None if there is no answer."""
    try:
        with closing(connect(service)) as connection:
            connection.request("GET", path, headers={"X-Tenant-ID": "tenant"})
            return connection.getresponse().status
    except (OSError, HTTPException):
        return None


def a_customer(name: str) -> dict[str, str]:
    return {"email": f"{name}@example.test", "firstName": name, "lastName": ""}


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] != "Z"
