"""Measures one operation: its cost on each tenant, and its baselines at the same time."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import asyncpg
import click
from attrs import field, frozen

from benchmarks import grpc_load, pgbench, wrk
from benchmarks.cpu import NO_TIME, Cpu, cpu_time
from benchmarks.operations import CUSTOMERS, HOT, Operation, Tenant
from benchmarks.processes import ServerProcess
from benchmarks.sample_data import customer_id
from benchmarks.wrk import Load, Request

ROUNDS = 2
_TOTAL_ORDERS = (
    "SELECT total_orders FROM customer_statistics WHERE tenant_id = $1 AND customer_id = $2"
)


@frozen(kw_only=True)
class Cost:
    """The load of several rounds, and the processor time it took; `_us` is per request."""

    loads: tuple[Load, ...] = ()
    cpu: Cpu = NO_TIME

    def plus(self, load: Load, cpu: Cpu) -> "Cost":
        return Cost(loads=(*self.loads, load), cpu=self.cpu + cpu)

    @property
    def requests(self) -> int:
        return sum(load.requests for load in self.loads)

    @property
    def per_second(self) -> float:
        return self.requests / sum(load.seconds for load in self.loads)

    @property
    def service_us(self) -> float:
        return self.cpu.service / self.requests * 1e6

    @property
    def database_us(self) -> float:
        return self.cpu.database / self.requests * 1e6

    @property
    def total_us(self) -> float:
        return self.service_us + self.database_us

    @property
    def failures(self) -> int:
        return sum(load.refused + load.broken for load in self.loads)

    def middle(self, of: Callable[[Load], float]) -> float:
        return sum(map(of, self.loads)) / len(self.loads)


@frozen(kw_only=True)
class Statements:
    """The result of the operation's SQL statement alone, run by pgbench."""

    per_second: float
    database_us: float


@frozen(kw_only=True)
class Measurement:
    """The costs of one operation by tenant, and of its baselines.

    The answers of the bare handler have `body_bytes` too; over gRPC that is 0.
    """

    operation: Operation
    body_bytes: int
    costs: dict[str, Cost] = field(factory=dict)
    bare: Cost
    statement: Statements | None
    lost: int | None = None
    """How many orders of one customer were answered but not counted; None for other operations."""

    @property
    def large(self) -> Cost:
        return self.costs["large"]

    @property
    def to_bare(self) -> float:
        return self.large.service_us / self.bare.service_us

    @property
    def large_to_small(self) -> float:
        return self.large.total_us / self.costs["small"].total_us


