"""Start time, memory growth, memory of customers, and the gain of a second worker."""

from collections.abc import Mapping
from pathlib import Path

import aiohttp
from attrs import frozen

from benchmarks import wrk
from benchmarks.cpu import cpu_time
from benchmarks.operations import CONNECTIONS, CUSTOMERS, Operation, Tenant
from benchmarks.processes import ServerProcess, median_start, production_environment, service
from benchmarks.wrk import UNIQUE, Request

MEMORY = {"STORAGE": "memory", "DATABASE_URL": ""}
MANY_REQUESTS = 200_000
MANY_CUSTOMERS = 100_000
TIMES_STARTED = 5


@frozen(kw_only=True)
class Growth:
    """The memory of a process before and after many requests, in bytes."""

    before: int
    after: int
    requests: int


@frozen(kw_only=True)
class Share:
    """Reads by one worker and by two: requests per second, and microseconds of CPU per request."""

    one_per_second: float
    two_per_second: float
    one_service_us: float
    two_service_us: float


async def start_seconds(dsn: str) -> tuple[float, float]:
    """The median seconds until a service serves, on a migrated database and on memory storage."""
    return (
        await median_start(production_environment(dsn), TIMES_STARTED),
        await median_start(MEMORY, TIMES_STARTED),
    )


async def growth(
    server: ServerProcess, mixed: list[Operation], tenant: Tenant, folder: Path
) -> Growth:
    """The memory growth over many requests of mixed operations, after a warm-up."""
    file = folder / "mixed.txt"
    parts = [list(operation.requests(tenant)) for operation in mixed]
    together = [part[turn % len(part)] for turn in range(1_000) for part in parts]
    wrk.write(file, together)
    await _send_requests(server, file, MANY_REQUESTS // 10)
    before = server.resident_bytes
    done = await _send_requests(server, file, MANY_REQUESTS)
    return Growth(before=before, after=server.resident_bytes, requests=done)


async def memory_of_customers(folder: Path) -> tuple[int, int]:
    """The number of customers that were created in memory, and the bytes of the process."""
    body = {"email": f"new-{UNIQUE}@example.test", "firstName": "Ada", "lastName": "Lovelace"}
    file = folder / "customers.txt"
    wrk.write(file, [Request(tenant="memory", path=CUSTOMERS, method="POST", body=body)])
    async with service(MEMORY) as server:
        await _send_requests(server, file, MANY_CUSTOMERS)
        counted = await _customer_count(server)
        return counted, server.resident_bytes


async def share(dsn: str, postmaster: int, file: Path, seconds: int) -> Share:
    """The results of the same load on one worker and on two."""
    results: dict[int, tuple[float, float]] = {}
    for workers in (1, 2):
        async with service(production_environment(dsn, workers=workers)) as server:
            await wrk.load(server.http, file, connections=4 * CONNECTIONS, seconds=1)
            before = cpu_time(server.pid, postmaster)
            load = await wrk.load(
                server.http, file, connections=4 * CONNECTIONS, seconds=2 * seconds
            )
            cpu = cpu_time(server.pid, postmaster).since(before)
            results[workers] = load.per_second, cpu.service / load.requests * 1e6
    (one, one_us), (two, two_us) = results[1], results[2]
    return Share(
        one_per_second=one, two_per_second=two, one_service_us=one_us, two_service_us=two_us
    )


async def _send_requests(server: ServerProcess, file: Path, number: int) -> int:
    done = 0
    while done < number:
        load = await wrk.load(server.http, file, connections=CONNECTIONS, seconds=5)
        done += load.requests
    return done


async def _customer_count(server: ServerProcess) -> int:
    headers = {"X-Tenant-ID": "memory"}
    async with (
        aiohttp.ClientSession(server.http, headers=headers) as session,
        session.get(CUSTOMERS, params={"page_size": "1"}) as answer,
    ):
        body: Mapping[str, int] = await answer.json()
    return body["total"]
