"""A running service with its test API, called over REST and gRPC; its clock is frozen."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from aiohttp import ClientSession, ClientTimeout
from attrs import evolve, frozen

from customers.adapters.memory.storage import MemoryStorage
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.query import CustomerSort, Page
from customers.core.ports.storage import Storage
from customers.core.services.customers import Customers
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.testapi.ports import ControllableStorage
from tests.support.api_client import NOTHING, Answer, Api
from tests.support.builders import NOW, FixedClock, a_tenant
from tests.support.patience import PATIENCE_SECONDS

_ROOT = JsonPointer()


@frozen(kw_only=True)
class MemoryService:
    """The service as one tenant calls it, and its test API."""

    api: Api
    stub: CustomersServiceStub
    channel: grpc.aio.Channel

    def of_tenant(self, tenant: str) -> "MemoryService":
        return evolve(self, api=self.api.of_tenant(tenant))

    @property
    def tenant(self) -> str:
        return self.api.tenant

    async def send(self, method: str, path: str, body: Any = NOTHING) -> Answer:
        """Sends a request to a path below /__test, without the tenant."""
        headers = {"X-Tenant-ID": None}
        return await self.api.send(method, path, body, headers=headers, base="/__test")

    async def call(self, method: str, path: str, body: Any = NOTHING) -> Any:
        """As `send`, and returns the body of the answer, which must not be an error."""
        answer = await self.send(method, path, body)
        assert answer.status < 300, answer
        return answer.body

    async def set_state(self, name: str, **params: Any) -> Mapping[str, Any]:
        """Sets up a state in the tenant, and returns its values."""
        params = {"tenantId": self.tenant, **params}
        body = await self.call("POST", "/states", {"state": name, "params": params})
        values: Mapping[str, Any] = body["values"]
        return values

    async def add_fault(self, operation: str = "", **effects: Any) -> str:
        """Adds a fault for the tenant, and returns its id."""
        match = {"operation": operation, "tenantId": self.tenant}
        return str((await self.call("POST", "/faults", {"match": match, **effects}))["id"])

    async def recorded_calls(self, operation: str = "") -> list[dict[str, Any]]:
        """The calls of the tenant in the call log."""
        query = f"?tenant_id={self.tenant}&operation={operation}"
        calls: list[dict[str, Any]] = (await self.call("GET", f"/requests{query}"))["requests"]
        return calls


@frozen
class _DeletingStorage(ControllableStorage):
    """Controls a storage that has no dumps: forgets a tenant by deleting its customers."""

    _customers: Customers

    def dump(self) -> dict[str, Any]:
        raise NotImplementedError

    async def restore(self, data: object, at: JsonPointer = _ROOT) -> None:
        raise NotImplementedError

    async def forget(self, tenant_id: str | None = None) -> None:
        assert tenant_id is not None
        everyone, sort, page = CustomerFilter(), CustomerSort(), Page(size=100)
        while customers := (await self._customers.page(tenant_id, everyone, sort, page)).customers:
            for customer in customers:
                await self._customers.delete(tenant_id, customer.id, versions=None)


@asynccontextmanager
async def memory_service(
    storage: Storage | None = None, **settings: Any
) -> AsyncIterator[MemoryService]:
    """The service with its test API, for a fresh tenant, while the block runs.

    On a storage other than memory, the test API cannot take or restore snapshots, nor reset all
    tenants at once.
    """
    settings = {"clock": NOW, **settings}
    container = Container(
        settings=Settings(storage="memory", test_api=True, data_dir=Path("unused"), **settings),
        dsn="",
    )
    if storage is not None:
        _replace_storage(container, storage)
    http, rpc = HttpServer(app := container.app(), seconds_to_end=1.0), container.rpc()
    if (test_api := container.test_api()) is not None:
        await test_api.load_seed_file()
    port, rpc_port = await http.start("127.0.0.1", 0), await rpc.start("127.0.0.1:0")
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=PATIENCE_SECONDS)) as client,
            grpc.aio.insecure_channel(f"127.0.0.1:{rpc_port}") as channel,
        ):
            api = Api(app=app, client=client, port=port, clock=FixedClock(), tenant=a_tenant())
            yield MemoryService(api=api, stub=CustomersServiceStub(channel), channel=channel)
    finally:
        await http.end()
        await rpc.stop(0)


def _replace_storage(container: Container, storage: Storage) -> None:
    container.storage.override(storage)
    is_memory = isinstance(storage, MemoryStorage)
    container.memory_storage.override(
        storage if is_memory else _DeletingStorage(container.customers())
    )
