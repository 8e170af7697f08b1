"""Processes that are measured: the service, and a bare aiohttp handler beside it."""

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
_LONGEST_START = 60.0


@frozen(kw_only=True)
class Serving:
    """A process that serves: its number, where it listens, and after how long it did."""

    pid: int
    http: str
    grpc: str
    seconds_to_start: float

    @property
    def resident_bytes(self) -> int:
        """The memory that the process itself holds, without its children's."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def service(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    """`customers serve` on free ports; what it logs is thrown away."""
    options = ("serve", "--port", "0", "--rpc-port", "0", "--ready-file")
    async with _started([str(_SERVICE), *options], environment) as serving:
        yield serving


def on(dsn: str, *, workers: int = 1) -> dict[str, str]:
    """The environment of a service in production."""
    return {"ENVIRONMENT": "production", "DATABASE_URL": dsn, "WORKERS": str(workers)}


@asynccontextmanager
async def bare_handler() -> AsyncIterator[Serving]:
    """See `benchmarks.bare`."""
    async with _started([sys.executable, "-m", "benchmarks.bare"], {}) as serving:
        yield serving


async def median_start(environment: Mapping[str, str], times: int) -> float:
    """Seconds from starting the process until it serves."""
    seconds = []
    for _ in range(times):
        async with service(environment) as serving:
            seconds.append(serving.seconds_to_start)
    return statistics.median(seconds)


@asynccontextmanager
async def _started(command: list[str], environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        background_tasks = time.perf_counter()
        process = subprocess.Popen(
            [*command, ready], env=os.environ | environment, stdout=subprocess.DEVNULL
        )
        try:
            while not ready.exists():
                if (
                    process.poll() is not None
                    or time.perf_counter() - background_tasks > _LONGEST_START
                ):
                    raise ChildProcessError(f"{' '.join(command)} does not serve")
                await asyncio.sleep(0.005)
            seconds = time.perf_counter() - background_tasks
            told = json.loads(ready.read_text())
            yield Serving(
                pid=process.pid, http=told["http"], grpc=told["grpc"], seconds_to_start=seconds
            )
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)
