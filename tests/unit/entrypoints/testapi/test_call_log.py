"""The journal of calls: what came, over REST and gRPC, and what became of it; without secrets."""

import asyncio
from collections.abc import Awaitable
from decimal import Decimal

import grpc
import pytest
from aiohttp import ServerDisconnectedError

from tests.support.api_steps import a_customer, customer_path, new_customer, new_method
from tests.support.builders import NOW
from tests.support.memory_service import Bench, benched
from tests.unit.entrypoints.grpc_service import an_order, usd

CARD = "4111 1111 1111 1111"


async def test_a_rest_call_is_written_down_with_its_body_and_answer(bench: Bench) -> None:
    customer = await a_customer(bench.api)
    path = f"/customers/{customer['id']}/record-order"
    order = {"orderId": "o-1", "totalAmount": Decimal("12.50")}
    told = await bench.api.send("POST", f"{path}?a=1", order, headers={"X-Request-Id": "mine"})
    [call] = await bench.calls("recordOrder")
    assert call.pop("number") > 0
    assert call == {
        "at": NOW.isoformat().replace("+00:00", "Z"),
        "transport": "http",
        "operation": "recordOrder",
        "tenantId": bench.tenant,
        "method": "POST",
        "path": f"/api/v1{path}",
        "query": "a=1",
        "requestId": "mine",
        "body": order,
        "status": 200,
        "answer": told.body,
        "fault": None,
        "lost": False,
    }


async def test_a_grpc_call_is_written_down_likewise(bench: Bench) -> None:
    customer = (await a_customer(bench.api))["id"]
    order = an_order(customer, "o-1", tenant_id=bench.tenant, order_total=usd(5))
    await bench.stub.RecordOrder(order, metadata=(("x-request-id", "mine"),))
    [call] = await bench.calls("recordOrder")
    assert (call["transport"], call["operation"], call["status"]) == ("grpc", "RecordOrder", "OK")
    assert (call["tenantId"], call["requestId"]) == (bench.tenant, "mine")
    assert call["path"] == "/customers.v1.CustomersService/RecordOrder"
    assert (call["body"]["orderId"], call["body"]["orderTotal"]["units"]) == ("o-1", "5")
    assert call["answer"]["statistics"]["totalOrders"] == "1"


async def test_refused_calls_are_written_down_with_what_was_answered(bench: Bench) -> None:
    await bench.api.post("/customers", {"email": "no"})
    order = an_order("no id", tenant_id=bench.tenant)
    with pytest.raises(grpc.aio.AioRpcError):
        await bench.stub.RecordOrder(order)
    rest, rpc = await bench.calls()
    assert (rest["status"], rest["answer"]["code"]) == (400, "VALIDATION_FAILED")
    assert (rpc["status"], rpc["answer"]["code"]) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")


async def told_by(call: Awaitable[object]) -> None:
    await call


async def test_a_grpc_call_whose_caller_has_gone_is_lost(bench: Bench) -> None:
    await bench.fault("RecordOrder", times=1, delayMs=60_000)
    order = an_order("01981f2e-8a4c-7d31-9c55-3f1c2b7e9a10", tenant_id=bench.tenant)
    call = asyncio.create_task(told_by(bench.stub.RecordOrder(order)))
    while (await bench.told("GET", "/faults"))["faults"]:
        pass
    call.cancel()
    await bench.told("GET", "/idle")
    [entry] = await bench.calls()
    assert (entry["status"], entry["lost"]) == ("CANCELLED", True)


async def test_a_lost_answer_is_there_and_said_to_be_lost(bench: Bench) -> None:
    fault = await bench.fault("registerCustomer", times=1, abort="after-commit")
    with pytest.raises(ServerDisconnectedError):
        await bench.api.post("/customers", new_customer())
    [call] = await bench.calls()
    assert (call["status"], call["fault"], call["lost"]) == (201, fault, True)
    assert call["answer"]["tenantId"] == bench.tenant


async def test_a_call_aborted_before_has_neither_status_nor_answer(bench: Bench) -> None:
    await bench.fault("registerCustomer", times=1, abort="before")
    with pytest.raises(ServerDisconnectedError):
        await bench.api.post("/customers", new_customer())
    [call] = await bench.calls()
    assert (call["status"], call["answer"], call["lost"]) == (None, None, True)


