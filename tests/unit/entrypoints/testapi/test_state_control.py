"""Snapshots, resets, sequential ids and the seed file."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from customers.entrypoints.testapi.state_control import BadSeedFile
from tests.support.api_steps import a_customer, a_segment, customer_path, new_customer
from tests.support.memory_service import MemoryService, memory_service

SEEDS = {
    "seed.yaml": """
states:
  - state: a VIP with 2 orders
    params: {tenantId: shop, amount: 12.50, customerId: 01981f2e-8a4c-7d31-9c55-3f1c2b7e9a10}
  - state: no customers
    tenantId: empty
""",
    "seed.json": json.dumps(
        {
            "states": [
                {
                    "state": "a VIP with N orders",
                    "params": {"tenantId": "shop", "orders": 2, "amount": 12.5},
                }
            ]
        }
    ),
}


async def fill(service: MemoryService) -> str:
    """Registers a customer with an order, a note and a segment; returns the customer's path."""
    customer = await customer_path(service.api)
    await service.api.post(f"{customer}/record-order", {"orderId": "o-1", "totalAmount": 12.5})
    await service.api.post(f"{customer}/notes", {"note": "grüßt"})
    await a_segment(service.api, rules=[{"field": "total_orders", "operator": "gte", "value": 1}])
    return customer


async def answers(service: MemoryService, customer: str) -> list[Any]:
    paths = (customer, f"{customer}/orders", f"{customer}/notes", f"{customer}/segments")
    return [(await service.api.get(path)).body for path in paths]


async def test_a_snapshot_is_restored_in_one_call(service: MemoryService) -> None:
    customer = await fill(service)
    before, snapshot = await answers(service, customer), await service.call("GET", "/snapshot")
    await service.api.delete(f"{customer}?mode=erase")
    await a_customer(service.api)
    await service.call("POST", "/clock/advance", {"seconds": 10})
    assert await service.call("PUT", "/snapshot", snapshot) == {"message": "restored"}
    assert await answers(service, customer) == before
    assert await service.call("GET", "/snapshot") == snapshot


async def test_a_snapshot_is_restored_by_another_service(service: MemoryService) -> None:
    customer = await fill(service)
    snapshot = await service.call("GET", "/snapshot")
    async with memory_service(clock=None) as other:
        await other.call("PUT", "/snapshot", snapshot)
        there = other.of_tenant(service.tenant)
        assert await answers(there, customer) == await answers(service, customer)
        assert await there.call("GET", "/clock") == await service.call("GET", "/clock")


async def test_a_restored_clock_runs_if_it_ran() -> None:
    async with memory_service(clock=None) as service:
        snapshot = await service.call("GET", "/snapshot")
        await service.call("PUT", "/clock", {"now": "2100-01-01T00:00:00Z"})
        await service.call("PUT", "/snapshot", snapshot)
        assert (await service.call("GET", "/clock"))["stands"] is False


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"version": 1}, "/version"),
        ({"version": None}, "/version"),
        ({"clock": 1}, "/clock"),
        ({"clock": {"now": "soon"}}, "/clock/now"),
        ({"ids": {"t": 1}}, "/ids"),
        ({"ids": {"t": {"Customer": -1}}}, "/ids"),
        ({"tenants": []}, "/tenants"),
        ({"extra": 1}, "/extra"),
    ],
)
async def test_a_malformed_snapshot_is_refused_and_nothing_is_changed(
    service: MemoryService, change: dict[str, Any], pointer: str
) -> None:
    await fill(service)
    snapshot = await service.call("GET", "/snapshot")
    answer = await service.send("PUT", "/snapshot", {**snapshot, **change})
    assert (answer.status, answer.pointers) == (400, {pointer})
    assert await service.call("GET", "/snapshot") == snapshot


async def test_a_bad_customer_in_a_snapshot_is_reported_with_a_pointer(
    service: MemoryService,
) -> None:
    await fill(service)
    snapshot = await service.call("GET", "/snapshot")
    snapshot["tenants"][service.tenant]["customers"][0]["email"] = "no"
    answer = await service.send("PUT", "/snapshot", snapshot)
    pointer = f"/tenants/{service.tenant}/customers/0/email"
    assert (answer.status, answer.pointers) == (400, {pointer})


async def test_a_snapshot_of_an_older_version_is_refused_with_a_way_out(
    service: MemoryService,
) -> None:
    snapshot = await service.call("GET", "/snapshot")
    answer = await service.send("PUT", "/snapshot", {**snapshot, "version": 1})
    assert "take a new snapshot" in answer.body["message"]


async def test_a_snapshot_may_be_larger_than_other_bodies(service: MemoryService) -> None:
    snapshot = await service.call("GET", "/snapshot")
    body = json.dumps(snapshot).encode() + b" " * 2 * 1024 * 1024
    assert (await service.send("PUT", "/snapshot", body)).status == 200
    assert (await service.send("POST", "/faults", b" " * 2 * 1024 * 1024)).status == 413


async def test_a_restore_without_a_body_is_refused(service: MemoryService) -> None:
    assert (await service.send("PUT", "/snapshot")).status == 400


