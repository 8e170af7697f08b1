"""Waiting until nothing is pending, and where the test API is."""

import asyncio

import pytest

from customers.adapters.memory.storage import MemoryStorage
from tests.support.api_client import serving
from tests.support.api_steps import a_segment, customer_path, new_customer
from tests.support.builders import USD, a_tenant
from tests.support.memory_service import Bench
from tests.support.schema_check import operations, the_test_api

PATHS = sorted({(each.method, each.path) for each in operations(the_test_api())})


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_without_the_option_there_is_nothing_at_its_paths(method: str, path: str) -> None:
    async with serving(MemoryStorage(currency=USD), tenant=a_tenant()) as api:
        answer = await api.send(method, path, base="")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_it_describes_itself(bench: Bench) -> None:
    described = await bench.told("GET", "/openapi.json")
    assert described["openapi"] == "3.1.0"
    assert described["paths"].keys() == {path for _, path in PATHS}


async def test_it_is_idle_once_segments_are_settled(bench: Bench) -> None:
    await a_segment(bench.api, rules=[{"field": "total_orders", "operator": "gte", "value": 0}])
    for _ in range(3):
        await customer_path(bench.api)
    assert await bench.told("GET", "/idle") == {"idle": True}
    [kept] = (await bench.told("GET", "/snapshot"))["tenants"].values()
    assert not kept.get("pendingChanges")


async def test_it_is_not_idle_while_a_call_is_under_way(bench: Bench) -> None:
    await bench.fault("registerCustomer", times=1, delayMs=300)
    call = asyncio.create_task(bench.api.post("/customers", new_customer()))
    while (await bench.told("GET", "/faults"))["faults"]:
        pass
    await bench.told("GET", "/idle")
    assert len(await bench.calls()) == 1
    await call
