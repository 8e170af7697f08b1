"""The command `customers` as a process of its own, for tests of how it starts, serves and ends.

Whatever becomes of the test, the process and its workers are gone when the block ends; a database
of its own is the business of the test.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from tests.support.schema_check import expect_described

COMMAND = (str(Path(sys.executable).with_name("customers")),)
FREE_PORTS = ("--port", "0", "--rpc-port", "0")
MEMORY = ("--storage", "memory", *FREE_PORTS)
PATIENCE_SECONDS = 60.0
SECONDS_TO_END = 15.0


@frozen(kw_only=True)
class Launched:
    """A process, and what it wrote."""

    process: "subprocess.Popen[bytes]"
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

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.send(number)
        return self.exit_code()

    def exit_code(self) -> int:
        """Waits no longer than an end may take."""
        return self.process.wait(SECONDS_TO_END)

    def children(self) -> list[int]:
        """The processes that it has started and that live."""
        number = self.process.pid
        return [
            int(each) for each in Path(f"/proc/{number}/task/{number}/children").read_text().split()
        ]


@frozen(kw_only=True)
class Service(Launched):
    """One that has written its ready file, and what was in there."""

    http: str
    grpc: str
    pid: int
    storage: str


@contextmanager
def launched(
    folder: Path,
    *arguments: str,
    command: tuple[str, ...] = COMMAND,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Launched]:
    """The command in an environment of its own, whose home is the folder."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **(environ or {})}
    with (folder / "out.log").open("ab") as out, (folder / "errors.log").open("ab") as errors:
        process = subprocess.Popen(
            [*command, *arguments],
            env=environment,
            cwd=folder,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield Launched(process=process, folder=folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def serving(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """`customers serve` that has said that it is ready."""
    ready = ("--ready-file", str(folder / "ready.json"))
    with launched(folder, "serve", *ready, *arguments, environ=environ) as launch:
        yield became_ready(launch)


def became_ready(launch: Launched) -> Service:
    """The same process once it serves. Raises AssertionError when it ends before."""
    process, file = launch.process, launch.ready_file
    eventually(lambda: file.exists() or process.poll() is not None)
    assert process.poll() is None, f"it has ended: {launch.errors}\n{launch.output}"
    return Service(process=process, folder=launch.folder, **json.loads(file.read_text()))


def connected(service: Service) -> HTTPConnection:
    """A connection of its own, that is kept alive until the service closes it."""
    where = urlsplit(service.http)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_SECONDS)
    connection.connect()
    return connection


def ask(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: object = None,
    *,
    accept: str = "application/json",
) -> tuple[int, dict[str, Any], HTTPMessage]:
    """Status, JSON and headers of an answer."""
    headers = {"X-Tenant-ID": "tenant", "Content-Type": "application/json", "Accept": accept}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    status, said, told = read(connection)
    expect_described(method, path, status, dict(told.items()), json.dumps(said).encode())
    return status, said, told


def read(connection: HTTPConnection) -> tuple[int, dict[str, Any], HTTPMessage]:
    """As `ask`, of an answer to what was sent already."""
    answer = connection.getresponse()
    said: dict[str, Any] = json.loads(answer.read())
    return answer.status, said, answer.headers


def status_of(service: Service, path: str) -> int | None:
    """The status of an answer over a new connection; None when nobody answers."""
    try:
        with closing(connected(service)) as connection:
            connection.request("GET", path, headers={"X-Tenant-ID": "tenant"})
            return connection.getresponse().status
    except (OSError, HTTPException):
        return None


def a_customer(name: str) -> dict[str, str]:
    return {"email": f"{name}@example.test", "firstName": name, "lastName": ""}


def eventually(holds: Callable[[], bool]) -> None:
    """Returns when it holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"in vain: {holds}"
        time.sleep(0.02)


def a_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def is_alive(number: int) -> bool:
    """Whether a process of that number runs, and has not ended without its parent's knowledge."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] != "Z"
