"""The service as a process of its own, in memory, with its test API; or one that runs already."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import PackageNotFoundError, distribution
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

# The service's settings. Where tests run they are those of what is tested: a DATABASE_URL of its
# own would keep the service from starting, a CURRENCY would change every amount.
SETTINGS = frozenset(
    "CURRENCY DATABASE_URL DATA_DIR ENVIRONMENT HOST LOG_LEVEL POOLER POOL_SIZE POOL_TIMEOUT PORT"
    " RPC_PORT STATEMENT_TIMEOUT STORAGE SWEEP_SECONDS WORKERS".split()
)


class ServiceDidNotStart(RuntimeError):
    """The service did not come to serve; the message says why, in its own words."""


class Server:
    """Where the service serves: `http` is the address of REST, `grpc` the host and port of gRPC.

    A proxy of the environment is not asked for one that `is_own`: it is on this machine.
    """

    def __init__(self, http: str, grpc: str, *, is_own: bool = False) -> None:
        self.http = http
        self.grpc = grpc
        self.client = httpx.Client(base_url=http, timeout=PATIENCE_SECONDS, trust_env=not is_own)
        self._channel_options = [("grpc.enable_http_proxy", 0)] if is_own else []
        self._channels: list[Channel] = []

    def channel(self) -> Channel:
        """A channel for stubs of your own, which is closed when the server ends."""
        if not self.grpc:
            raise ValueError(f"the gRPC address of {self.http} is not known: give --customers-grpc")
        channel = insecure_channel(self.grpc, self._channel_options)
        self._channels.append(channel)
        return channel

    def close(self) -> None:
        self.client.close()
        for channel in self._channels:
            channel.close()


@contextmanager
def known(http: str, grpc: str) -> Iterator[Server]:
    """A service that runs already, and goes on running behind the block."""
    with closing(Server(http.rstrip("/"), grpc)) as server:
        yield server


@contextmanager
def running(command: str = "", options: Sequence[str] = ()) -> Iterator[Server]:
    """A service of our own while the block runs. Raises ServiceDidNotStart."""
    with TemporaryDirectory(prefix="customers-") as folder:
        process, log = _launched(command, options, Path(folder))
        try:
            told = _ready(process, Path(folder) / "ready.json", log)
            with closing(Server(told["http"], told["grpc"], is_own=True)) as server:
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
            process = subprocess.Popen(
                [*words, *arguments],
                env={name: it for name, it in os.environ.items() if name not in SETTINGS},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise ServiceDidNotStart(f"{words[0]!r} cannot be run: {error}") from error
    return process, log


def _own_command() -> list[str]:
    """The service that is installed beside the kit, or the command `customers` of the PATH."""
    try:
        distribution("customers-service")
    except PackageNotFoundError:
        return ["customers"]
    # -P: a folder `customers` where the tests run is the caller's, and does not hide the service.
    return [sys.executable, "-P", "-m", "customers.entrypoints.cli"]


def _ready(process: "subprocess.Popen[bytes]", file: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        if process.poll() is not None:
            said = log.read_text("utf-8", "replace").strip() or f"exit code {process.returncode}"
            raise ServiceDidNotStart(f"the customers service ended at once: {said}")
        if time.monotonic() > deadline:
            said = log.read_text("utf-8", "replace").strip() or "it said nothing"
            raise ServiceDidNotStart(
                f"the customers service did not serve in {PATIENCE_SECONDS:g} seconds: {said}"
            )
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