async def test_a_reset_of_a_tenant_deletes_its_data_and_calls_and_faults_only(
    service: MemoryService,
) -> None:
    other = service.of_tenant("another")
    path = await fill(other)
    await fill(service)
    await service.add_fault(status=503)
    await service.call("POST", f"/reset?tenant_id={service.tenant}")
    assert (await service.api.get("/customers")).body["total"] == 0
    assert [call["operation"] for call in await service.recorded_calls()] == ["listCustomers"]
    assert (await other.api.get(path)).status == 200


async def test_a_reset_returns_to_the_state_at_the_start(service: MemoryService) -> None:
    start = await service.call("GET", "/snapshot")
    await fill(service)
    await service.call("POST", "/clock/advance", {"seconds": 10})
    await service.call("POST", "/faults", {"status": 503})
    assert await service.call("POST", "/reset") == {"message": "reset"}
    assert await service.call("GET", "/snapshot") == start
    assert await service.call("GET", "/faults") == {"faults": []}
    assert await service.call("GET", "/requests") == {"requests": []}


async def test_sequential_ids_do_not_depend_on_other_tenants() -> None:
    async def ids(busy: bool) -> list[str]:
        async with memory_service(ids="sequential") as service:
            paths = []
            for _ in range(3):
                if busy:
                    await fill(service.of_tenant("busy"))
                paths.append(await customer_path(service.of_tenant("quiet").api))
            return paths

    assert await ids(busy=True) == await ids(busy=False)


async def test_sequential_ids_differ_by_seed_and_by_tenant() -> None:
    paths = set()
    for seed, tenant in ((1, "a"), (1, "b"), (2, "a")):
        async with memory_service(ids="sequential", seed=seed) as service:
            paths.add(await customer_path(service.of_tenant(tenant).api))
    assert len(paths) == 3


async def test_a_reset_or_a_restore_sets_the_count_of_sequential_ids() -> None:
    async with memory_service(ids="sequential") as service:
        first = await customer_path(service.api)
        snapshot = await service.call("GET", "/snapshot")
        second = await customer_path(service.api)
        await service.call("PUT", "/snapshot", snapshot)
        assert await customer_path(service.api) == second
        await service.call("POST", f"/reset?tenant_id={service.tenant}")
        assert await customer_path(service.api) == first


@pytest.mark.parametrize("name", SEEDS)
async def test_the_service_starts_with_the_states_of_a_seed_file(tmp_path: Path, name: str) -> None:
    (seed_file := tmp_path / name).write_text(SEEDS[name])
    async with memory_service(seed_file=seed_file) as service:
        shop = service.of_tenant("shop")
        for _ in range(2):
            [vip] = (await shop.api.get("/customers")).body["customers"]
            assert (vip["totalOrders"], vip["totalSpent"]) == (2, 25)
            await shop.api.delete(f"/customers/{vip['id']}")
            await service.call("POST", "/reset")


async def test_the_service_starts_with_a_snapshot(service: MemoryService, tmp_path: Path) -> None:
    customer = await fill(service)
    seed_file = tmp_path / "snapshot.json"
    seed_file.write_bytes((await service.send("GET", "/snapshot")).raw)
    async with memory_service(clock=None, seed_file=seed_file) as other:
        assert (await other.of_tenant(service.tenant).api.get(customer)).status == 200


def a_customer_state(number: str, name: str) -> str:
    customer_id = f"0190a6b0-0000-7000-8000-00000000000{number}"
    params = f"{{customerId: {customer_id}, email: {name}@example.test}}"
    return f"{{state: a customer exists, tenantId: t, params: {params}}}"


TWO_WITH_ONE_ADDRESS = ", ".join(map(a_customer_state, "121", "abb"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither a snapshot nor a list of states"),
        ("a: [", "while parsing"),
        ("states: 1", "/states: must be a list"),
        ("states: [{state: no customers}]", "name the tenant"),
        ("states: [{state: none, tenantId: t}]", "unknown state"),
        ("tenants: {}", "/version: is required"),
        (f"states: [{TWO_WITH_ONE_ADDRESS}]", "another customer"),
    ],
)
async def test_a_bad_seed_file_is_reported_by_name(tmp_path: Path, text: str, message: str) -> None:
    (seed_file := tmp_path / "seed.yaml").write_text(text)
    with pytest.raises(BadSeedFile, match=message) as caught:
        async with memory_service(seed_file=seed_file):
            pass
    assert str(caught.value).startswith(f"--seed-file {seed_file}: ")


async def test_500_tenants_at_once_do_not_see_each_other() -> None:
    async with memory_service(ids="sequential") as service:

        async def alone(number: int) -> tuple[int, int, int]:
            tenant = service.of_tenant(f"tenant-{number}")
            if number % 2:
                await tenant.add_fault("listSegments", times=1, status=503)
            body = new_customer(email="same@example.test", firstName=f"Ada {number}")
            customer = (await tenant.api.post("/customers", body)).body["id"]
            order = {"orderId": "o-1", "totalAmount": number}
            await tenant.api.post(f"/customers/{customer}/record-order", order)
            page = (await tenant.api.get("/customers")).body
            status = (await tenant.api.get("/customers/segments")).status
            assert page["customers"][0]["firstName"] == f"Ada {number}"
            assert page["customers"][0]["totalSpent"] == number
            return page["total"], status, len(await tenant.recorded_calls())

        results = await asyncio.gather(*(alone(number) for number in range(500)))
    assert results == [(1, 503 if number % 2 else 200, 4) for number in range(500)]
