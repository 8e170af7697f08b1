"""What hostile connections do to other callers: silent, slow or aborted ones, and a gzip bomb.

Silent and slow ones are opened at both ports, HTTP and gRPC.

    python -m benchmarks.connections [--only TEXT] [--seconds 12] [--folder FOLDER]

The service may open 256 files. The neighbour, another tenant, reads 20 times a second from the same
address as these connections. `/live` is called on both HTTP ports, each time on a new connection.
"""

import asyncio
import json
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import click
from attrs import frozen

from benchmarks.cpu import cpu_time
from benchmarks.neighbour import neighbour
from benchmarks.operations import CUSTOMERS
from benchmarks.processes import ServerProcess, production_environment, service
from customers.devtools.server import running
from customers.entrypoints.container.database import migrate

FILES, SILENT, SLOW, LEAVERS = 256, 300, 300, 100
TENANT = "quiet"
CUSTOMER = {"email": "a@example.test", "firstName": "A", "lastName": "B"}
# The preface of a connection, and an empty frame of settings.
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_PAUSE_SECONDS = 0.5
_BOMB_BYTES = 4 * 1024**3


@frozen(kw_only=True)
class Running:
    """The running service, the path that the neighbour reads, the log, and seconds of load."""

    server: ServerProcess
    path: str
    log: Path
    seconds: float

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await _connect(self.server.http)

    async def connect_rpc(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await _connect(self.server.grpc)


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Opens a connection to `http://host:port` or `host:port`."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    return await asyncio.open_connection(host, int(port))


@click.command()
@click.option("--only", default="", help="Only scenarios whose name contains this text.")
@click.option("--seconds", default=12.0, help="Seconds of load.")
@click.option("--folder", type=Path, default=Path(".bench/connections"), help="Folder of the data.")
def main(only: str, seconds: float, folder: Path) -> None:
    """Measures what hostile connections do to a neighbour and to the probes."""
    asyncio.run(_run(folder.absolute(), only, seconds))


async def _run(folder: Path, only: str, seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    scenarios: dict[str, Callable[[Running], Awaitable[None]]] = {
        "no others": _beside(()),
        "silent and slow connections": _beside([*[_silent] * SILENT, *[_slow] * SLOW]),
        "silent and idle connections over gRPC": _beside(
            [*[_silent_rpc] * SILENT, *[_idle_rpc] * SILENT]
        ),
        "a gzip bomb": _bomb,
        "callers who leave": _leavers,
    }
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        for name, scenario in scenarios.items():
            if only in name:
                click.echo(f"{name}:")
                async with _service(dsn, seconds) as run:
                    await scenario(run)
                    _report_log(run.log)


@asynccontextmanager
async def _service(dsn: str, seconds: float) -> AsyncIterator[Running]:
    """Starts a service that may open few files, and creates one customer."""
    environment = production_environment(dsn) | {"METRICS_PORT": "0"}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        async with service(environment, log=log, max_files=FILES) as server:
            async with (
                aiohttp.ClientSession(server.http, headers={"X-Tenant-ID": TENANT}) as session,
                session.post(CUSTOMERS, json=CUSTOMER) as answer,
            ):
                path = f"{CUSTOMERS}/{(await answer.json())['id']}"
            yield Running(server=server, path=path, log=log, seconds=seconds)


def _report_log(log: Path) -> None:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    others = (line for line in lines if line["event"] != "request" or line["status"] >= 400)
    counts = Counter(
        f"{line['level']} {line['event']} {line.get('status', line.get('limit', ''))}".strip()
        for line in others
        if line["level"] != "info" or line["event"] == "request"
    )
    click.echo(f"  log: {len(lines)} lines; {dict(counts)}")


Connect = Callable[[Running], Awaitable[None]]


def _beside(kinds: Iterable[Connect]) -> Callable[[Running], Awaitable[None]]:
    """A scenario that measures neighbour and probes during connections, reopened when they end."""
    kinds = tuple(kinds)

    async def measure(run: Running) -> None:
        tasks = [asyncio.create_task(_again(run, kind)) for kind in kinds]
        await asyncio.sleep(1)
        probing = asyncio.create_task(_probe(run))
        reads = await neighbour(run.server.http, TENANT, run.path, run.seconds)
        p50, p99, longest = (f"{value * 1e3:.1f}" for value in (reads.p50, reads.p99, reads.max))
        click.echo(
            f"  neighbour: {reads.reads} reads, p50 {p50} ms, p99 {p99} ms, max {longest} ms, "
            f"refused {reads.refused}"
        )
        for task in (*tasks, probing):
            task.cancel()
        answers = await asyncio.gather(probing, *tasks, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)

    return measure


async def _again(run: Running, kind: Connect) -> None:
    while True:
        with suppress(OSError):
            await kind(run)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _silent(run: Running) -> None:
    """Sends nothing until the service ends the connection."""
    await _until_end(*await run.connect())


async def _silent_rpc(run: Running) -> None:
    await _until_end(*await run.connect_rpc())


async def _idle_rpc(run: Running) -> None:
    """Greets as HTTP/2 does, and never calls."""
    reader, writer = await run.connect_rpc()
    writer.write(HTTP2_GREETING)
    await _until_end(reader, writer)


async def _until_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    finally:
        writer.transport.abort()


async def _slow(run: Running) -> None:
    """Sends a request's head, or in about half of the calls its body, a byte every half second."""
    reader, writer = await run.connect()
    head = f"POST {CUSTOMERS} HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: slow\r\n"
    if time.time_ns() // 1_000 % 2:
        head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    ending = asyncio.create_task(reader.read())
    try:
        writer.write(head.encode())
        while not ending.done():
            writer.write(b"x")
            await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        ending.cancel()
        writer.transport.abort()


async def _probe(run: Running) -> None:
    statuses: Counter[str] = Counter()
    longest = 0.0
    try:
        while True:
            for name, url in (("main", run.server.http), ("own", run.server.probes)):
                began = time.perf_counter()
                status = await _live(url)
                longest = max(longest, time.perf_counter() - began)
                statuses[f"{name} port: {status}"] += 1
            await asyncio.sleep(0.1)
    finally:
        click.echo(f"  /live: {dict(statuses)}, longest {longest * 1e3:.0f} ms")


async def _live(url: str) -> str:
    try:
        async with aiohttp.ClientSession(url) as session, session.get("/live") as answer:
            return str(answer.status)
    except aiohttp.ClientError as error:
        return type(error).__name__


async def _bomb(run: Running) -> None:
    """Sends 4 GiB of zeros, about 4 MB when compressed; measures CPU until and after the answer."""
    zeros = bytes(1024 * 1024)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(zeros) for _ in range(_BOMB_BYTES // len(zeros)))
    packed += packer.flush()
    reader, writer = await run.connect()
    writer.write(
        f"POST {CUSTOMERS} HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: {TENANT}\r\n"
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
        f"Content-Length: {len(packed)}\r\n\r\n".encode()
    )
    before = cpu_time(run.server.pid, run.server.pid)
    writer.write(packed)
    status = (await reader.readline()).decode().strip()
    answered = cpu_time(run.server.pid, run.server.pid)
    await asyncio.sleep(1)
    after = cpu_time(run.server.pid, run.server.pid)
    writer.transport.abort()
    click.echo(
        f"  {len(packed):,} bytes: {status}; CPU before the answer "
        f"{answered.since(before).service * 1e3:.0f} ms, after it "
        f"{after.since(answered).service * 1e3:.0f} ms"
    )


async def _leavers(run: Running) -> None:
    """Hangs up a hundred times in the middle of a body; prints the counts of requests by status."""
    head = (
        f"POST {CUSTOMERS} HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: {TENANT}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    for _ in range(LEAVERS):
        _, writer = await run.connect()
        writer.write(head.encode())
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()
    await asyncio.sleep(1)
    async with aiohttp.ClientSession(run.server.probes) as session, session.get("/metrics") as page:
        text = await page.text()
    lines = (line for line in text.splitlines() if line.startswith("customers_http_requests_total"))
    click.echo("\n".join(f"  {line}" for line in lines))


if __name__ == "__main__":
    main()
