"""What the most expensive rules of one tenant cost the service and another tenant.

    python -m benchmarks.segment_walls [--customers 50000] [--segments 60] [--folder FOLDER]

Prints the time until the service serves, the longest stall of /live and the memory, for a start
without segments and for a start with the largest accepted rules. Then it prints that a quadratic
rule is refused, and what a rule just below the limits does while a neighbour's changes are
refreshed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import click
from aiohttp import ClientSession
from attrs import define, frozen

from benchmarks.processes import ServerProcess, production_environment, service
from benchmarks.sample_data import customer_id, load_tenants
from customers.core.model.rules.cost import MAX_COMPARISONS
from customers.devtools.server import running
from customers.entrypoints.container.database import migrate

DEAR, NEIGHBOUR = "bench-dear", "bench-neighbour"
NEIGHBOURS = 1_000
CONDITIONS = 100
SEGMENTS = "/api/v1/customers/segments"
# How long stalls are measured after a start.
WATCH_SECONDS = 10.0
PROBE_SECONDS, LAG_SECONDS = 0.005, 0.05
_OLDEST = (
    "SELECT extract(epoch FROM clock_timestamp() - min(at))::float8 "
    "FROM customer_segment_pending_changes WHERE tenant_id = $1"
)
_TOUCH = "/api/v1/customers/{}"


@frozen(kw_only=True)
class Start:
    """A start: seconds until it serves, longest stall of /live in seconds, memory in bytes."""

    seconds: float
    stall: float
    memory: int


@define
class Maximum:
    """The largest value so far."""

    value: float = 0.0

    def add(self, value: float) -> None:
        self.value = max(self.value, value)


def texts(length: int, seed: int = 0) -> list[dict[str, str]]:
    """A rule of 100 searches for texts of this length, which no customer's notes contain."""
    return [
        {
            "field": "notes",
            "operator": "contains",
            "value": f"{seed:04}{number:04}".ljust(length, "x"),
        }
        for number in range(CONDITIONS)
    ]


def numbers(seed: int) -> list[dict[str, Any]]:
    """A rule with as many list items as rules may have, in two conditions."""
    values = [seed * 10_000 + number for number in range(1_000)]
    fields = ("total_spent", "lifetime_value")
    return [{"field": field, "operator": "in", "value": values} for field in fields]


