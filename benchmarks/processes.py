"""Starts and stops the measured processes: the service, and a bare aiohttp handler."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import frozen

_SERVICE = Path(sys.executable).with_name("customers")
_MAX_START_SECONDS = 60.0


@frozen(kw_only=True)
class ServerProcess:
    """A running server: its process, its addresses, and how many seconds it took to start.

    `probes` is the address of METRICS_PORT; empty without one.
    """

    process: subprocess.Popen[bytes]
    http: str
    grpc: str
    probes: str
    seconds_to_start: float

    @property
    def pid(self) -> int:
        return self.process.pid

    async def stop(self) -> int:
        """Sends SIGTERM, and returns the exit code."""
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait)

    @property
    def resident_bytes(self) -> int:
        """The resident memory of the process without its children."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def service(
    environment: Mapping[str, str], *, log: Path = Path(os.devnull), max_files: int | None = None
) -> AsyncIterator[ServerProcess]:
    """Runs `customers serve` on free ports. It can open at most `max_files` files."""
    options = ("serve", "--port", "0", "--rpc-port", "0", "--ready-file")
    async with _start([str(_SERVICE), *options], environment, log, max_files) as server:
        yield server


def production_environment(dsn: str, *, workers: int = 1) -> dict[str, str]:
    """The environment of a service in production that permits every call from this machine."""
    access = {"AUTH": "gateway", "GATEWAY_PEERS": "127.0.0.1/32", "GATEWAY_ANONYMOUS": "*"}
    return {
        "ENVIRONMENT": "production",
        "DATABASE_URL": dsn,
        "WORKERS": str(workers),
        "ROW_SECURITY": "off",  # the DSN is that of a superuser
        **access,
    }


@asynccontextmanager
async def bare_handler() -> AsyncIterator[ServerProcess]:
    """Runs `benchmarks.bare`."""
    async with _start([sys.executable, "-m", "benchmarks.bare"], {}) as server:
        yield server


async def median_start(environment: Mapping[str, str], times: int) -> float:
    """The median time from the start of a service until it serves, in seconds."""
    seconds = []
    for _ in range(times):
        async with service(environment) as server:
            seconds.append(server.seconds_to_start)
    return statistics.median(seconds)


@asynccontextmanager
async def _start(
    command: list[str],
    environment: Mapping[str, str],
    log: Path = Path(os.devnull),
    max_files: int | None = None,
) -> AsyncIterator[ServerProcess]:
    limited = () if max_files is None else ("prlimit", f"--nofile={max_files}")
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as output:
        ready = Path(folder) / "ready.json"
        started = time.perf_counter()
        process = subprocess.Popen(
            [*limited, *command, ready], env=os.environ | environment, stdout=output
        )
        try:
            while not ready.exists():
                if process.poll() is not None or time.perf_counter() - started > _MAX_START_SECONDS:
                    raise ChildProcessError(f"{' '.join(command)} did not start")
                await asyncio.sleep(0.005)
            seconds = time.perf_counter() - started
            addresses = json.loads(ready.read_text())
            yield ServerProcess(
                process=process,
                http=addresses["http"],
                grpc=addresses["grpc"],
                probes=addresses.get("metrics", ""),
                seconds_to_start=seconds,
            )
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)
