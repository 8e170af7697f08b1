"""The whole benchmark: every operation beside its limits, on a large tenant and on a small one.

    python -m benchmarks [--only TEXT] [--seconds 2] [--folder FOLDER]

Absolute times say little on a shared machine; what each costs beside its limits, measured within
the same seconds, is what to look at.
"""

import asyncio
import json
import tempfile
from pathlib import Path

import asyncpg
import click
from attrs import evolve
from rich.console import Console

from benchmarks import footprint, people, report, targets, wrk
from benchmarks.cpu import parent
from benchmarks.measuring import Bench, Measured, ask_cursor
from benchmarks.operations import SORTS, Operation, Tenant, operations
from benchmarks.serving import bare_handler, on, service
from benchmarks.targets import Footprint
from customers.devtools.server import running
from customers.entrypoints.container import migrate

LARGE = Tenant(id="bench-large", size=500_000)
SMALL = [Tenant(id=f"bench-small-{number:02}", size=10_000) for number in range(1, 51)]
DEEP = {LARGE.id: 200, SMALL[0].id: 50}
"""Pages of 100 to walk to the place that is called deep: page 1,000 of 20 each, and page 250."""
MIXED = ("get by id", "list by created_at, page 1", "record-order", "change (PUT)")

_tell = Console(stderr=True).print


@click.command()
@click.option("--only", default="", help="Only operations whose name contains this text.")
@click.option("--seconds", default=2, help="Seconds of load for each measurement.")
@click.option("--folder", type=Path, default=Path(".bench/service"), help="Where data is kept.")
@click.option("--json", "file", type=Path, help="File for the findings; in FOLDER by default.")
def main(only: str, seconds: int, folder: Path, file: Path | None) -> None:
    """Measures every operation beside its limits, and says which targets are met."""
    wrk.expect_installed()
    chosen = [operation for operation in operations() if only in operation.name]
    found, taken = asyncio.run(_run(folder.absolute(), chosen, seconds, whole=not only))
    told = [*targets.of_operations({result.operation.name: result for result in found})]
    click.echo(report.as_lines(report.machine()))
    click.echo(f"\n{report.operations(found)}")
    if taken is not None:
        told += targets.of_footprint(taken)
        click.echo(f"\n{report.sharing(taken)}")
    click.echo(f"\n{report.verdicts(told)}")
    (file or folder / "results.json").write_text(json.dumps(report.as_json(found, told), indent=1))


async def _run(
    folder: Path, chosen: list[Operation], seconds: int, *, whole: bool
) -> tuple[list[Measured], Footprint | None]:
    folder.mkdir(parents=True, exist_ok=True)
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        await people.settle_in(dsn, {tenant.id: tenant.size for tenant in (LARGE, *SMALL)})
        with tempfile.TemporaryDirectory() as scratch:
            found, most = await _operations(dsn, chosen, seconds, Path(scratch))
            taken = await _footprint(dsn, most, seconds, Path(scratch)) if whole else None
    return found, taken


async def _operations(
    dsn: str, chosen: list[Operation], seconds: int, scratch: Path
) -> tuple[list[Measured], int]:
    found, most = [], 0
    async with service(on(dsn)) as serving, bare_handler() as bare:
        bench = Bench(
            service=serving,
            bare=bare,
            dsn=dsn,
            postmaster=await _postmaster(dsn),
            folder=scratch,
            seconds=seconds,
        )
        tenants = {
            name: await _with_cursors(serving.http, tenant, chosen)
            for name, tenant in (("large", LARGE), ("small", SMALL[0]))
        }
        for number, operation in enumerate(chosen, start=1):
            _tell(f"{number:>3} of {len(chosen)}: {operation.name}")
            found.append(await bench.measure(operation, tenants))
            most = max(most, serving.resident_bytes)
    return found, most


async def _with_cursors(url: str, tenant: Tenant, chosen: list[Operation]) -> Tenant:
    needed = [
        sort for sort in SORTS if any(f"{sort}, deep" in operation.name for operation in chosen)
    ]
    walks = (ask_cursor(url, tenant.id, sort, DEEP[tenant.id]) for sort in needed)
    return evolve(tenant, cursors=dict(zip(needed, await asyncio.gather(*walks), strict=True)))


async def _footprint(dsn: str, most: int, seconds: int, scratch: Path) -> Footprint:
    named = {operation.name: operation for operation in operations()}
    _tell("starts")
    start, memory_start = await footprint.starts(dsn)
    _tell("two workers")
    reads = scratch / "reads.txt"
    wrk.write(reads, named["get by id"].requests(LARGE))
    share = await footprint.shared(dsn, await _postmaster(dsn), reads, seconds)
    _tell(f"{footprint.MANY_CUSTOMERS:,} customers in memory")
    customers, customers_bytes = await footprint.memory_of_customers(scratch)
    _tell(f"{footprint.MANY_REQUESTS:,} requests")
    async with service(on(dsn)) as serving:
        mixed = [named[name] for name in MIXED]
        growth = await footprint.growth(serving, mixed, LARGE, scratch)
    return Footprint(
        start_seconds=start,
        memory_start_seconds=memory_start,
        most_bytes=max(most, growth.after),
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
