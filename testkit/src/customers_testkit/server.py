"""Runs the service in memory, with its test API, or connects to a running service."""

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
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from grpc import Channel

TIMEOUT_SECONDS = 30.0
STOP_SECONDS = 15.0
OPTIONS = (
    *("serve", "--storage", "memory", "--test-api", "--ids", "sequential"),
    *("--port", "0", "--rpc-port", "0", "--log-level", "warning"),
)

# The environment variables of the service, which it does not get from the tests: there they belong
# to the tested program, whose DATABASE_URL or CURRENCY would change what the service does.
SETTINGS = frozenset(
    "ANALYTIC_POOL_SIZE ANALYTIC_TIMEOUT AUTH CARD_NUMBERS CURRENCY DATABASE_URL"
    " DATABASE_URL_FILE DATA_DIR ENVIRONMENT GATEWAY_ANONYMOUS GATEWAY_PEERS GATEWAY_SECRET"
    " GATEWAY_SECRET_FILE HOST JWT_AUDIENCE JWT_ISSUER JWT_JWKS_FILE JWT_JWKS_URL"
    " JWT_PERMISSIONS_CLAIM JWT_ROLES_CLAIM JWT_TENANT_CLAIM LOG_LEVEL MAIL_FROM"
    " MAINTAIN_SECONDS MAX_CONNECTIONS MAX_CONNECTIONS_PER_PEER METRICS_PORT NOTIFICATION_URL"
    " POOLER POOL_SIZE POOL_TIMEOUT PORT PUBLIC_DOCS PUBLIC_METRICS REQUEST_TIMEOUT ROLES_FILE"
    " ROW_SECURITY RPC_PORT SECRETS_KEY SECRETS_KEY_FILE SMTP_URL SMTP_URL_FILE"
    " STATEMENT_TIMEOUT STORAGE STOREFRONT_SERVICES STOREFRONT_URL SWEEP_SECONDS"
    " TENANT_PATTERN TLS_CERT TLS_CLIENT_CA TLS_KEY WORKERS".split()
)


class ServiceDidNotStart(RuntimeError):
    """The service did not start; the message holds its output, or why it cannot be run."""


class Server:
    """The addresses of the service: `http` of REST, `grpc` the host and port of gRPC.

    A service that `is_own` runs on this machine, so the proxies of the environment are not used.
    """

    def __init__(self, http: str, grpc: str, *, is_own: bool = False) -> None:
        self.http = http
        self.grpc = grpc
        self.client = httpx.Client(base_url=http, timeout=TIMEOUT_SECONDS, trust_env=not is_own)
        self._channel_options = [("grpc.enable_http_proxy", 0)] if is_own else []
        self._channels: list[Channel] = []

    def channel(self) -> "Channel":
        """A gRPC channel for your own stubs, closed by `close`. ValueError if `grpc` is empty."""
        if not self.grpc:
            raise ValueError(f"the gRPC address of {self.http} is unknown: set --customers-grpc")
        # Only here: every run of pytest where the kit is installed loads this module.
        from grpc import insecure_channel  # noqa: PLC0415

        channel = insecure_channel(self.grpc, self._channel_options)
        self._channels.append(channel)
        return channel

    def close(self) -> None:
        self.client.close()
        for channel in self._channels:
            channel.close()


@contextmanager
def connect(http: str, grpc: str) -> Iterator[Server]:
    """A running service, which keeps running after the block."""
    with closing(Server(http.rstrip("/"), grpc)) as server:
        yield server


@contextmanager
def running(command: str = "", options: Sequence[str] = ()) -> Iterator[Server]:
    """Starts a service, and stops it after the block. Raises ServiceDidNotStart."""
    with TemporaryDirectory(prefix="customers-") as folder:
        process, log = _launch(command, options, Path(folder))
        try:
            addresses = _wait_until_ready(process, Path(folder) / "ready.json", log)
            with closing(Server(addresses["http"], addresses["grpc"], is_own=True)) as server:
                yield server
        finally:
            _stop(process)


def _launch(
    command: str, options: Sequence[str], folder: Path
) -> "tuple[subprocess.Popen[bytes], Path]":
    log = folder / "service.log"
    arguments = [*OPTIONS, *options, "--ready-file", str(folder / "ready.json")]
    words = shlex.split(command) if command else _own_command()
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [*words, *arguments],
                env={name: value for name, value in os.environ.items() if name not in SETTINGS},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise ServiceDidNotStart(f"{words[0]!r} cannot be run: {error}") from error
    return process, log


def _own_command() -> list[str]:
    """The service installed in this environment, or the command `customers` of the PATH."""
    try:
        distribution("customers-service")
    except PackageNotFoundError:
        return ["customers"]
    # -P: a folder `customers` in the working directory must not hide the service.
    return [sys.executable, "-P", "-m", "customers.entrypoints.cli"]


def _wait_until_ready(process: "subprocess.Popen[bytes]", file: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not file.exists():
        if process.poll() is not None:
            output = log.read_text("utf-8", "replace").strip() or f"exit code {process.returncode}"
            raise ServiceDidNotStart(f"the customers service exited at start: {output}")
        if time.monotonic() > deadline:
            output = log.read_text("utf-8", "replace").strip() or "no output"
            raise ServiceDidNotStart(
                f"the customers service was not ready within {TIMEOUT_SECONDS:g} seconds: {output}"
            )
        time.sleep(0.01)
    addresses: dict[str, str] = json.loads(file.read_text("utf-8"))
    return addresses


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Sends SIGTERM, and SIGKILL if the process does not exit."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
