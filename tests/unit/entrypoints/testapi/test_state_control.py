"""Snapshots, resets, counted ids and the seed file: a state that can be had again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from customers.entrypoints.testapi.state_control import BadSeedFile
from tests.support.api_steps import a_customer, a_segment, customer_path, new_customer
from tests.support.memory_service import Bench, benched

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


async def filled(bench: Bench) -> str:
    """A tenant with a customer who has something of most kinds; gives their path."""
    customer = await customer_path(bench.api)
    await bench.api.post(f"{customer}/record-order", {"orderId": "o-1", "totalAmount": 12.5})
    await bench.api.post(f"{customer}/notes", {"note": "grüßt"})
    await a_segment(bench.api, rules=[{"field": "total_orders", "operator": "gte", "value": 1}])
    return customer


async def shown(bench: Bench, customer: str) -> list[Any]:
    paths = (customer, f"{customer}/orders", f"{customer}/notes", f"{customer}/segments")
    return [(await bench.api.get(path)).body for path in paths]


async def test_a_snapshot_is_restored_in_one_call(bench: Bench) -> None:
    customer = await filled(bench)
    before, snapshot = await shown(bench, customer), await bench.told("GET", "/snapshot")
    await bench.api.delete(f"{customer}?mode=erase")
    await a_customer(bench.api)
    await bench.told("POST", "/clock/advance", {"seconds": 10})
    assert await bench.told("PUT", "/snapshot", snapshot) == {"message": "restored"}
    assert await shown(bench, customer) == before
    assert await bench.told("GET", "/snapshot") == snapshot


async def test_a_snapshot_is_restored_by_another_service(bench: Bench) -> None:
    customer = await filled(bench)
    snapshot = await bench.told("GET", "/snapshot")
    async with benched(clock=None) as other:
        await other.told("PUT", "/snapshot", snapshot)
        there = other.of_tenant(bench.tenant)
        assert await shown(there, customer) == await shown(bench, customer)
        assert await there.told("GET", "/clock") == await bench.told("GET", "/clock")


async def test_a_clock_that_ran_runs_again_after_a_restore() -> None:
    async with benched(clock=None) as bench:
        snapshot = await bench.told("GET", "/snapshot")
        await bench.told("PUT", "/clock", {"now": "2100-01-01T00:00:00Z"})
        await bench.told("PUT", "/snapshot", snapshot)
        assert (await bench.told("GET", "/clock"))["stands"] is False


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"version": 2}, "/version"),
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
    bench: Bench, change: dict[str, Any], pointer: str
) -> None:
    await filled(bench)
    snapshot = await bench.told("GET", "/snapshot")
    answer = await bench.tell("PUT", "/snapshot", {**snapshot, **change})
    assert (answer.status, answer.pointers) == (400, {pointer})
    assert await bench.told("GET", "/snapshot") == snapshot


async def test_a_bad_customer_in_a_snapshot_is_named_by_its_place(bench: Bench) -> None:
    await filled(bench)
    snapshot = await bench.told("GET", "/snapshot")
    snapshot["tenants"][bench.tenant]["customers"][0]["email"] = "no"
    answer = await bench.tell("PUT", "/snapshot", snapshot)
    place = f"/tenants/{bench.tenant}/customers/0/email"
    assert (answer.status, answer.pointers) == (400, {place})


async def test_a_snapshot_may_be_larger_than_other_bodies(bench: Bench) -> None:
    snapshot = await bench.told("GET", "/snapshot")
    body = json.dumps(snapshot).encode() + b" " * 2 * 1024 * 1024
    assert (await bench.tell("PUT", "/snapshot", body)).status == 200
    assert (await bench.tell("POST", "/faults", b" " * 2 * 1024 * 1024)).status == 413


async def test_nothing_is_no_snapshot(bench: Bench) -> None:
    assert (await bench.tell("PUT", "/snapshot")).status == 400


async def test_a_reset_of_a_tenant_forgets_all_that_is_its(bench: Bench) -> None:
    other = bench.of_tenant("another")
    kept = await filled(other)
    await filled(bench)
    await bench.fault(status=503)
    await bench.told("POST", f"/reset?tenant_id={bench.tenant}")
    assert (await bench.api.get("/customers")).body["total"] == 0
    assert [each["operation"] for each in await bench.calls()] == ["listCustomers"]
    assert (await other.api.get(kept)).status == 200


async def test_a_reset_is_as_at_the_start(bench: Bench) -> None:
    start = await bench.told("GET", "/snapshot")
    await filled(bench)
    await bench.told("POST", "/clock/advance", {"seconds": 10})
    await bench.told("POST", "/faults", {"status": 503})
    assert await bench.told("POST", "/reset") == {"message": "reset"}
    assert await bench.told("GET", "/snapshot") == start
    assert await bench.told("GET", "/faults") == {"faults": []}
    assert await bench.told("GET", "/requests") == {"requests": []}


async def test_sequential_ids_depend_on_tenant_kind_and_count_only() -> None:
    async def ids(busy: bool) -> list[str]:
        async with benched(ids="sequential") as bench:
            told = []
            for _ in range(3):
                if busy:
                    await filled(bench.of_tenant("busy"))
                told.append(await customer_path(bench.of_tenant("quiet").api))
            return told

    assert await ids(busy=True) == await ids(busy=False)


async def test_sequential_ids_of_another_seed_or_tenant_are_others() -> None:
    found = set()
    for seed, tenant in ((1, "a"), (1, "b"), (2, "a")):
        async with benched(ids="sequential", seed=seed) as bench:
            found.add(await customer_path(bench.of_tenant(tenant).api))
    assert len(found) == 3


async def test_after_a_reset_or_a_restore_ids_are_counted_from_there() -> None:
    async with benched(ids="sequential") as bench:
        first = await customer_path(bench.api)
        snapshot = await bench.told("GET", "/snapshot")
        second = await customer_path(bench.api)
        await bench.told("PUT", "/snapshot", snapshot)
        assert await customer_path(bench.api) == second
        await bench.told("POST", f"/reset?tenant_id={bench.tenant}")
        assert await customer_path(bench.api) == first


@pytest.mark.parametrize("name", SEEDS)
async def test_the_service_begins_with_the_states_of_a_seed_file(tmp_path: Path, name: str) -> None:
    (seed_file := tmp_path / name).write_text(SEEDS[name])
    async with benched(seed_file=seed_file) as bench:
        shop = bench.of_tenant("shop")
        for _ in range(2):
            [vip] = (await shop.api.get("/customers")).body["customers"]
            assert (vip["totalOrders"], vip["totalSpent"]) == (2, 25)
            await shop.api.delete(f"/customers/{vip['id']}")
            await bench.told("POST", "/reset")


async def test_the_service_begins_with_a_snapshot(bench: Bench, tmp_path: Path) -> None:
    customer = await filled(bench)
    seed_file = tmp_path / "snapshot.json"
    seed_file.write_bytes((await bench.tell("GET", "/snapshot")).raw)
    async with benched(clock=None, seed_file=seed_file) as other:
        assert (await other.of_tenant(bench.tenant).api.get(customer)).status == 200


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "neither a snapshot nor a list of states"),
        ("a: [", "while parsing"),
        ("states: 1", "/states: must be a list"),
        ("states: [{state: no customers}]", "name the tenant"),
        ("states: [{state: none, tenantId: t}]", "is no state"),
        ("tenants: {}", "/version: is required"),
    ],
)
async def test_a_seed_file_that_says_nothing_is_named(tmp_path: Path, text: str, told: str) -> None:
    (seed_file := tmp_path / "seed.yaml").write_text(text)
    with pytest.raises(BadSeedFile, match=told) as caught:
        async with benched(seed_file=seed_file):
            pass
    assert str(caught.value).startswith(f"--seed-file {seed_file}: ")


async def test_500_tenants_at_once_do_not_see_each_other() -> None:
    async with benched(ids="sequential") as bench:

        async def alone(number: int) -> tuple[int, int, int]:
            tenant = bench.of_tenant(f"tenant-{number}")
            if number % 2:
                await tenant.fault("listSegments", times=1, status=503)
            body = new_customer(email="same@example.test", firstName=f"Ada {number}")
            customer = (await tenant.api.post("/customers", body)).body["id"]
            order = {"orderId": "o-1", "totalAmount": number}
            await tenant.api.post(f"/customers/{customer}/record-order", order)
            page = (await tenant.api.get("/customers")).body
            status = (await tenant.api.get("/customers/segments")).status
            assert page["customers"][0]["firstName"] == f"Ada {number}"
            assert page["customers"][0]["totalSpent"] == number
            return page["total"], status, len(await tenant.calls())

        found = await asyncio.gather(*(alone(number) for number in range(500)))
    assert found == [(1, 503 if number % 2 else 200, 4) for number in range(500)]
