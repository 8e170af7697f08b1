"""The door of both interfaces: one tenant's requests never keep another's out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from prometheus_client import CollectorRegistry

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.admission.door import Door
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.api_client import Answer, Api
from tests.support.api_client import serving as serving_http
from tests.support.builders import USD, a_customer
from tests.support.faulty_storage import FaultyStorage
from tests.support.grpc_service import TENANT, Rpc, an_order, failure, reason, serving
from tests.support.patience import PATIENCE_SECONDS, until

# The places of all tenants, and those that one tenant may have.
PLACES, ALONE = 6, 4


@frozen
class Http:
    """A service with few places, whose orders wait at the gate of its storage."""

    api: Api
    storage: FaultyStorage
    registry: CollectorRegistry

    async def record(self, tenant: str) -> Answer:
        customer = a_customer(tenant_id=tenant)
        assert await self.storage.autocommit(tenant).add_customer(customer)
        path = f"/customers/{customer.id}/record-order"
        api = self.api.of_tenant(tenant)
        return await api.post(path, {"orderId": str(customer.id), "totalAmount": 1})

    async def hang(self, tenant: str, count: int, in_all: int) -> list[asyncio.Task[Answer]]:
        """Sends `count` orders; returns when `in_all` orders of all tenants wait at the gate."""
        tasks = [asyncio.create_task(self.record(tenant)) for _ in range(count)]
        await until(lambda: self.storage.concurrent_orders == in_all)
        return tasks


@asynccontextmanager
async def http(max_wait: float) -> AsyncIterator[Http]:
    storage, registry = FaultyStorage(MemoryStorage(currency=USD)), CollectorRegistry()
    refusals = RefusalMetrics(registry)
    door = Door(PLACES, max_wait=max_wait, request_timeout=PATIENCE_SECONDS, refusals=refusals)
    async with serving_http(storage, tenant="loud", door=door) as api:
        yield Http(api, storage, registry)
        storage.gate.set()


async def test_a_tenant_with_its_share_is_busy_and_the_next_one_is_served() -> None:
    async with http(max_wait=0.05) as service:
        tasks = await service.hang("loud", ALONE, ALONE)
        refused = await service.record("loud")
        assert refused.error == (429, "TENANT_BUSY")
        assert refused.headers["Retry-After"] == "1"
        assert (await service.api.of_tenant("quiet").get("/customers")).status == 200
        labels = {"kind": "tenant_requests"}
        assert service.registry.get_sample_value("customers_refusals_total", labels) == 1
        service.storage.gate.set()
        assert {(await task).status for task in tasks} == {200}


async def test_without_a_place_a_tenant_with_none_gets_503() -> None:
    async with http(max_wait=0.05) as service:
        tasks = await service.hang("loud", ALONE, ALONE)
        tasks += await service.hang("next", PLACES - ALONE, PLACES)
        answer = await service.api.of_tenant("quiet").get("/customers")
        assert answer.error == (503, "STORAGE_UNAVAILABLE")
        service.storage.gate.set()
        await asyncio.gather(*tasks)


async def test_requests_that_wait_are_served_by_tenant_in_turn() -> None:
    async with http(max_wait=PATIENCE_SECONDS) as service:
        tasks = await service.hang("loud", 50, ALONE)
        quiet = await service.hang("quiet", 1, ALONE + 1)
        assert not any(task.done() for task in tasks)
        service.storage.gate.set()
        assert {(await task).status for task in (*quiet, *tasks)} == {200}


async def test_probes_pass_a_full_house() -> None:
    async with http(max_wait=0.05) as service:
        tasks = await service.hang("loud", ALONE, ALONE)
        tasks += await service.hang("next", PLACES - ALONE, PLACES)
        assert (await service.api.send("GET", "/live", base="")).status == 200
        service.storage.gate.set()
        await asyncio.gather(*tasks)


async def hang(rpc: Rpc, count: int) -> list[asyncio.Task[Any]]:
    """Sends `count` calls of TENANT; returns when ALONE of them wait at the gate."""
    rpc.storage.gate.clear()
    orders = [an_order(await rpc.add_customer(), f"order-{number}") for number in range(count)]
    tasks = [asyncio.ensure_future(rpc.stub.RecordOrder(order)) for order in orders]
    await until(lambda: rpc.storage.concurrent_orders == ALONE)
    return tasks


def retry_delay(status: Status) -> Duration:
    info = RetryInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.retry_delay


async def test_a_busy_tenant_over_grpc_is_told_when_to_retry() -> None:
    async with serving(places=PLACES, max_wait=0.05) as rpc:
        tasks = await hang(rpc, ALONE)
        code, status = await failure(rpc.stub.RecordOrder(an_order(await rpc.add_customer())))
        assert code is StatusCode.RESOURCE_EXHAUSTED
        assert reason(status) == "TENANT_BUSY"
        assert retry_delay(status).seconds == 1
        rpc.storage.gate.set()
        await asyncio.gather(*tasks)


async def test_a_call_whose_caller_leaves_at_the_door_never_begins() -> None:
    async with serving(places=PLACES) as rpc:
        tasks = await hang(rpc, ALONE)
        customer_id = await rpc.add_customer()
        code, _ = await failure(rpc.stub.RecordOrder(an_order(customer_id), timeout=0.5))
        assert code is StatusCode.DEADLINE_EXCEEDED
        rpc.storage.gate.set()
        await asyncio.gather(*tasks)
        await rpc.server.stop(5)
        assert len(await rpc.entries(customer_id)) == 0


async def test_a_call_that_has_begun_keeps_its_place_when_its_caller_leaves() -> None:
    async with serving(places=PLACES, max_wait=0.05) as rpc:
        tasks = await hang(rpc, ALONE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await rpc.wait_until_idle()
        code, _ = await failure(rpc.stub.RecordOrder(an_order(await rpc.add_customer())))
        assert code is StatusCode.RESOURCE_EXHAUSTED
        rpc.storage.gate.set()
        other = await rpc.add_customer(f"{TENANT}-2")
        await rpc.stub.RecordOrder(an_order(other, tenant_id=f"{TENANT}-2"))
