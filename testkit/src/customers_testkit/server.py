"""The service as a process of its own, in memory, with its test API; or one that runs already."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from grpc import Channel, insecure_channel

PATIENCE_SECONDS = 30.0
SECONDS_TO_END = 15.0
OPTIONS = (
    *("serve", "--storage", "memory", "--test-api", "--ids", "sequential"),
    *("--port", "0", "--rpc-port", "0", "--log-level", "warning"),
)


class ServiceDidNotStart(RuntimeError):
    """The service did not come to serve; the message says why, in its own words."""


class Server:
    """Where the service serves: `http` is the address of REST, `grpc` the host and port of gRPC."""

    def __init__(self, http: str, grpc: str) -> None:
        self.http = http
        self.grpc = grpc
        self.client = httpx.Client(base_url=http, timeout=PATIENCE_SECONDS)
        self._channels: list[Channel] = []

    def channel(self) -> Channel:
        """A channel for stubs of your own, which is closed when the server ends."""
        channel = insecure_channel(self.grpc)
        self._channels.append(channel)
        return channel

    def close(self) -> None:
        self.client.close()
        for channel in self._channels:
            channel.close()


@contextmanager
def known(http: str, grpc: str) -> Iterator[Server]:
    """A service that runs already, and goes on running behind the block."""
    server = Server(http.rstrip("/"), grpc)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def running(command: str = "", options: Sequence[str] = ()) -> Iterator[Server]:
    """A service of our own while the block runs. Raises ServiceDidNotStart."""
    with TemporaryDirectory(prefix="customers-") as folder:
        process, log = _launched(command, options, Path(folder))
        try:
            told = _ready(process, Path(folder) / "ready.json", log)
            with known(told["http"], told["grpc"]) as server:
                yield server
        finally:
            _end(process)


def _launched(
    command: str, options: Sequence[str], folder: Path
) -> "tuple[subprocess.Popen[bytes], Path]":
    log = folder / "service.log"
    arguments = [*OPTIONS, *options, "--ready-file", str(folder / "ready.json")]
    words = shlex.split(command) if command else _own_command()
    with log.open("wb") as written:
        try:
            # A variable of the service's own would change what the test has started.
            environment = {
                k: v for k, v in os.environ.items() if k not in ("ENVIRONMENT", "WORKERS")
            }
            process = subprocess.Popen(
                [*words, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise ServiceDidNotStart(f"{words[0]!r} cannot be run: {error}") from error
    return process, log


def _own_command() -> list[str]:
    """The service that is installed beside the kit, or the command `customers` of the PATH."""
    if find_spec("customers") is not None:
        return [sys.executable, "-m", "customers.entrypoints.cli"]
    return ["customers"]


def _ready(process: "subprocess.Popen[bytes]", file: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        if process.poll() is not None:
            said = log.read_text("utf-8", "replace").strip() or f"exit code {process.returncode}"
            raise ServiceDidNotStart(f"the customers service ended at once: {said}")
        if time.monotonic() > deadline:
            said = log.read_text("utf-8", "replace").strip()
            raise ServiceDidNotStart(f"it did not serve in {PATIENCE_SECONDS:g} seconds: {said}")
        time.sleep(0.01)
    told: dict[str, str] = json.loads(file.read_text("utf-8"))
    return told


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and after a while SIGKILL."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
