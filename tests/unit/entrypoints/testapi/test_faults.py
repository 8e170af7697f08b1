"""Faults: calls that fail, are late, or whose answers are lost."""

import asyncio
from typing import Any

import grpc
import pytest
from aiohttp import ClientError, ServerDisconnectedError

from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from tests.support.api_steps import a_customer, customer_path, new_customer
from tests.support.memory_service import Bench
from tests.unit.entrypoints.grpc_service import an_order, usd

ORDER = {"orderId": "o-1", "totalAmount": 5}


async def told_by_rpc(bench: Bench, customer_id: str, order_id: str = "o-1") -> Any:
    order = an_order(customer_id, order_id, tenant_id=bench.tenant, order_total=usd(5))
    return await bench.stub.RecordOrder(order)


async def rpc_code(bench: Bench, customer_id: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await told_by_rpc(bench, customer_id)
    return caught.value.code().name


async def test_an_answer_lost_after_the_commit_leaves_the_order_counted_once(bench: Bench) -> None:
    customer = await customer_path(bench.api)
    await bench.fault("recordOrder", times=1, abort="after-commit")
    with pytest.raises(ServerDisconnectedError):
        await bench.api.post(f"{customer}/record-order", ORDER)
    again = await bench.api.post(f"{customer}/record-order", ORDER)
    assert (again.body["duplicate"], again.body["customer"]["totalOrders"]) == (True, 1)


async def test_a_call_aborted_before_leaves_nothing(bench: Bench) -> None:
    await bench.fault("registerCustomer", times=1, abort="before")
    with pytest.raises(ClientError):
        await bench.api.post("/customers", new_customer())
    assert (await bench.api.get("/customers")).body["total"] == 0


async def test_over_grpc_a_lost_answer_is_a_status(bench: Bench) -> None:
    customer = (await a_customer(bench.api))["id"]
    await bench.fault("RecordOrder", times=2, abort="after-commit")
    assert await rpc_code(bench, customer) == "UNAVAILABLE"
    await bench.told("DELETE", f"/faults?tenant_id={bench.tenant}")
    again = await told_by_rpc(bench, customer)
    assert (again.duplicate, again.statistics.total_orders) == (True, 1)


async def test_over_grpc_the_status_is_the_one_of_the_fault(bench: Bench) -> None:
    customer = (await a_customer(bench.api))["id"]
    await bench.fault("recordorder", times=1, rpcCode="RESOURCE_EXHAUSTED")
    assert await rpc_code(bench, customer) == "RESOURCE_EXHAUSTED"
    assert not (await told_by_rpc(bench, customer)).duplicate


async def test_a_batch_is_struck_for_the_tenants_in_it(bench: Bench) -> None:
    customer = (await a_customer(bench.api))["id"]
    await bench.fault("RecordOrders", rpcCode="ABORTED")
    orders = [an_order(customer, "o-1", tenant_id=bench.tenant, order_total=usd(5))]
    with pytest.raises(grpc.aio.AioRpcError, match="ABORTED"):
        await bench.stub.RecordOrders(RecordOrdersRequest(orders=orders))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_status_is_answered_in_the_form_of_every_error(bench: Bench, status: int) -> None:
    await bench.fault("", times=1, status=status)
    answer = await bench.api.send("GET", "/customers", headers={"X-Request-Id": "mine"})
    assert (answer.status, answer.headers["X-Request-Id"]) == (status, "mine")


async def test_an_unavailable_service_says_when_to_come_again(bench: Bench) -> None:
    await bench.fault("listAddresses", status=503)
    customer = await customer_path(bench.api)
    answer = await bench.api.get(f"{customer}/addresses")
    assert (answer.status, answer.code) == (503, "STORAGE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.body["success"] is False


async def test_a_status_after_the_commit_hides_what_was_done(bench: Bench) -> None:
    await bench.fault("registerCustomer", times=1, status=504, abort="after-commit")
    assert (await bench.api.post("/customers", new_customer())).status == 504
    assert (await bench.api.get("/customers")).body["total"] == 1


async def test_it_strikes_so_many_times(bench: Bench) -> None:
    await bench.fault("listCustomers", times=2, status=503)
    statuses = [(await bench.api.get("/customers")).status for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert await bench.told("GET", "/faults") == {"faults": []}


async def test_without_times_it_strikes_until_it_is_removed(bench: Bench) -> None:
    fault = await bench.fault("listCustomers", status=503)
    assert [(await bench.api.get("/customers")).status for _ in range(3)] == [503] * 3
    [armed] = (await bench.told("GET", "/faults"))["faults"]
    assert (armed["id"], armed["hits"], armed["times"]) == (fault, 3, None)
    assert (await bench.told("DELETE", "/faults"))["removed"] == 1
    assert (await bench.api.get("/customers")).status == 200


async def test_another_tenant_and_another_operation_are_spared(bench: Bench) -> None:
    await bench.fault("listCustomers", status=503)
    assert (await bench.of_tenant("another").api.get("/customers")).status == 200
    assert (await bench.api.get("/customers/segments")).status == 200


async def test_a_tenants_faults_are_removed_alone(bench: Bench) -> None:
    other = bench.of_tenant("another")
    await bench.fault(status=503)
    await other.fault(status=503)
    assert (await bench.told("DELETE", f"/faults?tenant_id={bench.tenant}"))["removed"] == 1
    assert (await bench.api.get("/customers")).status == 200
    assert (await other.api.get("/customers")).status == 503


async def test_one_without_a_match_strikes_every_call_but_probes_and_the_test_api(
    bench: Bench,
) -> None:
    await bench.told("POST", "/faults", {"status": 503})
    assert (await bench.api.get("/customers")).status == 503
    for path in ("/health", "/ready", "/live", "/openapi.json", "/docs", "/__test/clock"):
        async with bench.api.client.get(f"http://127.0.0.1:{bench.api.port}{path}") as answer:
            assert answer.status == 200


async def test_the_oldest_strikes_first(bench: Bench) -> None:
    await bench.fault(times=1, status=500)
    await bench.fault(times=1, status=503)
    assert [(await bench.api.get("/customers")).status for _ in range(3)] == [500, 503, 200]


async def test_a_delayed_call_is_answered_as_ever(bench: Bench) -> None:
    await bench.fault("registerCustomer", times=1, delayMs=1)
    assert (await bench.api.post("/customers", new_customer())).status == 201


async def test_a_delay_ends_when_its_caller_has_gone(bench: Bench) -> None:
    await bench.fault("registerCustomer", times=1, delayMs=60_000)
    call = asyncio.create_task(bench.api.post("/customers", new_customer()))
    while (await bench.told("GET", "/faults"))["faults"]:
        pass
    call.cancel()
    await bench.told("GET", "/idle")
    assert [each["status"] for each in await bench.calls()] == [201]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {""}),
        ({"match": {"operation": "recordOrder"}}, {""}),
        ({"match": 1, "status": 503}, {"/match"}),
        ({"match": {"operation": "recordOrdre"}, "status": 503}, {"/match/operation"}),
        ({"match": {"tenant": "t"}, "status": 503}, {"/match/tenant"}),
        ({"times": 0, "status": 503}, {"/times"}),
        ({"times": "2", "status": 503}, {"/times"}),
        ({"status": 200}, {"/status"}),
        ({"status": 600, "rpcCode": "OK"}, {"/status", "/rpcCode"}),
        ({"rpcCode": "UNKNWON"}, {"/rpcCode"}),
        ({"delayMs": -1}, {"/delayMs"}),
        ({"delayMs": 10**6}, {"/delayMs"}),
        ({"abort": "later"}, {"/abort"}),
        ({"status": 503, "operation": "recordOrder"}, {"/operation"}),
        ({"times": 0, "match": {"operation": "x"}}, {"/times", "/match/operation"}),
    ],
)
async def test_what_is_no_fault_is_refused_and_nothing_is_armed(
    bench: Bench, body: object, pointers: set[str]
) -> None:
    answer = await bench.tell("POST", "/faults", body)
    assert (answer.status, answer.pointers) == (400, pointers)
    assert await bench.told("GET", "/faults") == {"faults": []}


async def test_a_fault_without_a_body_is_refused(bench: Bench) -> None:
    assert (await bench.tell("POST", "/faults")).status == 400
