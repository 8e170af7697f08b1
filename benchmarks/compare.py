"""Compares this checkout with an earlier commit: processor time for each request, as ratios.

    python -m benchmarks.compare COMMIT [--only TEXT] [--connections 16] [--starts 5] [--rounds 4]

Both programs run at the same time, each on a database server of its own with the same customers.
Both are filled by this checkout's `sample_data`, which the earlier commit must be able to run.
They are loaded in turns of a second, so that other load on the machine affects both. The cost of a
program differs by some percent from start to start, so both are started several times; a figure is
the median of the starts.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import click
from attrs import evolve, field, frozen
from rich.console import Console
from rich.table import Table

from benchmarks import wrk
from benchmarks.cpu import parent
from benchmarks.measurement import Bench, Cost, fetch_cursor, send_all
from benchmarks.operations import Operation, Tenant, operations
from benchmarks.processes import production_environment, service
from customers.devtools.server import running

COMMON = (
    "get by id",
    "batch of 100",
    "list by created_at, page 1",
    "list by created_at, first cursor",
    "list by created_at, deep cursor",
    "list by created_at, of a status",
    "create, new",
    "change (PUT)",
    "record-order",
)
"""The operations that are compared without --only."""
_HERE = Path(__file__).parents[1]
_LOAD = """
import asyncio, sys
from benchmarks.sample_data import load_tenants
asyncio.run(load_tenants(sys.argv[1], {sys.argv[2]: int(sys.argv[3])}))
"""
_SAMPLE_DATA = Path("benchmarks/sample_data.py")
_PAGES = 20

_log = Console(stderr=True).print


@frozen(kw_only=True)
class Program:
    """A checkout, its settings, the Authorization header that it needs, and its database's URL."""

    name: str
    source: Path
    settings: dict[str, str] = field(factory=dict)
    authorization: str = ""
    dsn: str

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(self.source / "src"), str(self.source)))
        return production_environment(self.dsn) | {"PYTHONPATH": path} | self.settings

    def load(self, tenant: Tenant) -> None:
        """Migrates the database with the program's own migrations, and loads the customers."""
        customers = Path(sys.executable).with_name("customers")
        for command in (
            [str(customers), "migrate"],
            [sys.executable, "-c", _LOAD, self.dsn, tenant.id, str(tenant.size)],
        ):
            subprocess.run(
                command,
                env=os.environ | self.environment,
                cwd=self.source,
                check=True,
                stdout=subprocess.DEVNULL,
            )


@click.command()
@click.argument("commit")
@click.option("--only", multiple=True, help="Operations whose name contains this text.")
@click.option("--connections", type=int, help="Connections; by default each operation's own.")
@click.option("--starts", default=5, help="How often both programs are started.")
@click.option("--rounds", default=4, help="Seconds of load per start, program and operation.")
@click.option("--customers", default=100_000, help="Customers of the tenant.")
@click.option("--folder", type=Path, default=Path(".bench/compare"), help="Folder of the data.")
def main(
    commit: str,
    *,
    only: tuple[str, ...],
    connections: int | None,
    starts: int,
    rounds: int,
    customers: int,
    folder: Path,
) -> None:
    """Compares this checkout with COMMIT: processor time for each request."""
    wrk.expect_installed()
    chosen = [operation for operation in operations() if _is_chosen(operation, only)]
    if connections is not None:
        chosen = [evolve(operation, connections=connections) for operation in chosen]
    tenant = Tenant(id="bench-large", size=customers)
    with checkout(commit) as before:
        sources = {"before": before, "after": _HERE}
        costs = asyncio.run(
            _compare(sources, folder.absolute(), tenant, chosen, starts=starts, rounds=rounds)
        )
    title = f"Processor time for each request, divided by that of {commit}"
    Console(width=130).print(table_of(costs, title, "before", "after"))


def _is_chosen(operation: Operation, only: tuple[str, ...]) -> bool:
    if not only:
        return operation.name in COMMON
    return any(text in operation.name for text in only)


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A folder with the sources of a commit, and the `sample_data` of this checkout."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkout"
        git = ["git", "-C", str(_HERE), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(folder), commit], check=True)
        try:
            shutil.copy(_HERE / _SAMPLE_DATA, folder / _SAMPLE_DATA)
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


