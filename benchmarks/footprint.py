"""What a process takes to start, to run for long, and to share the work with another one."""

from collections.abc import Mapping
from pathlib import Path

import aiohttp
from attrs import frozen

from benchmarks import wrk
from benchmarks.cpu import used
from benchmarks.operations import CONNECTIONS, CUSTOMERS, Operation, Tenant
from benchmarks.serving import Serving, median_start, on, service
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
    """A read by one worker and by two: requests a second, and processor time for each."""

    one_per_second: float
    two_per_second: float
    one_service_us: float
    two_service_us: float


async def starts(dsn: str) -> tuple[float, float]:
    """Seconds to serve from a migrated database, and from memory."""
    return (
        await median_start(on(dsn), TIMES_STARTED),
        await median_start(MEMORY, TIMES_STARTED),
    )


async def growth(serving: Serving, mixed: list[Operation], tenant: Tenant, folder: Path) -> Growth:
    """Many requests of a mixture of operations; the first tenth is not counted."""
    file = folder / "mixed.txt"
    parts = [list(operation.requests(tenant)) for operation in mixed]
    together = [part[turn % len(part)] for turn in range(1_000) for part in parts]
    wrk.write(file, together)
    await _requests(serving, file, MANY_REQUESTS // 10)
    before = serving.resident_bytes
    done = await _requests(serving, file, MANY_REQUESTS)
    return Growth(before=before, after=serving.resident_bytes, requests=done)


async def memory_of_customers(folder: Path) -> tuple[int, int]:
    """How many customers are kept in memory, and the bytes of the process that keeps them."""
    body = {"email": f"new-{UNIQUE}@example.test", "firstName": "Ada", "lastName": "Lovelace"}
    file = folder / "customers.txt"
    wrk.write(file, [Request(tenant="memory", path=CUSTOMERS, method="POST", body=body)])
    async with service(MEMORY) as serving:
        await _requests(serving, file, MANY_CUSTOMERS)
        counted = await _total(serving)
        return counted, serving.resident_bytes


async def shared(dsn: str, postmaster: int, file: Path, seconds: int) -> Share:
    """The same load, of a file's requests, on one worker and on two."""
    found: dict[int, tuple[float, float]] = {}
    for workers in (1, 2):
        async with service(on(dsn, workers=workers)) as serving:
            await wrk.load(serving.http, file, connections=4 * CONNECTIONS, seconds=1)
            before = used(serving.pid, postmaster)
            load = await wrk.load(
                serving.http, file, connections=4 * CONNECTIONS, seconds=2 * seconds
            )
            cpu = used(serving.pid, postmaster).since(before)
            found[workers] = load.per_second, cpu.service / load.requests * 1e6
    (one, one_us), (two, two_us) = found[1], found[2]
    return Share(
        one_per_second=one, two_per_second=two, one_service_us=one_us, two_service_us=two_us
    )


async def _requests(serving: Serving, file: Path, so_many: int) -> int:
    done = 0
    while done < so_many:
        load = await wrk.load(serving.http, file, connections=CONNECTIONS, seconds=5)
        done += load.requests
    return done


async def _total(serving: Serving) -> int:
    headers = {"X-Tenant-ID": "memory"}
    async with (
        aiohttp.ClientSession(serving.http, headers=headers) as session,
        session.get(CUSTOMERS, params={"page_size": "1"}) as answer,
    ):
        told: Mapping[str, int] = await answer.json()
    return told["total"]
