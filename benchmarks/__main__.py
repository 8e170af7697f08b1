"""The whole benchmark: the cost of every operation, on a large tenant and on a small tenant.

    python -m benchmarks [--only TEXT] [--seconds 2] [--folder FOLDER]

On a shared machine absolute times mean little. Compare each operation with its baselines, which
are measured in the same minute: a bare HTTP handler, and for some the SQL statement alone.
"""

import asyncio
import json
import tempfile
from pathlib import Path

import asyncpg
import click
from attrs import evolve
from rich.console import Console

from benchmarks import footprint, report, sample_data, targets, wrk
from benchmarks.cpu import parent
from benchmarks.measurement import Bench, Measurement, fetch_cursor
from benchmarks.operations import SORTS, Operation, Tenant, operations
from benchmarks.processes import bare_handler, production_environment, service
from benchmarks.targets import Footprint
from customers.devtools.server import running
from customers.entrypoints.container.database import migrate

LARGE = Tenant(id="bench-large", size=500_000)
SMALL = [Tenant(id=f"bench-small-{number:02}", size=10_000) for number in range(1, 51)]
DEEP = {LARGE.id: 200, SMALL[0].id: 50}
"""The number of pages of 100 before the deep page: at 20 a page, 1,000 or 250 pages."""
MIXED = ("get by id", "list by created_at, page 1", "record-order", "change (PUT)")

_log = Console(stderr=True).print


@click.command()
@click.option("--only", default="", help="Only operations whose name contains this text.")
@click.option("--seconds", default=2, help="Seconds of load per operation, tenant and round.")
@click.option("--folder", type=Path, default=Path(".bench/service"), help="Folder of the data.")
@click.option("--json", "file", type=Path, help="File for the results; in FOLDER by default.")
def main(only: str, seconds: int, folder: Path, file: Path | None) -> None:
    """Measures every operation and its baselines, and shows which targets are met."""
    wrk.expect_installed()
    chosen = [operation for operation in operations() if only in operation.name]
    measurements, footprint_result = asyncio.run(
        _run(folder.absolute(), chosen, seconds, whole=not only)
    )
    verdicts = [
        *targets.of_operations(
            {measurement.operation.name: measurement for measurement in measurements}
        )
    ]
    click.echo(report.as_lines(report.machine()))
    click.echo(f"\n{report.operations(measurements)}")
    if footprint_result is not None:
        verdicts += targets.of_footprint(footprint_result)
        click.echo(f"\n{report.sharing(footprint_result)}")
    click.echo(f"\n{report.verdicts(verdicts)}")
    (file or folder / "results.json").write_text(
        json.dumps(report.as_json(measurements, verdicts), indent=1)
    )


async def _run(
    folder: Path, chosen: list[Operation], seconds: int, *, whole: bool
) -> tuple[list[Measurement], Footprint | None]:
    folder.mkdir(parents=True, exist_ok=True)
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        await sample_data.load_tenants(dsn, {tenant.id: tenant.size for tenant in (LARGE, *SMALL)})
        with tempfile.TemporaryDirectory() as scratch:
            measurements, max_bytes = await _operations(dsn, chosen, seconds, Path(scratch))
            footprint_result = (
                await _footprint(dsn, max_bytes, seconds, Path(scratch)) if whole else None
            )
    return measurements, footprint_result


async def _operations(
    dsn: str, chosen: list[Operation], seconds: int, scratch: Path
) -> tuple[list[Measurement], int]:
    measurements, max_bytes = [], 0
    async with service(production_environment(dsn)) as server, bare_handler() as bare:
        bench = Bench(
            service=server,
            bare=bare,
            dsn=dsn,
            postmaster=await _postmaster(dsn),
            folder=scratch,
            seconds=seconds,
        )
        tenants = {
            name: await _with_cursors(server.http, tenant, chosen)
            for name, tenant in (("large", LARGE), ("small", SMALL[0]))
        }
        for number, operation in enumerate(chosen, start=1):
            _log(f"{number:>3} of {len(chosen)}: {operation.name}")
            measurements.append(await bench.measure(operation, tenants))
            max_bytes = max(max_bytes, server.resident_bytes)
    return measurements, max_bytes


async def _with_cursors(url: str, tenant: Tenant, chosen: list[Operation]) -> Tenant:
    needed = [
        sort for sort in SORTS if any(f"{sort}, deep" in operation.name for operation in chosen)
    ]
    walks = (fetch_cursor(url, tenant.id, sort, DEEP[tenant.id]) for sort in needed)
    return evolve(tenant, cursors=dict(zip(needed, await asyncio.gather(*walks), strict=True)))


async def _footprint(dsn: str, max_bytes: int, seconds: int, scratch: Path) -> Footprint:
    named = {operation.name: operation for operation in operations()}
    _log("starts")
    start, memory_start = await footprint.start_seconds(dsn)
    _log("two workers")
    reads = scratch / "reads.txt"
    wrk.write(reads, named["get by id"].requests(LARGE))
    share = await footprint.share(dsn, await _postmaster(dsn), reads, seconds)
    _log(f"{footprint.MANY_CUSTOMERS:,} customers in memory")
    customers, customers_bytes = await footprint.memory_of_customers(scratch)
    _log(f"{footprint.MANY_REQUESTS:,} requests")
    async with service(production_environment(dsn)) as server:
        mixed = [named[name] for name in MIXED]
        growth = await footprint.growth(server, mixed, LARGE, scratch)
    return Footprint(
        start_seconds=start,
        memory_start_seconds=memory_start,
        max_bytes=max(max_bytes, growth.after),
        growth=growth,
        customers=customers,
        customers_bytes=customers_bytes,
        share=share,
    )


async def _postmaster(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return parent(connection.get_server_pid())
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
