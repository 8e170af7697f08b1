"""Faults: calls that fail, are delayed, or whose answers are lost."""

import asyncio
from typing import Any

import grpc
import pytest
from aiohttp import ClientError, ServerDisconnectedError

from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from tests.support.api_steps import a_customer, customer_path, new_customer
from tests.support.grpc_service import an_order, usd
from tests.support.memory_service import MemoryService

ORDER = {"orderId": "o-1", "totalAmount": 5}


async def record_order_by_rpc(
    service: MemoryService, customer_id: str, order_id: str = "o-1"
) -> Any:
    order = an_order(customer_id, order_id, tenant_id=service.tenant, order_total=usd(5))
    return await service.stub.RecordOrder(order)


async def rpc_error_code(service: MemoryService, customer_id: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await record_order_by_rpc(service, customer_id)
    return caught.value.code().name


async def test_an_answer_lost_after_the_commit_leaves_the_order_counted_once(
    service: MemoryService,
) -> None:
    customer = await customer_path(service.api)
    await service.add_fault("recordOrder", times=1, abort="after-commit")
    with pytest.raises(ServerDisconnectedError):
        await service.api.post(f"{customer}/record-order", ORDER)
    again = await service.api.post(f"{customer}/record-order", ORDER)
    assert (again.body["duplicate"], again.body["customer"]["totalOrders"]) == (True, 1)


async def test_a_call_aborted_before_handling_changes_nothing(service: MemoryService) -> None:
    await service.add_fault("registerCustomer", times=1, abort="before")
    with pytest.raises(ClientError):
        await service.api.post("/customers", new_customer())
    assert (await service.api.get("/customers")).body["total"] == 0


async def test_a_lost_answer_over_grpc_is_the_status_unavailable(service: MemoryService) -> None:
    customer = (await a_customer(service.api))["id"]
    await service.add_fault("RecordOrder", times=2, abort="after-commit")
    assert await rpc_error_code(service, customer) == "UNAVAILABLE"
    await service.call("DELETE", f"/faults?tenant_id={service.tenant}")
    again = await record_order_by_rpc(service, customer)
    assert (again.duplicate, again.statistics.total_orders) == (True, 1)


async def test_a_grpc_call_ends_with_the_code_of_the_fault(service: MemoryService) -> None:
    customer = (await a_customer(service.api))["id"]
    await service.add_fault("recordorder", times=1, rpcCode="RESOURCE_EXHAUSTED")
    assert await rpc_error_code(service, customer) == "RESOURCE_EXHAUSTED"
    assert not (await record_order_by_rpc(service, customer)).duplicate


async def test_a_fault_applies_to_a_batch_that_names_its_tenant(service: MemoryService) -> None:
    customer = (await a_customer(service.api))["id"]
    await service.add_fault("RecordOrders", rpcCode="ABORTED")
    orders = [an_order(customer, "o-1", tenant_id=service.tenant, order_total=usd(5))]
    with pytest.raises(grpc.aio.AioRpcError, match="ABORTED"):
        await service.stub.RecordOrders(RecordOrdersRequest(orders=orders))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_injected_status_has_the_usual_headers(
    service: MemoryService, status: int
) -> None:
    await service.add_fault("", times=1, status=status)
    answer = await service.api.send("GET", "/customers", headers={"X-Request-Id": "mine"})
    assert (answer.status, answer.headers["X-Request-Id"]) == (status, "mine")


async def test_an_injected_503_is_that_of_an_unavailable_storage(service: MemoryService) -> None:
    await service.add_fault("listAddresses", status=503)
    customer = await customer_path(service.api)
    answer = await service.api.get(f"{customer}/addresses")
    assert (answer.status, answer.code) == (503, "STORAGE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.body["success"] is False


async def test_a_status_after_the_commit_replaces_the_answer_of_a_handled_call(
    service: MemoryService,
) -> None:
    await service.add_fault("registerCustomer", times=1, status=504, abort="after-commit")
    assert (await service.api.post("/customers", new_customer())).status == 504
    assert (await service.api.get("/customers")).body["total"] == 1


async def test_a_fault_with_times_is_used_up(service: MemoryService) -> None:
    await service.add_fault("listCustomers", times=2, status=503)
    statuses = [(await service.api.get("/customers")).status for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert await service.call("GET", "/faults") == {"faults": []}


async def test_a_fault_without_times_stays_until_it_is_removed(service: MemoryService) -> None:
    fault = await service.add_fault("listCustomers", status=503)
    assert [(await service.api.get("/customers")).status for _ in range(3)] == [503] * 3
    [active] = (await service.call("GET", "/faults"))["faults"]
    assert (active["id"], active["hits"], active["times"]) == (fault, 3, None)
    assert (await service.call("DELETE", "/faults"))["removed"] == 1
    assert (await service.api.get("/customers")).status == 200


async def test_a_fault_spares_other_tenants_and_operations(service: MemoryService) -> None:
    await service.add_fault("listCustomers", status=503)
    assert (await service.of_tenant("another").api.get("/customers")).status == 200
    assert (await service.api.get("/customers/segments")).status == 200


async def test_removing_the_faults_of_a_tenant_leaves_those_of_others(
    service: MemoryService,
) -> None:
    other = service.of_tenant("another")
    await service.add_fault(status=503)
    await other.add_fault(status=503)
    assert (await service.call("DELETE", f"/faults?tenant_id={service.tenant}"))["removed"] == 1
    assert (await service.api.get("/customers")).status == 200
    assert (await other.api.get("/customers")).status == 503


async def test_a_fault_without_a_match_spares_only_probes_documents_and_the_test_api(
    service: MemoryService,
) -> None:
    await service.call("POST", "/faults", {"status": 503})
    assert (await service.api.get("/customers")).status == 503
    for path in ("/health", "/ready", "/live", "/openapi.json", "/docs", "/__test/clock"):
        async with service.api.client.get(f"http://127.0.0.1:{service.api.port}{path}") as answer:
            assert answer.status == 200


async def test_the_oldest_fault_applies_first(service: MemoryService) -> None:
    await service.add_fault(times=1, status=500)
    await service.add_fault(times=1, status=503)
    assert [(await service.api.get("/customers")).status for _ in range(3)] == [500, 503, 200]


async def test_a_delayed_call_gets_its_own_answer(service: MemoryService) -> None:
    await service.add_fault("registerCustomer", times=1, delayMs=1)
    assert (await service.api.post("/customers", new_customer())).status == 201


async def test_a_delay_ends_when_the_caller_disconnects(service: MemoryService) -> None:
    await service.add_fault("registerCustomer", times=1, delayMs=60_000)
    call = asyncio.create_task(service.api.post("/customers", new_customer()))
    while (await service.call("GET", "/faults"))["faults"]:
        pass
    call.cancel()
    await service.call("GET", "/idle")
    assert [call["status"] for call in await service.recorded_calls()] == [201]


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
async def test_a_malformed_fault_is_refused_and_not_added(
    service: MemoryService, body: object, pointers: set[str]
) -> None:
    answer = await service.send("POST", "/faults", body)
    assert (answer.status, answer.pointers) == (400, pointers)
    assert await service.call("GET", "/faults") == {"faults": []}


async def test_a_fault_without_a_body_is_refused(service: MemoryService) -> None:
    assert (await service.send("POST", "/faults")).status == 400
