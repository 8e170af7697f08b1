"""The cost of segments: on a large tenant, on a small tenant, and without segments.

    python -m benchmarks.segments [--customers 500000] [--folder FOLDER]

The small tenant has 1,000 customers. On a shared machine absolute times mean little; compare the
ratios. Each is a ratio of the processor time of service and PostgreSQL together, measured in the
same minutes. Only publishing while others write is measured in seconds.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import click
from aiohttp import ClientSession
from attrs import define

from benchmarks.cpu import NO_TIME, Cpu, cpu_time, parent
from benchmarks.processes import production_environment, service
from benchmarks.sample_data import customer_id, load_tenants, rules, spread_numbers
from customers.devtools.server import running
from customers.entrypoints.container.database import migrate

SMALL = 1_000
COMPARED = ("large", "small")
# The plain tenant is as large as the large tenant, but has no segments.
TENANT_OF = {"large": "bench-large", "small": "bench-small", "plain": "bench-plain"}
MAX_RATIO_OF_READS = 2.0
MAX_RATIO_OF_ORDERS = 1.5
MAX_SECONDS_TO_BUILD = 60.0
MAX_SECONDS_TO_WRITE = 0.2
ORDERS = 2_000
READS = 300


_UNBUILT = "SELECT count(*) FROM customer_segment_refresh_states WHERE watermark IS NULL"


@define
class Bench:
    """A running service, its database, the tenants' sizes, and how many targets it has missed."""

    http: ClientSession
    database: "asyncpg.Connection[asyncpg.Record]"
    service_pid: int
    postmaster_pid: int
    sizes: Mapping[str, int]
    missed: int = 0

    async def cpu_of(self, work: Callable[[], Awaitable[None]]) -> Cpu:
        before = cpu_time(self.service_pid, self.postmaster_pid)
        await work()
        await self.wait_until_refreshed()
        return cpu_time(self.service_pid, self.postmaster_pid).since(before)

    async def wait_until_refreshed(self) -> None:
        """Waits until no changes are pending; refreshing is part of the cost of a write."""
        while await self.database.fetchval(
            "SELECT EXISTS (SELECT FROM customer_segment_pending_changes)"
        ):
            await asyncio.sleep(0.05)

    def customer_ids(self, tenant: str, number: int) -> list[str]:
        return [str(customer_id(number)) for number in spread_numbers(number, self.sizes[tenant])]

    async def send(self, method: str, tenant: str, path: str, body: object = None) -> Any:
        headers = {"X-Tenant-ID": TENANT_OF[tenant]}
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        url = f"/api/v1/customers{path}"
        async with self.http.request(method, url, data=data, headers=headers) as answer:
            result = await answer.json()
        if answer.status >= 400:
            raise click.ClickException(f"{method} {path}: {answer.status} {result}")
        return result

    def report(self, name: str, value: float, limit: float, details: str = "") -> None:
        is_met = value <= limit
        self.missed += not is_met
        verdict = "met" if is_met else "MISSED"
        click.echo(f"{name:<58}{value:>9.2f}  at most {limit:<6g}{verdict:<7}{details}")


async def compare_reads(bench: Bench) -> None:
    """Measures each read on both tenants in turns, so that other load affects both."""
    of_tenant = {tenant: await _segment_ids(bench, tenant) for tenant in COMPARED}
    customers = {tenant: bench.customer_ids(tenant, READS) for tenant in COMPARED}
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
        cpu_times = dict.fromkeys(COMPARED, NO_TIME)
        for begin in range(0, READS, 50):
            for tenant in COMPARED:
                cpu_times[tenant] += await bench.cpu_of(
                    partial(_read_each, bench, tenant, path, begin)
                )
        details = ", ".join(
            f"{tenant} {_per_item(cpu, READS)}" for tenant, cpu in cpu_times.items()
        )
        ratio = cpu_times["large"].total / cpu_times["small"].total
        bench.report(f"{name}: CPU, large to small", ratio, MAX_RATIO_OF_READS, details)


async def _read_each(
    bench: Bench, tenant: str, path: Callable[[str, int], str], begin: int
) -> None:
    for turn in range(begin, begin + 50):
        await bench.send("GET", tenant, path(tenant, turn))


async def compare_orders(bench: Bench) -> None:
    """Measures orders of many customers with and without segments, in turns."""
    tenants = ("large", "plain")
    ids = {tenant: bench.customer_ids(tenant, ORDERS) for tenant in tenants}
    cpu_times = dict.fromkeys(tenants, NO_TIME)
    for begin in range(0, ORDERS, 250):
        for tenant in tenants:
            part = ids[tenant][begin : begin + 250]
            cpu_times[tenant] += await bench.cpu_of(partial(_record_each, bench, tenant, part))
    with_segments, without = (cpu_times[tenant] for tenant in tenants)
    details = f"with {_per_item(with_segments, ORDERS)}, without {_per_item(without, ORDERS)}"
    ratio = with_segments.total / without.total
    bench.report("record-order: CPU, with to without", ratio, MAX_RATIO_OF_ORDERS, details)


