"""Measures a migration from the schema of an older release, while callers send requests.

    python -m benchmarks.migration [--from 0008] [--folder FOLDER]

Loads the customers of the benchmark, reverts the schema and the search texts to their older form,
then runs `customers migrate`. Meanwhile one caller for each kind of request sends requests one
after the other, with a pause of 50 ms. Prints how long the migration took, and for each kind how
long answers took before and during the migration.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path

import aiohttp
import asyncpg
import click
from attrs import define, field

from benchmarks import sample_data
from benchmarks.__main__ import LARGE, SMALL
from benchmarks.processes import production_environment, service
from customers.adapters.postgres.engine.migrate import migrate
from customers.devtools.server import running

QUIET_SECONDS = 20
_PAUSE = 0.05
_OLD_TEXTS = """
UPDATE customers SET search_text = email_folded || chr(10) || trim(first_name_folded || ' ' ||
last_name_folded) || chr(10) || phone_folded WHERE right(search_text, 1) = chr(3)
"""


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
@click.option("--from", "revision", default="0008", help="The revision to migrate from.")
@click.option("--folder", type=Path, default=Path(".bench/service"), help="Folder of the data.")
def main(revision: str, folder: Path) -> None:
    """Measures a migration of the benchmark's customers while callers send requests."""
    asyncio.run(_run(folder.absolute(), revision))


async def _run(folder: Path, revision: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        await sample_data.load_tenants(dsn, {tenant.id: tenant.size for tenant in (LARGE, *SMALL)})
        await migrate(dsn, to=revision, allow_data_loss=True)
        connection = await asyncpg.connect(dsn)
        await connection.execute(_OLD_TEXTS, timeout=3_600)
        await connection.execute("VACUUM ANALYZE customers", timeout=3_600)
        await connection.close()
        async with service(production_environment(dsn)) as server, _calling(server.http) as callers:
            await asyncio.sleep(QUIET_SECONDS)
            _report(callers, "before")
            begin = time.perf_counter()
            await _customers_migrate(dsn)
            click.echo(f"the migration took {(time.perf_counter() - begin) / 60:.1f} minutes")
            _report(callers, "meanwhile")


async def _customers_migrate(dsn: str) -> None:
    program = Path(sys.executable).with_name("customers")
    process = await asyncio.create_subprocess_exec(
        str(program), "migrate", env=production_environment(dsn)
    )
    if await process.wait():
        raise click.ClickException("customers migrate failed")


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