async def _compare(
    sources: dict[str, Path],
    folder: Path,
    tenant: Tenant,
    chosen: list[Operation],
    *,
    starts: int,
    rounds: int,
) -> list[dict[str, dict[str, Cost]]]:
    """For each start, the costs by operation and program."""
    async with AsyncExitStack() as stack:
        programs = []
        for name, source in sources.items():
            dsn = await stack.enter_async_context(running(folder / name))
            program = Program(name=name, source=source, dsn=dsn)
            await asyncio.to_thread(program.load, tenant)
            programs.append(program)
        return await several_starts(programs, tenant, chosen, starts=starts, rounds=rounds)


async def several_starts(
    programs: list[Program],
    tenant: Tenant,
    chosen: list[Operation],
    *,
    starts: int,
    rounds: int,
) -> list[dict[str, dict[str, Cost]]]:
    """For each start, the costs by operation and program."""
    results = []
    for start in range(starts):
        _log(f"start {start + 1} of {starts}")
        results.append(await _one_start(programs, tenant, chosen, rounds))
    return results


async def _one_start(
    programs: list[Program], tenant: Tenant, chosen: list[Operation], rounds: int
) -> dict[str, dict[str, Cost]]:
    costs: dict[str, dict[str, Cost]] = {}
    async with AsyncExitStack() as stack:
        benches = [
            (program.name, await stack.enter_async_context(_bench(program))) for program in programs
        ]
        for operation in chosen:
            costs[operation.name] = await _turns(benches, operation, tenant, rounds)
    return costs


@asynccontextmanager
async def _bench(program: Program) -> AsyncIterator[Bench]:
    connection = await asyncpg.connect(program.dsn)
    postmaster = parent(connection.get_server_pid())
    await connection.close()
    with tempfile.TemporaryDirectory() as scratch:
        async with service(program.environment) as server:
            yield Bench(
                service=server,
                bare=server,
                dsn=program.dsn,
                postmaster=postmaster,
                folder=Path(scratch),
                seconds=1,
                authorization=program.authorization,
            )


async def _turns(
    benches: list[tuple[str, Bench]], operation: Operation, tenant: Tenant, rounds: int
) -> dict[str, Cost]:
    requests = {}
    for name, bench in benches:
        requests[name] = await _with_cursor(bench, operation, tenant)
        first = operation.requests(requests[name])[:1]
        await send_all(bench.service.http, first, authorization=bench.authorization)
        # Not counted: each connection plans a statement several times before it keeps a plan.
        await bench.load(operation, requests[name])
    costs = {name: Cost() for name, _ in benches}
    for turn in range(rounds):
        for name, bench in benches if turn % 2 else reversed(benches):
            costs[name] = costs[name].plus(*await bench.load(operation, requests[name]))
    return costs


async def _with_cursor(bench: Bench, operation: Operation, tenant: Tenant) -> Tenant:
    """The tenant with the cursor of a deep page, if the operation needs one."""
    if "deep cursor" not in operation.name:
        return tenant
    sort = operation.name.split()[2].rstrip(",")
    cursor = await fetch_cursor(bench.service.http, tenant.id, sort, _PAGES)
    return Tenant(id=tenant.id, size=tenant.size, cursors={sort: cursor})


def table_of(
    results: list[dict[str, dict[str, Cost]]], title: str, before: str, after: str
) -> Table:
    """A table of the processor time of program `after`, and its ratio to that of `before`."""
    table = Table(title=title)
    for column in ("operation", "service us", "PostgreSQL us", "service", "PostgreSQL", "both"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name in results[0]:
        starts = [result[name] for result in results]
        costs = [start[after] for start in starts]
        table.add_row(
            name,
            f"{statistics.median(cost.service_us for cost in costs):.0f}",
            f"{statistics.median(cost.database_us for cost in costs):.0f}",
            *(
                _ratios(starts, before, after, part)
                for part in ("service_us", "database_us", "total_us")
            ),
        )
    return table


def _ratios(starts: list[dict[str, Cost]], before: str, after: str, part: str) -> str:
    """The median ratio of the starts, with the smallest and the largest."""
    ratios = sorted(getattr(start[after], part) / getattr(start[before], part) for start in starts)
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


if __name__ == "__main__":
    main()