def largest(seed: int) -> list[dict[str, Any]]:
    return numbers(seed) if seed % 2 else texts(MAX_COMPARISONS // CONDITIONS, seed)


async def send(http: ClientSession, method: str, path: str, tenant: str, body: Any = None) -> Any:
    """Sends a request; returns the status, the body and the seconds it took."""
    start = time.perf_counter()
    headers = {"X-Tenant-ID": tenant}
    async with http.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.json(), time.perf_counter() - start


@asynccontextmanager
async def beside(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Repeats the work while the block runs."""

    async def repeat() -> None:
        while True:
            await work()

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def live_probe(http: ClientSession, longest: Maximum) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        start = time.perf_counter()
        async with http.get("/live") as answer:
            await answer.read()
        longest.add(time.perf_counter() - start)
        await asyncio.sleep(PROBE_SECONDS)

    return probe


async def watch(server: ServerProcess, tenant: str) -> Start:
    longest = Maximum()
    async with ClientSession(server.http) as http, ClientSession(server.http) as probing:
        async with beside(live_probe(probing, longest)):
            await send(http, "GET", SEGMENTS, tenant)
            await asyncio.sleep(WATCH_SECONDS)
        memory = server.resident_bytes
    return Start(seconds=server.seconds_to_start, stall=longest.value, memory=memory)


async def a_start(dsn: str, tenant: str) -> Start:
    async with service(production_environment(dsn)) as server:
        return await watch(server, tenant)


async def remove_segments(dsn: str) -> None:
    """Removes the segments of an earlier run."""
    async with (
        service(production_environment(dsn)) as server,
        ClientSession(server.http) as http,
    ):
        for tenant in (DEAR, NEIGHBOUR):
            for segment in (await send(http, "GET", SEGMENTS, tenant))[1]:
                await send(http, "DELETE", f"{SEGMENTS}/{segment['id']}", tenant)


async def publish_largest(dsn: str, count: int) -> None:
    async with (
        service(production_environment(dsn)) as server,
        ClientSession(server.http) as http,
    ):
        for seed in range(count):
            body = {"name": f"Largest {seed}", "rules": largest(seed)}
            status, answer, _ = await send(http, "POST", SEGMENTS, DEAR, body)
            if status != 201:
                raise click.ClickException(f"a rule within the limits was refused: {answer}")
        await built(http)


async def built(http: ClientSession) -> dict[str, int]:
    """The number of segments by build status, once none is being built."""
    while True:
        _, segments, _ = await send(http, "GET", SEGMENTS, DEAR)
        states = [segment["buildStatus"] for segment in segments]
        if "building" not in states:
            return {state: states.count(state) for state in sorted(set(states))}
        await asyncio.sleep(0.2)


def say(line: str, *values: object) -> None:
    click.echo(f"{line:<58}{'  '.join(map(str, values))}")


def report_start(name: str, start: Start, empty: Start | None = None) -> None:
    memory = start.memory - (empty.memory if empty else 0)
    over = " over an empty start" if empty else ""
    say(
        name,
        f"{start.seconds:.2f} s to serve",
        f"longest stall of /live {start.stall * 1e3:.0f} ms",
        f"{memory / 1e6:.0f} MB{over}",
    )


async def compare_rules(dsn: str) -> None:
    async with (
        service(production_environment(dsn)) as server,
        ClientSession(server.http) as http,
        ClientSession(server.http) as probing,
    ):
        body = {"name": "Quadratic", "rules": texts(MAX_COMPARISONS // CONDITIONS + 1)}
        status, answer, seconds = await send(http, "POST", SEGMENTS, DEAR, body)
        say("quadratic rule", status, answer.get("code"), f"{seconds * 1e3:.0f} ms")
        await just_below(dsn, http, probing)


async def just_below(dsn: str, http: ClientSession, probing: ClientSession) -> None:
    lag, stall = Maximum(), Maximum()
    database = await asyncpg.connect(dsn)
    rules = [{"field": "first_name", "operator": "is_not_empty"}]
    neighbour = {"name": "Neighbour", "rules": rules}
    await send(http, "POST", SEGMENTS, NEIGHBOUR, neighbour)
    async with (
        beside(live_probe(probing, stall)),
        beside(neighbour_changes(probing)),
        beside(lag_probe(database, lag)),
    ):
        await asyncio.sleep(5)
        idle, lag.value = lag.value, 0.0
        body = {"name": "Just below", "rules": largest(9_998)}
        status, segment, seconds = await send(http, "POST", SEGMENTS, DEAR, body)
        say("just below: created", status, segment.get("buildStatus"), f"{seconds:.2f} s")
        start = time.perf_counter()
        say("just below: in the end", await built(http), f"{time.perf_counter() - start:.1f} s")
        for method, path in (("GET", SEGMENTS), ("DELETE", f"{SEGMENTS}/{segment['id']}")):
            status, _, seconds = await send(http, method, path, DEAR)
            say(f"just below: {method}", status, f"{seconds:.2f} s")
    say("neighbour's oldest pending change", f"{lag.value:.1f} s", f"({idle:.1f} s before)")
    say("longest stall of /live meanwhile", f"{stall.value * 1e3:.0f} ms")
    await database.close()


def neighbour_changes(http: ClientSession) -> Callable[[], Awaitable[None]]:
    counter = iter(range(10**9))

    async def change() -> None:
        number = next(counter)
        path = _TOUCH.format(customer_id(number % NEIGHBOURS + 1))
        await send(http, "PUT", path, NEIGHBOUR, {"firstName": f"Ada {number}"})
        await asyncio.sleep(LAG_SECONDS)

    return change


def lag_probe(
    database: "asyncpg.Connection[asyncpg.Record]", lag: Maximum
) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        lag.add(await database.fetchval(_OLDEST, NEIGHBOUR) or 0)
        await asyncio.sleep(LAG_SECONDS)

    return probe


async def run(folder: Path, customers: int, segments: int) -> None:
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        await load_tenants(dsn, {DEAR: customers, NEIGHBOUR: NEIGHBOURS})
        await remove_segments(dsn)
        empty = await a_start(dsn, DEAR)
        report_start("empty start", empty)
        await publish_largest(dsn, segments)
        report_start(f"start with {segments} of the largest rules", await a_start(dsn, DEAR), empty)
        await compare_rules(dsn)


@click.command()
@click.option("--customers", default=50_000, show_default=True)
@click.option("--segments", default=60, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".bench/walls"))
def main(customers: int, segments: int, folder: Path) -> None:
    """Measures what the most expensive rules of one tenant cost others."""
    asyncio.run(run(folder.absolute(), customers, segments))


if __name__ == "__main__":
    main()