@frozen(kw_only=True)
class Bench:
    """The running service, bare handler and database, a folder for files, and seconds of load.

    `authorization` is the value of the Authorization header; empty for none.
    """

    service: ServerProcess
    bare: ServerProcess
    dsn: str
    postmaster: int
    folder: Path
    seconds: int
    authorization: str = ""

    async def measure(self, operation: Operation, tenants: dict[str, Tenant]) -> Measurement:
        """Measures tenants and bare handler in turns, so that other load affects all of them."""
        costs, bare, size = dict.fromkeys(tenants, Cost()), Cost(), 0
        before = await self._hot_orders(tenants["large"])
        for turn in range(ROUNDS):
            for name, tenant in tenants.items():
                if turn == 0:
                    size = await self._warm_up(operation, tenant)
                costs[name] = costs[name].plus(*await self.load(operation, tenant))
            bare = bare.plus(*await self._load_bare(operation, tenants["large"], size))
        counted = await self._hot_orders(tenants["large"]) - before
        answered = costs["large"].requests + 1  # the warm-up request
        return Measurement(
            operation=operation,
            body_bytes=size,
            costs=costs,
            bare=bare,
            statement=await self._load_statement(operation, tenants["large"]),
            lost=max(0, answered - counted) if operation.name.endswith("one customer") else None,
        )

    async def _warm_up(self, operation: Operation, tenant: Tenant) -> int:
        """Sends one request; returns the size of the answer's body."""
        if operation.is_rpc:
            return 0
        first = operation.requests(tenant)[0]
        [size] = await send_all(self.service.http, [first])
        return size

    async def load(self, operation: Operation, tenant: Tenant) -> tuple[Load, Cpu]:
        """Runs an operation on the service; returns the load, and the processor time it took."""
        file = self.folder / "requests.txt"
        requests = operation.requests(tenant)
        before = cpu_time(self.service.pid, self.postmaster)
        if operation.is_rpc:
            file.write_text("\n".join(request.path.split("/")[4] for request in requests))
            address = self.service.grpc
            load = await grpc_load.load(
                address,
                tenant.id,
                file,
                connections=operation.connections,
                seconds=self.seconds,
                batch=operation.batch,
            )
        else:
            wrk.write(file, requests)
            load = await wrk.load(
                self.service.http,
                file,
                connections=operation.connections,
                seconds=self.seconds,
                authorization=self.authorization,
            )
        return load, cpu_time(self.service.pid, self.postmaster).since(before)

    async def _load_bare(self, operation: Operation, tenant: Tenant, size: int) -> tuple[Load, Cpu]:
        first = operation.requests(tenant)[0]
        file = self.folder / "bare.txt"
        wrk.write(file, [Request(tenant="", path=f"/{size}", method=first.method, body=first.body)])
        before = cpu_time(self.bare.pid, self.postmaster)
        load = await wrk.load(self.bare.http, file, connections=operation.connections, seconds=1)
        return load, cpu_time(self.bare.pid, self.postmaster).since(before)

    async def _load_statement(self, operation: Operation, tenant: Tenant) -> Statements | None:
        if operation.statement is None:
            return None
        file = self.folder / "statement.sql"
        file.write_text(operation.statement(tenant))
        before = cpu_time(self.service.pid, self.postmaster)
        run = await pgbench.run(
            self.dsn, file, connections=operation.connections, seconds=2 * self.seconds
        )
        if run.failed:
            raise click.ClickException(
                f"{operation.name}: {run.failed} statements failed in pgbench"
            )
        cpu = cpu_time(self.service.pid, self.postmaster).since(before)
        return Statements(per_second=run.per_second, database_us=cpu.database / run.number * 1e6)

    async def _hot_orders(self, tenant: Tenant) -> int:
        connection = await asyncpg.connect(self.dsn)
        try:
            counted: int = await connection.fetchval(_TOTAL_ORDERS, tenant.id, customer_id(HOT))
        finally:
            await connection.close()
        return counted


async def send_all(url: str, requests: Sequence[Request], *, authorization: str = "") -> list[int]:
    """Sends requests one after the other; returns the sizes of the answers' bodies. Raises
    ClickException for an error response.
    """
    sizes = []
    async with aiohttp.ClientSession(url) as session:
        for request in requests:
            headers = {"X-Tenant-ID": request.tenant}
            if authorization:
                headers["Authorization"] = authorization
            if request.body is not None:
                headers["Content-Type"] = "application/json"
            body = request.body_text.replace(wrk.UNIQUE, f"{time.time_ns():022}")
            async with session.request(
                request.method, request.path, data=body, headers=headers
            ) as answer:
                sizes.append(len(await answer.read()))
                if answer.status >= 400:
                    raise click.ClickException(f"{request.method} {request.path}: {answer.status}")
    return sizes


async def fetch_cursor(url: str, tenant_id: str, sort: str, pages: int) -> str:
    """The cursor after this number of pages of 100 customers."""
    cursor = ""
    async with aiohttp.ClientSession(url, headers={"X-Tenant-ID": tenant_id}) as session:
        for _ in range(pages):
            query = {"sort_by": sort, "page_size": "100", "cursor": cursor}
            async with session.get(CUSTOMERS, params=query) as answer:
                cursor = (await answer.json())["nextCursor"]
    return cursor
