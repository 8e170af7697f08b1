"""Measuring one operation: what it costs on each tenant, and its limits in the same seconds."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import asyncpg
import click
from attrs import field, frozen

from benchmarks import calls, pgbench, wrk
from benchmarks.cpu import NOTHING, Cpu, used
from benchmarks.operations import CUSTOMERS, HOT, Operation, Tenant
from benchmarks.people import customer_id
from benchmarks.serving import Serving
from benchmarks.wrk import Load, Request

ROUNDS = 2
_COUNTED = "SELECT total_orders FROM customers WHERE tenant_id = $1 AND id = $2"


@frozen(kw_only=True)
class Spent:
    """Some load, and the processor time that went into it."""

    loads: tuple[Load, ...] = ()
    cpu: Cpu = NOTHING

    def plus(self, load: Load, cpu: Cpu) -> "Spent":
        return Spent(loads=(*self.loads, load), cpu=self.cpu + cpu)

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
    """The operation's statement alone, by pgbench."""

    per_second: float
    database_us: float


@frozen(kw_only=True)
class Measured:
    """One operation. `bare` is a bare handler's answer of the same size."""

    operation: Operation
    body_bytes: int
    spent: dict[str, Spent] = field(factory=dict)
    bare: Spent
    statement: Statements | None
    lost: int | None = None
    """Of orders to one customer: those that were answered for and not counted."""

    @property
    def large(self) -> Spent:
        return self.spent["large"]

    @property
    def to_bare(self) -> float:
        return self.large.service_us / self.bare.service_us

    @property
    def large_to_small(self) -> float:
        return self.large.total_us / self.spent["small"].total_us


@frozen(kw_only=True)
class Bench:
    """What runs: the service, a bare handler and the database; and a folder for files."""

    service: Serving
    bare: Serving
    dsn: str
    postmaster: int
    folder: Path
    seconds: int

    async def measure(self, operation: Operation, tenants: dict[str, Tenant]) -> Measured:
        """Tenants and limits turn by turn, so that all share what the machine does meanwhile."""
        spent, bare, size = dict.fromkeys(tenants, Spent()), Spent(), 0
        before = await self._hot_orders(tenants["large"])
        for place in range(ROUNDS):
            for name, tenant in tenants.items():
                if place == 0:
                    size = await self._warm(operation, tenant)
                spent[name] = spent[name].plus(*await self._loaded(operation, tenant))
            bare = bare.plus(*await self._bare(operation, tenants["large"], size))
        counted = await self._hot_orders(tenants["large"]) - before
        answered = spent["large"].requests + 1  # the one that warmed it up
        return Measured(
            operation=operation,
            body_bytes=size,
            spent=spent,
            bare=bare,
            statement=await self._alone(operation, tenants["large"]),
            lost=max(0, answered - counted) if operation.name.endswith("one customer") else None,
        )

    async def _warm(self, operation: Operation, tenant: Tenant) -> int:
        """Asks once; the size of the answer's body."""
        if operation.is_rpc:
            return 0
        first = operation.requests(tenant)[0]
        [size] = await ask_all(self.service.http, [first])
        return size

    async def _loaded(self, operation: Operation, tenant: Tenant) -> tuple[Load, Cpu]:
        file = self.folder / "requests.txt"
        requests = operation.requests(tenant)
        before = used(self.service.pid, self.postmaster)
        if operation.is_rpc:
            file.write_text("\n".join(request.path.split("/")[4] for request in requests))
            address = self.service.grpc
            load = await calls.load(
                address, tenant.id, file, connections=operation.connections, seconds=self.seconds
            )
        else:
            wrk.write(file, requests)
            load = await wrk.load(
                self.service.http, file, connections=operation.connections, seconds=self.seconds
            )
        return load, used(self.service.pid, self.postmaster).since(before)

    async def _bare(self, operation: Operation, tenant: Tenant, size: int) -> tuple[Load, Cpu]:
        first = operation.requests(tenant)[0]
        file = self.folder / "bare.txt"
        wrk.write(file, [Request(tenant="", path=f"/{size}", method=first.method, body=first.body)])
        before = used(self.bare.pid, self.postmaster)
        load = await wrk.load(self.bare.http, file, connections=operation.connections, seconds=1)
        return load, used(self.bare.pid, self.postmaster).since(before)

    async def _alone(self, operation: Operation, tenant: Tenant) -> Statements | None:
        if operation.statement is None:
            return None
        file = self.folder / "statement.sql"
        file.write_text(operation.statement(tenant))
        before = used(self.service.pid, self.postmaster)
        done = await pgbench.run(
            self.dsn, file, connections=operation.connections, seconds=2 * self.seconds
        )
        if done.failed:
            raise click.ClickException(f"{operation.name}: {done.failed} statements failed alone")
        cpu = used(self.service.pid, self.postmaster).since(before)
        return Statements(per_second=done.per_second, database_us=cpu.database / done.number * 1e6)

    async def _hot_orders(self, tenant: Tenant) -> int:
        connection = await asyncpg.connect(self.dsn)
        try:
            counted: int = await connection.fetchval(_COUNTED, tenant.id, customer_id(HOT))
        finally:
            await connection.close()
        return counted


async def ask_all(url: str, requests: Sequence[Request]) -> list[int]:
    """Sends requests one after the other; the sizes of the answers' bodies."""
    sizes = []
    async with aiohttp.ClientSession(url) as session:
        for request in requests:
            headers = {"X-Tenant-ID": request.tenant}
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


async def ask_cursor(url: str, tenant_id: str, sort: str, pages: int) -> str:
    """The cursor that so many pages of 100 lead to."""
    cursor = ""
    async with aiohttp.ClientSession(url, headers={"X-Tenant-ID": tenant_id}) as session:
        for _ in range(pages):
            query = {"sort_by": sort, "page_size": "100", "cursor": cursor}
            async with session.get(CUSTOMERS, params=query) as answer:
                cursor = (await answer.json())["nextCursor"]
    return cursor