async def test_calls_are_in_the_order_in_which_they_ended_and_numbered(bench: Bench) -> None:
    for _ in range(3):
        await bench.api.post("/customers", new_customer())
    numbers = [call["number"] for call in await bench.calls()]
    assert numbers == sorted(numbers)


async def test_only_the_tenants_own_calls_are_told(bench: Bench) -> None:
    await a_customer(bench.of_tenant("another").api)
    assert await bench.calls() == []
    assert len((await bench.told("GET", "/requests"))["requests"]) == 1


async def test_an_unknown_path_is_written_down_without_an_operation(bench: Bench) -> None:
    await bench.api.get("/custmers")
    [call] = (await bench.told("GET", "/requests"))["requests"]
    assert (call["operation"], call["status"]) == (None, 404)
    assert call["path"] == "/api/v1/custmers"


async def test_probes_and_the_test_api_are_not_written_down(bench: Bench) -> None:
    await bench.api.send("GET", "/health", base="")
    await bench.told("GET", "/clock")
    assert (await bench.told("GET", "/requests"))["requests"] == []


async def test_an_operation_that_there_is_not_is_refused(bench: Bench) -> None:
    answer = await bench.tell("GET", "/requests?operation=recordOrdre")
    assert (answer.status, answer.fields) == (400, {"operation"})


async def test_they_are_forgotten_on_request(bench: Bench) -> None:
    other = bench.of_tenant("another")
    await a_customer(bench.api)
    await a_customer(other.api)
    await bench.told("DELETE", f"/requests?tenant_id={bench.tenant}")
    assert [len(await each.calls()) for each in (bench, other)] == [0, 1]
    await bench.told("DELETE", "/requests")
    assert await other.calls() == []


async def test_tokens_are_left_out(bench: Bench) -> None:
    customer = await customer_path(bench.api)
    method = new_method(gatewayPaymentMethodId="pm_secret")
    await bench.api.post(f"{customer}/payment-methods", method)
    await bench.api.get(customer)
    told = await bench.tell("GET", "/requests")
    assert b"pm_secret" not in told.raw
    added = (await bench.calls("addPaymentMethod"))[0]
    assert added["body"]["gatewayPaymentMethodId"] == "***"
    assert added["body"]["paymentGateway"] == method["paymentGateway"]


@pytest.mark.parametrize(
    "body", [{"cardBrand": CARD}, {"cvv": "123"}, {CARD: "x"}, {"a": [{"b": [CARD]}]}]
)
async def test_card_data_is_left_out(bench: Bench, body: dict[str, object]) -> None:
    customer = await customer_path(bench.api)
    refused = await bench.api.post(f"{customer}/payment-methods", new_method(**body))
    assert refused.code == "CARD_NUMBER_REFUSED"
    told = await bench.tell("GET", "/requests")
    assert CARD.encode() not in told.raw
    assert b'"123"' not in told.raw


async def test_card_numbers_in_a_path_or_a_query_are_left_out(bench: Bench) -> None:
    digits = CARD.replace(" ", "")
    await bench.api.get(f"/customers?search={digits}&status=ACTIVE")
    await bench.api.get(f"/customers?search={CARD.replace(' ', '+')}")
    await bench.api.get(f"/customers/{digits}/notes")
    first, second, third = await bench.calls()
    assert (first["query"], second["query"]) == ("search=***&status=ACTIVE", "search=***")
    assert third["path"] == "/api/v1/customers/***/notes"


async def test_no_id_is_taken_for_a_card() -> None:
    async with benched(ids="sequential") as bench:
        made = [await customer_path(bench.api) for _ in range(30)]
        calls = await bench.calls()
        assert [f"/customers/{call['answer']['id']}" for call in calls] == made


async def test_a_call_whose_body_is_no_json_is_still_its_tenants(bench: Bench) -> None:
    await bench.api.post("/customers", b"{")
    [call] = await bench.calls()
    assert (call["operation"], call["status"], call["body"]) == ("registerCustomer", 400, None)


async def test_headers_are_not_kept(bench: Bench) -> None:
    await bench.api.send("GET", "/customers", headers={"Authorization": "Bearer hidden"})
    assert b"hidden" not in (await bench.tell("GET", "/requests")).raw
