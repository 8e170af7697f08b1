"""Waiting until the service is idle, and where the test API exists."""

import asyncio

import pytest

from customers.adapters.memory.storage import MemoryStorage
from tests.support.api_client import serving
from tests.support.api_steps import a_segment, customer_path, new_customer
from tests.support.builders import USD, a_tenant
from tests.support.memory_service import MemoryService
from tests.support.schema_check import operations, the_test_api

PATHS = sorted({(call.method, call.path) for call in operations(the_test_api())})


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_without_the_option_the_test_api_is_not_found(method: str, path: str) -> None:
    async with serving(MemoryStorage(currency=USD), tenant=a_tenant()) as api:
        answer = await api.send(method, path, base="")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_the_test_api_serves_its_own_document(service: MemoryService) -> None:
    document = await service.call("GET", "/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert document["paths"].keys() == {path for _, path in PATHS}


async def test_waiting_until_idle_refreshes_segments(service: MemoryService) -> None:
    await a_segment(service.api, rules=[{"field": "total_orders", "operator": "gte", "value": 0}])
    for _ in range(3):
        await customer_path(service.api)
    assert await service.call("GET", "/idle") == {"idle": True}
    [tenant] = (await service.call("GET", "/snapshot"))["tenants"].values()
    assert not tenant.get("pendingChanges")


async def test_the_service_is_not_idle_while_a_call_is_in_flight(service: MemoryService) -> None:
    await service.add_fault("registerCustomer", times=1, delayMs=300)
    call = asyncio.create_task(service.api.post("/customers", new_customer()))
    while (await service.call("GET", "/faults"))["faults"]:
        pass
    await service.call("GET", "/idle")
    assert len(await service.recorded_calls()) == 1
    await call
