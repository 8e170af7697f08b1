"""What segments cost: on a tenant of 500,000 customers beside one of 1,000, and beside none.

    python -m benchmarks.segments [--customers 500000] [--folder FOLDER]

Absolute times say little on a shared machine; the ratios are what to look at. Each is of processor
time of the service and of PostgreSQL together, both measured within the same minutes.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import click
from aiohttp import ClientSession
from attrs import define

from benchmarks.cpu import NOTHING, Cpu, parent, used
from benchmarks.people import customer_id, rules, settle_in, some_numbers
from benchmarks.serving import on, service
from customers.devtools.server import running
from customers.entrypoints.container import migrate

SMALL = 1_000
COMPARED = ("large", "small")
# The plain one is as large as the large one, and never has segments.
TENANT_OF = {"large": "bench-large", "small": "bench-small", "plain": "bench-plain"}
MOST_RATIO_OF_READS = 2.0
MOST_RATIO_OF_ORDERS = 1.5
MOST_SECONDS_TO_BUILD = 60.0
MOST_SECONDS_TO_WRITE = 0.2
ORDERS = 2_000
READS = 300


_LEFT_TO_BUILD = "SELECT count(*) FROM customer_segment_refresh_states WHERE watermark IS NULL"


@define
class Bench:
    """A service that runs, its database, and what was found so far."""

    http: ClientSession
    database: "asyncpg.Connection[asyncpg.Record]"
    service_pid: int
    postmaster_pid: int
    sizes: Mapping[str, int]
    missed: int = 0

    async def cpu_of(self, work: Callable[[], Awaitable[None]]) -> Cpu:
        before = used(self.service_pid, self.postmaster_pid)
        await work()
        await self.settled()
        return used(self.service_pid, self.postmaster_pid).since(before)

    async def settled(self) -> None:
        """Once nothing waits to be settled any more: it is part of what a write costs."""
        while await self.database.fetchval(
            "SELECT EXISTS (SELECT FROM customer_segment_pending_changes)"
        ):
            await asyncio.sleep(0.05)

    def some_ids(self, tenant: str, so_many: int) -> list[str]:
        return [str(customer_id(number)) for number in some_numbers(so_many, self.sizes[tenant])]

    async def ask(self, method: str, tenant: str, path: str, body: object = None) -> Any:
        headers = {"X-Tenant-ID": TENANT_OF[tenant]}
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        url = f"/api/v1/customers{path}"
        async with self.http.request(method, url, data=data, headers=headers) as answer:
            said = await answer.json()
        if answer.status >= 400:
            raise click.ClickException(f"{method} {path}: {answer.status} {said}")
        return said

    def tell(self, what: str, value: float, most: float, details: str = "") -> None:
        is_met = value <= most
        self.missed += not is_met
        verdict = "met" if is_met else "MISSED"
        click.echo(f"{what:<58}{value:>9.2f}  at most {most:<6g}{verdict:<7}{details}")


async def compare_reads(bench: Bench) -> None:
    """Each read of both tenants, turn by turn: they share whatever the machine does meanwhile."""
    of_tenant = {tenant: await _segment_ids(bench, tenant) for tenant in COMPARED}
    customers = {tenant: bench.some_ids(tenant, READS) for tenant in COMPARED}
    reads = {
        "page of members": lambda tenant, turn: (
            f"/segments/{_pick(of_tenant[tenant], turn)}/customers?page=1&page_size=20"
        ),
        "members by cursor": lambda tenant, turn: (
            f"/segments/{_pick(of_tenant[tenant], turn)}/customers?cursor=&page_size=20"
        ),
        "count of a segment": lambda tenant, turn: f"/segments/{_pick(of_tenant[tenant], turn)}",
        "a customer's segments": lambda tenant, turn: f"/{_pick(customers[tenant], turn)}/segments",
    }
    for name, path in reads.items():
        spent = dict.fromkeys(COMPARED, NOTHING)
        for begin in range(0, READS, 50):
            for tenant in COMPARED:
                spent[tenant] += await bench.cpu_of(lambda: _read_each(bench, tenant, path, begin))  # noqa: B023
        details = ", ".join(f"{tenant} {_each(cpu, READS)}" for tenant, cpu in spent.items())
        ratio = spent["large"].total / spent["small"].total
        bench.tell(f"{name}: CPU, large to small", ratio, MOST_RATIO_OF_READS, details)


async def _read_each(
    bench: Bench, tenant: str, path: Callable[[str, int], str], begin: int
) -> None:
    for turn in range(begin, begin + 50):
        await bench.ask("GET", tenant, path(tenant, turn))


async def compare_orders(bench: Bench) -> None:
    """Orders of many customers over a few connections, with and without segments turn by turn."""
    tenants = ("large", "plain")
    ids = {tenant: bench.some_ids(tenant, ORDERS) for tenant in tenants}
    spent = dict.fromkeys(tenants, NOTHING)
    for begin in range(0, ORDERS, 250):
        for tenant in tenants:
            some = ids[tenant][begin : begin + 250]
            spent[tenant] += await bench.cpu_of(lambda: _record_each(bench, tenant, some))  # noqa: B023
    with_them, without = (spent[tenant] for tenant in tenants)
    details = f"with {_each(with_them, ORDERS)}, without {_each(without, ORDERS)}"
    ratio = with_them.total / without.total
    bench.tell("record-order: CPU, with to without", ratio, MOST_RATIO_OF_ORDERS, details)


async def _record_each(bench: Bench, tenant: str, ids: list[str]) -> None:
    waiting = iter(ids)

    async def work() -> None:
        for customer in waiting:
            order = {"orderId": str(uuid4()), "totalAmount": 12.5}
            await bench.ask("POST", tenant, f"/{customer}/record-order", order)

    await asyncio.gather(*(work() for _ in range(4)))


async def publish(bench: Bench, tenant: str) -> None:
    """Fifty segments, one after the other, until all of their members are built."""
    known = set(await _segment_ids(bench, tenant))
    for number, rule in enumerate(rules()):
        if number >= len(known):
            body = {"name": f"segment {number}", "rules": rule}
            await bench.ask("POST", tenant, "/segments", body)
    # Asked of the service, it would count the members of what is not built yet.
    while left := await bench.database.fetchval(_LEFT_TO_BUILD):
        click.echo(f"\r{left} to be built ", nl=False, err=True)
        await asyncio.sleep(1)


async def publish_under_writes(bench: Bench, so_many: int) -> None:
    """A rule that a fifth of the tenant matches, while orders and changes go on."""
    ids = bench.some_ids("large", 1_000)
    is_done, waits = asyncio.Event(), list[float]()

    async def write(begin: int) -> None:
        turn = begin
        while not is_done.is_set():
            turn += 4
            before = time.perf_counter()
            each = ids[turn % len(ids)]
            if turn % 3:
                order = {"orderId": str(uuid4()), "totalAmount": 1}
                await bench.ask("POST", "large", f"/{each}/record-order", order)
            else:
                await bench.ask("PATCH", "large", f"/{each}", {"notes": str(turn)})
            waits.append(time.perf_counter() - before)

    writers = [asyncio.create_task(write(begin)) for begin in range(4)]
    await asyncio.sleep(1)
    seconds, members = await _published(bench)
    is_done.set()
    await asyncio.gather(*writers)
    details = f"{members:,} of {so_many:,} customers match"
    bench.tell("publishing while others write: seconds", seconds, MOST_SECONDS_TO_BUILD, details)
    details = f"{len(waits):,} writes, median {statistics.median(waits) * 1000:.1f} ms"
    bench.tell("slowest write meanwhile: seconds", max(waits), MOST_SECONDS_TO_WRITE, details)


async def _published(bench: Bench) -> tuple[float, int]:
    rule = [{"field": "total_spent", "operator": "gt", "value": 0}]
    rule += [{"field": "country_code", "operator": "in", "value": ["US", "DE"]}]
    body = {"name": f"published {uuid4()}", "rules": rule}
    background_tasks = time.perf_counter()
    segment = await bench.ask("POST", "large", "/segments", body)
    path = f"/segments/{segment['id']}"
    while segment["buildStatus"] != "ready":
        await asyncio.sleep(2)
        segment = await bench.ask("GET", "large", path)
    seconds = time.perf_counter() - background_tasks
    await bench.ask("DELETE", "large", path)
    return seconds, segment["customerCount"]


async def _segment_ids(bench: Bench, tenant: str) -> list[str]:
    return [segment["id"] for segment in await bench.ask("GET", tenant, "/segments")]


def _pick(ids: list[str], turn: int) -> str:
    return ids[turn % len(ids)]


def _each(cpu: Cpu, so_many: int) -> str:
    service, database = (seconds / so_many * 1e6 for seconds in (cpu.service, cpu.database))
    return f"{service:.0f}+{database:.0f} us"


@asynccontextmanager
async def benching(folder: Path, sizes: Mapping[str, int]) -> AsyncIterator[Bench]:
    folder.mkdir(parents=True, exist_ok=True)
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        await settle_in(dsn, {TENANT_OF[tenant]: size for tenant, size in sizes.items()})
        database = await asyncpg.connect(dsn)
        try:
            async with service(on(dsn)) as serving, ClientSession(serving.http) as http:
                yield Bench(
                    http=http,
                    database=database,
                    service_pid=serving.pid,
                    postmaster_pid=parent(database.get_server_pid()),
                    sizes=sizes,
                )
        finally:
            await database.close()


async def run(folder: Path, so_many: int) -> int:
    sizes = {"large": so_many, "small": SMALL, "plain": so_many}
    async with benching(folder, sizes) as bench:
        for tenant in COMPARED:
            click.echo(f"{tenant}: 50 segments", err=True)
            await publish(bench, tenant)
        await bench.database.execute("VACUUM ANALYZE")
        await compare_reads(bench)
        await compare_orders(bench)
        await publish_under_writes(bench, so_many)
        return bench.missed


@click.command()
@click.option("--customers", default=500_000, help="Customers of the large tenant.")
@click.option("--folder", type=Path, default=Path(".bench/segments"), help="Where data is kept.")
def main(customers: int, folder: Path) -> None:
    """Compares what segments cost on a large tenant and on a small one, and with and without."""
    if missed := asyncio.run(run(folder.absolute(), customers)):
        raise click.ClickException(f"{missed} missed")


if __name__ == "__main__":
    main()
