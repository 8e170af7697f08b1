"""The service with its test API, in memory, called over REST and gRPC; its clock stands."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from aiohttp import ClientSession, ClientTimeout
from attrs import evolve, frozen

from customers.core.ports.storage import Storage
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from customers.entrypoints.http.server import HttpServer
from tests.support.api_client import NOTHING, Answer, Api
from tests.support.builders import NOW, FixedClock, a_tenant
from tests.support.patience import PATIENCE_SECONDS


@frozen(kw_only=True)
class Bench:
    """One tenant's caller, who can also tell the test API what to do."""

    api: Api
    stub: CustomersServiceStub

    def of_tenant(self, tenant: str) -> "Bench":
        return evolve(self, api=self.api.of_tenant(tenant))

    @property
    def tenant(self) -> str:
        return self.api.tenant

    async def tell(self, method: str, path: str, body: Any = NOTHING) -> Answer:
        """Sends a request to a path below /__test, which names no tenant by itself."""
        headers = {"X-Tenant-ID": None}
        return await self.api.send(method, path, body, headers=headers, base="/__test")

    async def told(self, method: str, path: str, body: Any = NOTHING) -> Any:
        """As `tell`, and gives the body of what is no refusal."""
        answer = await self.tell(method, path, body)
        assert answer.status < 300, answer
        return answer.body

    async def state(self, name: str, **params: Any) -> Mapping[str, Any]:
        """Sets a state up in the tenant, and gives its values."""
        params = {"tenantId": self.tenant, **params}
        body = await self.told("POST", "/states", {"state": name, "params": params})
        values: Mapping[str, Any] = body["values"]
        return values

    async def fault(self, operation: str = "", **told: Any) -> str:
        """Arms a fault for the tenant, and gives its id."""
        match = {"operation": operation, "tenantId": self.tenant}
        return str((await self.told("POST", "/faults", {"match": match, **told}))["id"])

    async def calls(self, operation: str = "") -> list[dict[str, Any]]:
        """The tenant's calls by the journal."""
        query = f"?tenant_id={self.tenant}&operation={operation}"
        found: list[dict[str, Any]] = (await self.told("GET", f"/requests{query}"))["requests"]
        return found


@asynccontextmanager
async def benched(storage: Storage | None = None, **settings: Any) -> AsyncIterator[Bench]:
    """The service with its test API, for a fresh tenant, while the block runs.

    On another storage than memory there is no snapshot and no reset.
    """
    told = {"clock": NOW, **settings}
    container = Container(
        settings=Settings(storage="memory", test_api=True, data_dir=Path("unused"), **told), dsn=""
    )
    if storage is not None:
        container.storage.override(storage)
    http, rpc = HttpServer(app := container.app(), seconds_to_end=1.0), container.rpc()
    if (bench := container.bench()) is not None:
        await bench.begin()
    port, rpc_port = await http.start("127.0.0.1", 0), await rpc.start("127.0.0.1:0")
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=PATIENCE_SECONDS)) as client,
            grpc.aio.insecure_channel(f"127.0.0.1:{rpc_port}") as channel,
        ):
            api = Api(app=app, client=client, port=port, clock=FixedClock(), tenant=a_tenant())
            yield Bench(api=api, stub=CustomersServiceStub(channel))
    finally:
        await http.end()
        await rpc.stop(0)
