"""What one tenant can do to another: a neighbour reads alone, and then during each kind of load.

    python -m benchmarks.bulkheads [--only TEXT] [--seconds 15] [--rounds 20000] [--folder FOLDER]

The neighbour is another tenant, with a client process of its own (`neighbour.py`). Also measured:
how long a batch of one order waits after a hundred abandoned batches, the statuses when customers
with the same e-mail address are created and restored, the longest waits for an answer when the
storage is stuck, and a SIGTERM under load.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import click
import grpc
from attrs import frozen
from google.type.money_pb2 import Money

from benchmarks.cpu import parent
from benchmarks.neighbour import neighbour
from benchmarks.network import network
from benchmarks.operations import CUSTOMERS
from benchmarks.processes import ServerProcess, production_environment, service
from benchmarks.sample_data import customer_id, load_tenants
from customers.devtools.server import running
from customers.entrypoints.container.database import migrate
from customers.entrypoints.grpc.generated.customers_pb2 import (
    RecordOrderRequest,
    RecordOrdersRequest,
)
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub

LOUD, QUIET = "loud", "quiet"
SIZES = {LOUD: 200_000, QUIET: 1_000}
PREVIEWS, WRITES, BATCHES, ORDERS, ABANDONED = 40, 12, 10, 1_000, 100
AT_ONCE, CALLERS = 5, 16
# A rule that no index can answer.
RULES = {
    "conditions": [
        {"field": "total_spent", "operator": "greater_than", "value": 100},
        {"field": "last_name", "operator": "contains", "value": "9"},
    ]
}

_LOCK_CUSTOMER = (
    "SELECT 1 FROM customer_statistics WHERE tenant_id = $1 AND customer_id = $2 FOR UPDATE"
)

Statuses = Counter[str]


@frozen(kw_only=True)
class Running:
    """The running service, its database, the loud tenant's HTTP session, and seconds of load."""

    server: ServerProcess
    dsn: str
    session: aiohttp.ClientSession
    seconds: float

    async def status(self, method: str, path: str, body: object = None) -> str:
        """Sends a request of the loud tenant; returns the status."""
        async with self.session.request(method, path, json=body) as answer:
            await answer.read()
            return str(answer.status)


@click.command()
@click.option("--only", default="", help="Only scenarios whose name contains this text.")
@click.option("--seconds", default=15.0, help="Seconds of load.")
@click.option("--rounds", default=20_000, help="Rounds of create and restore.")
@click.option("--folder", type=Path, default=Path(".bench/bulkheads"), help="Folder of the data.")
def main(only: str, seconds: float, rounds: int, folder: Path) -> None:
    """Measures what the load of a tenant, or a stuck storage, does to other callers."""
    asyncio.run(_run(folder.absolute(), only, seconds, rounds))


async def _run(folder: Path, only: str, seconds: float, rounds: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    scenarios: dict[str, Callable[[Running], Awaitable[None]]] = {
        "alone": _alone,
        "previews": partial(_beside, _previews),
        "locked row": partial(_beside, _locked_writes),
        "batches": partial(_beside, _batches),
        "abandoned batches": _abandoned,
        "create and restore": partial(_create_and_restore, rounds=rounds),
        "stopped server": _stopped_server,
        "black hole": _black_hole,
        "SIGTERM": _sigterm,
    }
    async with running(folder / "postgres") as dsn:
        await migrate(dsn)
        await load_tenants(dsn, SIZES)
        for name, scenario in scenarios.items():
            if only in name:
                click.echo(f"{name}:")
                async with _service(dsn, seconds) as run:
                    await scenario(run)


@asynccontextmanager
async def _service(dsn: str, seconds: float) -> AsyncIterator[Running]:
    """Starts a fresh service, so that no scenario suffers from an earlier scenario."""
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"X-Tenant-ID": LOUD}
    async with (
        service(production_environment(dsn)) as server,
        aiohttp.ClientSession(server.http, headers=headers, connector=connector) as session,
    ):
        yield Running(server=server, dsn=dsn, session=session, seconds=seconds)


async def _neighbour(run: Running) -> None:
    path = f"{CUSTOMERS}/{customer_id(5)}"
    reads = await neighbour(run.server.http, QUIET, path, run.seconds)
    p50, p99, longest = (f"{value * 1e3:.1f}" for value in (reads.p50, reads.p99, reads.max))
    click.echo(
        f"  neighbour: {reads.reads} reads, p50 {p50} ms, p99 {p99} ms, max {longest} ms, "
        f"refused {reads.refused}"
    )


