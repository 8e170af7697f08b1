"""Load over HTTP by wrk, a C program that needs little processor time itself."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import click
from attrs import frozen

MISSING = (
    "The benchmark loads the service with wrk, which is not installed. "
    "On Debian and Ubuntu: apt-get install wrk"
)
UNIQUE = "@" * 22
_SCRIPT = Path(__file__).with_suffix(".lua")


@frozen(kw_only=True)
class Request:
    """One request; UNIQUE in its body is replaced by a new value each time it is sent."""

    tenant: str
    path: str
    method: str = "GET"
    body: object = None

    @property
    def body_text(self) -> str:
        return "" if self.body is None else json.dumps(self.body)

    def line(self) -> str:
        return f"{self.method}\t{self.tenant}\t{self.path}\t{self.body_text}\n"


@frozen(kw_only=True)
class Load:
    """The result of some seconds of load; times in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    """Answers of 400 and above; over gRPC, orders that were not recorded."""
    broken: int
    """Connections that were lost or timed out."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def expect_installed() -> None:
    """Raises ClickException if wrk is missing."""
    if shutil.which("wrk") is None:
        raise click.ClickException(MISSING)


def write(file: Path, requests: Iterable[Request]) -> None:
    file.write_text("".join(request.line() for request in requests))


async def load(
    url: str, file: Path, *, connections: int, seconds: int, authorization: str = ""
) -> Load:
    """Sends the requests of a file repeatedly, one at a time on each connection.

    `authorization` is the value of the Authorization header; empty for none.
    """
    run = time.time_ns() // 1_000_000
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    process = await asyncio.create_subprocess_exec(
        *(*command, "--script", str(_SCRIPT), url, "--", str(file), str(run % 9_973), str(run)),
        *([authorization] if authorization else []),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    result = next(line for line in output.decode().splitlines() if line.startswith("RESULT"))
    requests, duration, p50, p99, refused, broken = map(int, result.split()[1:])
    return Load(
        requests=requests,
        seconds=duration / 1e6,
        p50=p50 / 1e6,
        p99=p99 / 1e6,
        refused=refused,
        broken=broken,
    )
