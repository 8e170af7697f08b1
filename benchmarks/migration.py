"""Measures a migration of the schema of an earlier commit, while callers send requests.

    python -m benchmarks.migration [COMMIT] [--folder FOLDER]

Loads the customers of the benchmark with the earlier commit, by default that of the last release,
which then serves while this checkout's `customers migrate` runs. After that this checkout serves
while `customers migrate --contract` runs, and while what that removed is restored. One caller for
each kind of request sends requests one after the other, with a pause of 20 ms. Prints how long each
migration took, and for each kind how long answers took before and meanwhile.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path

import aiohttp
import click
from attrs import define, field

from benchmarks import sample_data
from benchmarks.__main__ import LARGE, SMALL
from benchmarks.compare import Program, checkout
from benchmarks.processes import service
from customers.adapters.postgres.engine import revisions
from customers.devtools.server import running

QUIET_SECONDS = 20
_PAUSE = 0.02
_RELEASED = Path(__file__).parents[1] / "docs" / "released" / "commit"


@define(eq=False)
class Caller:
    """Sends requests of one kind, and records how long the answers took, in seconds."""

    name: str
    requests: Iterator[tuple[str, str, object]]
    waits: list[float] = field(factory=list)
    failures: int = 0

    async def call(self, session: aiohttp.ClientSession) -> None:
        while True:
            method, path, body = next(self.requests)
            begin = time.perf_counter()
            async with session.request(method, f"/api/v1/customers{path}", json=body) as answer:
                await answer.read()
            self.waits.append(time.perf_counter() - begin)
            self.failures += answer.status >= 400
            await asyncio.sleep(_PAUSE)

    def report(self, title: str) -> None:
        waits = sorted(self.waits)
        click.echo(
            f"{title:<10} {self.name:<14} requests {len(waits):>6,}  p50 {_ms(waits, 0.5):>7}  "
            f"p99 {_ms(waits, 0.99):>7}  longest {_ms(waits, 1):>7}  refused {self.failures}"
        )
        self.waits, self.failures = [], 0


@click.command()
@click.argument("commit", default=lambda: _RELEASED.read_text(encoding="ascii").strip())
@click.option("--folder", type=Path, default=Path(".bench/migration"), help="Folder of the data.")
def main(commit: str, folder: Path) -> None:
    """Measures a migration of the benchmark's customers while callers send requests."""
    with checkout(commit) as source:
        asyncio.run(_run(folder.absolute(), source))


async def _run(folder: Path, source: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with running(folder / "postgres") as dsn:
        before = Program(name="before", source=source, dsn=dsn)
        this = Program(name="this", source=Path(__file__).parents[1], dsn=dsn)
        for tenant in (LARGE, *SMALL):
            await asyncio.to_thread(before.load, tenant)
        async with _served(before) as callers:
            await _migrate(this, callers)
        if contract := [one.number for one in revisions.revisions() if one.is_contract]:
            async with _served(this) as callers:
                await _migrate(this, callers, "--contract")
                restored = f"{int(contract[-1]) - 1:04}"
                await _migrate(this, callers, "--to", restored, "--allow-data-loss")


@asynccontextmanager
async def _served(program: Program) -> AsyncIterator[list[Caller]]:
    """The callers of a program, who have called for a while."""
    async with service(program.environment) as server, _calling(server.http) as callers:
        await asyncio.sleep(QUIET_SECONDS)
        _report(callers, "before")
        yield callers


async def _migrate(program: Program, callers: list[Caller], *options: str) -> None:
    begin = time.perf_counter()
    customers = Path(sys.executable).with_name("customers")
    process = await asyncio.create_subprocess_exec(
        str(customers), "migrate", *options, env=os.environ | program.environment
    )
    if await process.wait():
        raise click.ClickException("customers migrate failed")
    minutes = (time.perf_counter() - begin) / 60
    click.echo(f"customers migrate {' '.join(options)}: {minutes:.1f} minutes")
    _report(callers, "meanwhile")


@asynccontextmanager
async def _calling(url: str) -> AsyncIterator[list[Caller]]:
    callers = [Caller(name, requests()) for name, requests in _KINDS.items()]
    async with aiohttp.ClientSession(url, headers={"X-Tenant-ID": LARGE.id}) as session:
        tasks = [asyncio.create_task(caller.call(session)) for caller in callers]
        yield callers
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()):
                raise error


def _report(callers: list[Caller], title: str) -> None:
    for caller in callers:
        caller.report(title)


def _ids() -> Iterator[str]:
    return cycle(f"/{sample_data.customer_id(number)}" for number in LARGE.numbers())


def _gets() -> Iterator[tuple[str, str, object]]:
    return (("GET", path, None) for path in _ids())


def _lists() -> Iterator[tuple[str, str, object]]:
    return cycle([("GET", "?page_size=20", None)])


def _searches() -> Iterator[tuple[str, str, object]]:
    return cycle([("GET", f"?search={sample_data.RARE}", None)])


def _changes() -> Iterator[tuple[str, str, object]]:
    return (("PUT", path, {"notes": f"called {time.time_ns()}"}) for path in _ids())


def _orders() -> Iterator[tuple[str, str, object]]:
    for path in _ids():
        order = {"orderId": f"order-{time.time_ns()}", "totalAmount": 12.5}
        yield "POST", f"{path}/record-order", order


_KINDS: dict[str, Callable[[], Iterator[tuple[str, str, object]]]] = {
    "get by id": _gets,
    "list of 20": _lists,
    "search": _searches,
    "change": _changes,
    "record-order": _orders,
}


def _ms(waits: list[float], share: float) -> str:
    return f"{waits[min(int(share * len(waits)), len(waits) - 1)] * 1e3:,.1f} ms"


if __name__ == "__main__":
    main()