async def _alone(run: Running) -> None:
    await _neighbour(run)


async def _beside(
    load: Callable[[Running, Statuses], Coroutine[Any, Any, None]], run: Running
) -> None:
    """Measures the neighbour during a load, which is repeated until the neighbour has finished."""
    statuses = Statuses()
    loading = asyncio.create_task(load(run, statuses))
    await asyncio.sleep(0.5)
    await _neighbour(run)
    loading.cancel()
    with suppress(asyncio.CancelledError):
        await loading
    click.echo(f"  answers to the load: {dict(statuses)}")


async def _repeat(callers: int, call: Callable[[], Awaitable[str]], statuses: Statuses) -> None:
    async def repeat() -> None:
        while True:
            status = await call()
            statuses[status] += 1
            if status == "429":
                await asyncio.sleep(1)  # like a caller that obeys Retry-After

    await asyncio.gather(*(repeat() for _ in range(callers)))


async def _previews(run: Running, statuses: Statuses) -> None:
    path, body = f"{CUSTOMERS}/segments/preview", {"rules": RULES, "sample": 20}
    await _repeat(PREVIEWS, lambda: run.status("POST", path, body), statuses)


async def _locked_writes(run: Running, statuses: Statuses) -> None:
    async with _locked_row(run.dsn):
        await _repeat(WRITES, lambda: _write(run), statuses)


async def _write(run: Running) -> str:
    return await run.status("PUT", f"{CUSTOMERS}/{customer_id(7)}", {"phone": str(time.time_ns())})