async def _record_each(bench: Bench, tenant: str, ids: list[str]) -> None:
    waiting = iter(ids)

    async def work() -> None:
        for customer in waiting:
            order = {"orderId": str(uuid4()), "totalAmount": 12.5}
            await bench.send("POST", tenant, f"/{customer}/record-order", order)

    await asyncio.gather(*(work() for _ in range(4)))


async def publish(bench: Bench, tenant: str) -> None:
    """Publishes those of fifty segments that are missing, and waits until all members are built."""
    existing = set(await _segment_ids(bench, tenant))
    for number, rule in enumerate(rules()):
        if number >= len(existing):
            body = {"name": f"segment {number}", "rules": rule}
            await bench.send("POST", tenant, "/segments", body)
    # Asks the database: to list unbuilt segments, the service would count their members.
    while unbuilt := await bench.database.fetchval(_UNBUILT):
        click.echo(f"\r{unbuilt} to be built ", nl=False, err=True)
        await asyncio.sleep(1)


async def publish_under_writes(bench: Bench, customers: int) -> None:
    """Publishes a rule that about a fifth of the customers match, during concurrent writes."""
    ids = bench.customer_ids("large", 1_000)
    is_done, waits = asyncio.Event(), list[float]()

    async def write(begin: int) -> None:
        turn = begin
        while not is_done.is_set():
            turn += 4
            before = time.perf_counter()
            customer = ids[turn % len(ids)]
            if turn % 3:
                order = {"orderId": str(uuid4()), "totalAmount": 1}
                await bench.send("POST", "large", f"/{customer}/record-order", order)
            else:
                await bench.send("PATCH", "large", f"/{customer}", {"notes": str(turn)})
            waits.append(time.perf_counter() - before)

    writers = [asyncio.create_task(write(begin)) for begin in range(4)]
    await asyncio.sleep(1)
    seconds, members = await _publish(bench)
    is_done.set()
    await asyncio.gather(*writers)
    details = f"{members:,} of {customers:,} customers match"
    bench.report("publishing while others write: seconds", seconds, MAX_SECONDS_TO_BUILD, details)
    details = f"{len(waits):,} writes, median {statistics.median(waits) * 1000:.1f} ms"
    bench.report("slowest write meanwhile: seconds", max(waits), MAX_SECONDS_TO_WRITE, details)


async def _publish(bench: Bench) -> tuple[float, int]:
    rule = [{"field": "total_spent", "operator": "gt", "value": 0}]
    rule += [{"field": "country_code", "operator": "in", "value": ["US", "DE"]}]
    body = {"name": f"published {uuid4()}", "rules": rule}
    started = time.perf_counter()
    segment = await bench.send("POST", "large", "/segments", body)
    path = f"/segments/{segment['id']}"
    while segment["buildStatus"] != "ready":
        await asyncio.sleep(2)
        segment = await bench.send("GET", "large", path)
    seconds = time.perf_counter() - started
    await bench.send("DELETE", "large", path)
    return seconds, segment["customerCount"]


async def _segment_ids(bench: Bench, tenant: str) -> list[str]:
    return [segment["id"] for segment in await bench.send("GET", tenant, "/segments")]


def _pick(ids: list[str], turn: int) -> str:
    return ids[turn % len(ids)]


def _per_item(cpu: Cpu, number: int) -> str:
    service, database = (seconds / number * 1e6 for seconds in (cpu.service, cpu.database))
    return f"{service:.0f}+{database:.0f} us"


@asynccontextmanager
async def start_bench(folder: Path, sizes: Mapping[str, int]) -> AsyncIterator[Bench]:
    folder.mkdir(parents=True, exist_ok=True)
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        await load_tenants(dsn, {TENANT_OF[tenant]: size for tenant, size in sizes.items()})
        database = await asyncpg.connect(dsn)
        try:
            async with (
                service(production_environment(dsn)) as server,
                ClientSession(server.http) as http,
            ):
                yield Bench(
                    http=http,
                    database=database,
                    service_pid=server.pid,
                    postmaster_pid=parent(database.get_server_pid()),
                    sizes=sizes,
                )
        finally:
            await database.close()


async def run(folder: Path, customers: int) -> int:
    sizes = {"large": customers, "small": SMALL, "plain": customers}
    async with start_bench(folder, sizes) as bench:
        for tenant in COMPARED:
            click.echo(f"{tenant}: 50 segments", err=True)
            await publish(bench, tenant)
        await bench.database.execute("VACUUM ANALYZE")
        await compare_reads(bench)
        await compare_orders(bench)
        await publish_under_writes(bench, customers)
        return bench.missed


@click.command()
@click.option("--customers", default=500_000, help="Customers of the large tenant.")
@click.option("--folder", type=Path, default=Path(".bench/segments"), help="Folder of the data.")
def main(customers: int, folder: Path) -> None:
    """Compares the cost of segments on a large and a small tenant, and with and without them."""
    if missed := asyncio.run(run(folder.absolute(), customers)):
        raise click.ClickException(f"{missed} targets missed")


if __name__ == "__main__":
    main()