@asynccontextmanager
async def _locked_row(dsn: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(_LOCK_CUSTOMER, LOUD, customer_id(7))
            yield
    finally:
        await connection.close()


async def _batches(run: Running, statuses: Statuses) -> None:
    async with grpc.aio.insecure_channel(run.server.grpc) as channel:
        stub: CustomersServiceStub = CustomersServiceStub(channel)

        async def record() -> str:
            return await _record(stub, _batch(LOUD, ORDERS))

        await _repeat(BATCHES, record, statuses)


def _batch(tenant: str, orders: int) -> RecordOrdersRequest:
    """A batch of new orders, of a thousand customers in turn."""
    return RecordOrdersRequest(
        orders=[
            RecordOrderRequest(
                tenant_id=tenant,
                customer_id=str(customer_id(1 + number % 1_000)),
                order_id=str(uuid4()),
                order_total=Money(units=12),
            )
            for number in range(orders)
        ]
    )


async def _record(stub: CustomersServiceStub, batch: RecordOrdersRequest) -> str:
    """Records a batch; returns 200, 429, or the name of another gRPC code."""
    try:
        await stub.RecordOrders(batch)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return "429"
        return error.code().name
    return "200"


async def _abandoned(run: Running) -> None:
    before = run.server.resident_bytes
    async with grpc.aio.insecure_channel(run.server.grpc) as channel:
        stub: CustomersServiceStub = CustomersServiceStub(channel)
        statuses = Statuses()
        for _ in range(ABANDONED // AT_ONCE):  # with more at once, this client is too slow
            batches = [_batch(LOUD, ORDERS) for _ in range(AT_ONCE)]
            statuses.update(await asyncio.gather(*(_abandon(stub, batch) for batch in batches)))
        began = time.perf_counter()
        status = await _record(stub, _batch(QUIET, 1))
        seconds = time.perf_counter() - began
    click.echo(f"  abandoned: {dict(statuses)}; then a batch of one: {status}, {seconds:.2f} s")
    grown = (run.server.resident_bytes - before) / 1e6
    await asyncio.sleep(2)
    after = (run.server.resident_bytes - before) / 1e6
    click.echo(f"  memory: {grown:+.0f} MB, two seconds later {after:+.0f} MB")


async def _abandon(stub: CustomersServiceStub, batch: RecordOrdersRequest) -> str:
    """Cancels the call of a batch 50 ms after it was sent; returns "left", or its status."""
    call = asyncio.ensure_future(_record(stub, batch))
    await asyncio.sleep(0.05)
    call.cancel()
    with suppress(asyncio.CancelledError):
        return await call
    return "left"


async def _create_and_restore(run: Running, rounds: int) -> None:
    """Creates, deletes and restores customers with the same e-mail address; prints the statuses."""
    statuses, left = Statuses(), iter(range(rounds))
    details = {"email": "one@example.test", "firstName": "One", "lastName": ""}
    known = list[str]()

    async def work() -> None:
        for number in left:
            if number % 2 or not known:
                async with run.session.post(CUSTOMERS, json=details) as answer:
                    statuses[f"create {answer.status}"] += 1
                    created = (await answer.json()).get("id")
                if created is not None:
                    known.append(created)
                    status = await run.status("DELETE", f"{CUSTOMERS}/{created}")
                    statuses[f"delete {status}"] += 1
            else:
                path = f"{CUSTOMERS}/{known[-1 - number % min(8, len(known))]}/restore"
                statuses[f"restore {await run.status('POST', path)}"] += 1

    await asyncio.gather(*(work() for _ in range(CALLERS)))
    click.echo(f"  {rounds} rounds: {dict(sorted(statuses.items()))}")


async def _sigterm(run: Running) -> None:
    """Sends SIGTERM during all kinds of load; prints the exit code and the seconds it took."""
    loads = (_previews, _locked_writes, _batches)
    statuses = Statuses()
    async with grpc.aio.insecure_channel(run.server.grpc) as channel:
        stub: CustomersServiceStub = CustomersServiceStub(channel)
        loading = [asyncio.create_task(load(run, statuses)) for load in loads]
        leaving = [
            asyncio.create_task(_abandon(stub, _batch(LOUD, ORDERS))) for _ in range(AT_ONCE)
        ]
        await asyncio.sleep(3)
        began = time.perf_counter()
        code = await run.server.stop()
        seconds = time.perf_counter() - began
        for task in (*loading, *leaving):
            task.cancel()
        await asyncio.gather(*loading, *leaving, return_exceptions=True)
    click.echo(f"  exit code {code} after {seconds:.1f} s; answers before: {dict(statuses)}")


async def _black_hole(run: Running) -> None:
    """Measures the longest waits while the network to the database server swallows everything, and
    how long the service needs to recover.
    """
    async with network(run.dsn) as (dsn, wire), _service(dsn, run.seconds) as behind:
        await asyncio.gather(*(_read(behind) for _ in range(CALLERS)))
        wire.is_cut = True
        waits = [await _waits(behind, call) for call in (_read, _write, _read)]
        wire.is_cut = False
        await _report_waits(behind, waits)


async def _stopped_server(run: Running) -> None:
    """Measures the longest waits while every process of the database server is stopped, how long
    the service needs to recover, and then the longest wait for a locked row.
    """
    connection = await asyncpg.connect(run.dsn)
    postmaster = parent(connection.get_server_pid())
    await connection.close()
    await asyncio.gather(*(_read(run) for _ in range(CALLERS)))
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    processes = [postmaster, *map(int, children)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        waits = [await _waits(run, call) for call in (_read, _write, _read)]
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
    await _report_waits(run, waits)
    async with _locked_row(run.dsn):
        longest, statuses = await _waits(run, _write)
    click.echo(f"  writes to a locked row: {longest:.2f} s {statuses}")


async def _report_waits(run: Running, waits: Sequence[tuple[float, dict[str, int]]]) -> None:
    """Prints the waits, and how long the service needs until it can read again."""
    began = time.perf_counter()
    while await _read(run) != "200":
        await asyncio.sleep(0.02)
    back = time.perf_counter() - began
    texts = ", ".join(f"{longest:.2f} s {statuses}" for longest, statuses in waits)
    click.echo(f"  reads, writes, reads: {texts}; back after {back:.2f} s")


async def _read(run: Running) -> str:
    return await run.status("GET", f"{CUSTOMERS}/{customer_id(9)}")


async def _waits(
    run: Running, call: Callable[[Running], Awaitable[str]]
) -> tuple[float, dict[str, int]]:
    """The duration of the longest of concurrent calls, in seconds, and the counts of statuses."""

    async def timed() -> tuple[float, str]:
        began = time.perf_counter()
        status = await call(run)
        return time.perf_counter() - began, status

    results = await asyncio.gather(*(timed() for _ in range(2 * CALLERS)))
    return max(seconds for seconds, _ in results), dict(Counter(status for _, status in results))


if __name__ == "__main__":
    main()
