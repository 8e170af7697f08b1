"""The call log: REST and gRPC calls and their outcomes, without secrets."""

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from uuid import UUID

import grpc
import pytest
from aiohttp import ServerDisconnectedError

from tests.support.api_steps import a_customer, customer_path, new_customer, new_method
from tests.support.builders import NOW
from tests.support.grpc_service import an_order, usd
from tests.support.memory_service import MemoryService, memory_service

CARD = "4111 1111 1111 1111"


async def test_a_rest_call_is_recorded_with_its_body_and_answer(service: MemoryService) -> None:
    customer = await a_customer(service.api)
    path = f"/customers/{customer['id']}/record-order"
    order = {"orderId": "o-1", "totalAmount": Decimal("12.50")}
    response = await service.api.send(
        "POST", f"{path}?a=1", order, headers={"X-Request-Id": "mine"}
    )
    [call] = await service.recorded_calls("recordOrder")
    assert call.pop("number") > 0
    assert call == {
        "at": NOW.isoformat().replace("+00:00", "Z"),
        "transport": "http",
        "operation": "recordOrder",
        "tenantId": service.tenant,
        "method": "POST",
        "path": f"/api/v1{path}",
        "query": "a=1",
        "requestId": "mine",
        "body": order,
        "status": 200,
        "answer": response.body,
        "fault": None,
        "lost": False,
    }


async def test_a_grpc_call_is_recorded_with_its_body_and_answer(service: MemoryService) -> None:
    customer = (await a_customer(service.api))["id"]
    order = an_order(customer, "o-1", tenant_id=service.tenant, order_total=usd(5))
    await service.stub.RecordOrder(order, metadata=(("x-request-id", "mine"),))
    [call] = await service.recorded_calls("recordOrder")
    assert (call["transport"], call["operation"], call["status"]) == ("grpc", "RecordOrder", "OK")
    assert (call["tenantId"], call["requestId"]) == (service.tenant, "mine")
    assert call["path"] == "/customers.v1.CustomersService/RecordOrder"
    assert (call["body"]["orderId"], call["body"]["orderTotal"]["units"]) == ("o-1", "5")
    assert call["answer"]["statistics"]["totalOrders"] == "1"


async def test_a_refused_call_is_recorded_with_its_error(service: MemoryService) -> None:
    await service.api.post("/customers", {"email": "no"})
    order = an_order("no id", tenant_id=service.tenant)
    with pytest.raises(grpc.aio.AioRpcError):
        await service.stub.RecordOrder(order)
    rest, rpc = await service.recorded_calls()
    assert (rest["status"], rest["answer"]["code"]) == (400, "VALIDATION_FAILED")
    assert (rpc["status"], rpc["answer"]["code"]) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")


async def test_a_body_with_an_unpaired_surrogate_is_shown_with_a_question_mark(
    service: MemoryService,
) -> None:
    await service.api.send("POST", "/customers", b'{"email": "a\\ud800"}')
    [call] = await service.recorded_calls("registerCustomer")
    assert (call["body"], call["status"]) == ({"email": "a?"}, 400)


async def test_a_grpc_call_that_json_cannot_say_is_recorded_without_its_body(
    service: MemoryService,
) -> None:
    order = an_order("no id", tenant_id=service.tenant)
    order.order_date.seconds = 10**15
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.stub.RecordOrder(order)
    [call] = await service.recorded_calls("recordOrder")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (call["body"], call["status"]) == (None, "INVALID_ARGUMENT")


async def await_answer(call: Awaitable[object]) -> None:
    await call


async def test_a_grpc_call_cancelled_by_its_caller_is_lost(service: MemoryService) -> None:
    await service.add_fault("RecordOrder", times=1, delayMs=60_000)
    order = an_order("01981f2e-8a4c-7d31-9c55-3f1c2b7e9a10", tenant_id=service.tenant)
    call = asyncio.create_task(await_answer(service.stub.RecordOrder(order)))
    while (await service.call("GET", "/faults"))["faults"]:
        pass
    call.cancel()
    await service.call("GET", "/idle")
    [recorded] = await service.recorded_calls()
    assert (recorded["status"], recorded["lost"]) == ("CANCELLED", True)


async def test_a_lost_answer_is_recorded_as_lost(service: MemoryService) -> None:
    fault = await service.add_fault("registerCustomer", times=1, abort="after-commit")
    with pytest.raises(ServerDisconnectedError):
        await service.api.post("/customers", new_customer())
    [call] = await service.recorded_calls()
    assert (call["status"], call["fault"], call["lost"]) == (201, fault, True)
    assert call["answer"]["tenantId"] == service.tenant


async def test_a_call_aborted_before_handling_has_neither_status_nor_answer(
    service: MemoryService,
) -> None:
    await service.add_fault("registerCustomer", times=1, abort="before")
    with pytest.raises(ServerDisconnectedError):
        await service.api.post("/customers", new_customer())
    [call] = await service.recorded_calls()
    assert (call["status"], call["answer"], call["lost"]) == (None, None, True)


async def test_calls_are_numbered_in_the_order_in_which_they_ended(service: MemoryService) -> None:
    for _ in range(3):
        await service.api.post("/customers", new_customer())
    numbers = [call["number"] for call in await service.recorded_calls()]
    assert numbers == sorted(numbers)


async def test_the_calls_of_one_tenant_can_be_listed(service: MemoryService) -> None:
    await a_customer(service.of_tenant("another").api)
    assert await service.recorded_calls() == []
    assert len((await service.call("GET", "/requests"))["requests"]) == 1


async def test_a_call_of_an_unknown_path_has_no_operation(service: MemoryService) -> None:
    await service.api.get("/custmers")
    [call] = (await service.call("GET", "/requests"))["requests"]
    assert (call["operation"], call["status"]) == (None, 404)
    assert call["path"] == "/api/v1/custmers"


async def test_probes_and_the_test_api_are_not_recorded(service: MemoryService) -> None:
    await service.api.send("GET", "/health", base="")
    await service.call("GET", "/clock")
    assert (await service.call("GET", "/requests"))["requests"] == []


async def test_an_unknown_operation_is_refused(service: MemoryService) -> None:
    answer = await service.send("GET", "/requests?operation=recordOrdre")
    assert (answer.status, answer.fields) == (400, {"operation"})


async def test_recorded_calls_can_be_deleted(service: MemoryService) -> None:
    other = service.of_tenant("another")
    await a_customer(service.api)
    await a_customer(other.api)
    await service.call("DELETE", f"/requests?tenant_id={service.tenant}")
    assert [len(await caller.recorded_calls()) for caller in (service, other)] == [0, 1]
    await service.call("DELETE", "/requests")
    assert await other.recorded_calls() == []


async def test_tokens_are_masked(service: MemoryService) -> None:
    customer = await customer_path(service.api)
    method = new_method(gatewayPaymentMethodId="pm_secret")
    await service.api.post(f"{customer}/payment-methods", method)
    await service.api.get(customer)
    response = await service.send("GET", "/requests")
    assert b"pm_secret" not in response.raw
    added = (await service.recorded_calls("addPaymentMethod"))[0]
    assert added["body"]["gatewayPaymentMethodId"] == "***"
    assert added["body"]["paymentGateway"] == method["paymentGateway"]


@pytest.mark.parametrize("key", ["token", "Token", "code"])
async def test_the_token_of_a_mail_is_masked_under_any_key(
    service: MemoryService, key: str
) -> None:
    await service.api.post("/customers/verify-email", {key: "0a" * 32, "more": ["0A" * 32]})
    response = await service.send("GET", "/requests")
    assert (b"0a0a" in response.raw, b"0A0A" in response.raw) == (False, False)


@pytest.mark.parametrize(
    "body", [{"cardBrand": CARD}, {"cvv": "123"}, {CARD: "x"}, {"a": [{"b": [CARD]}]}]
)
async def test_card_data_is_masked(service: MemoryService, body: dict[str, object]) -> None:
    customer = await customer_path(service.api)
    refused = await service.api.post(f"{customer}/payment-methods", new_method(**body))
    assert refused.code == "CARD_NUMBER_REFUSED"
    response = await service.send("GET", "/requests")
    assert CARD.encode() not in response.raw
    assert b'"123"' not in response.raw


async def test_card_numbers_in_a_path_or_a_query_are_masked(service: MemoryService) -> None:
    digits = CARD.replace(" ", "")
    await service.api.get(f"/customers?search={digits}&status=ACTIVE")
    await service.api.get(f"/customers?search={CARD.replace(' ', '+')}")
    await service.api.get(f"/customers/{digits}/notes")
    first, second, third = await service.recorded_calls()
    assert (first["query"], second["query"]) == ("search=***&status=ACTIVE", "search=***")
    assert third["path"] == "/api/v1/customers/***/notes"


async def test_credentials_in_a_path_or_a_query_are_masked(service: MemoryService) -> None:
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    key = f"csk_{UUID(int=0)}_{'1' * 64}"
    await service.api.get(f"/customers?search={token}&status=ACTIVE")
    await service.api.get(
        f"/customers?access_token=opaque&X-Gateway-Secret=a+b&search=ada&key={key}"
    )
    await service.api.get(f"/customers/{key}/notes")
    first, second, third = await service.recorded_calls()
    assert first["query"] == "search=***&status=ACTIVE"
    assert second["query"] == "access_token=***&X-Gateway-Secret=***&search=ada&key=***"
    assert third["path"] == "/api/v1/customers/***/notes"


async def test_an_id_is_not_taken_for_a_card_number() -> None:
    async with memory_service(ids="sequential") as service:
        paths = [await customer_path(service.api) for _ in range(30)]
        calls = await service.recorded_calls()
        assert [f"/customers/{call['answer']['id']}" for call in calls] == paths


async def test_a_call_with_malformed_json_is_recorded_for_its_tenant(
    service: MemoryService,
) -> None:
    await service.api.post("/customers", b"{")
    [call] = await service.recorded_calls()
    assert (call["operation"], call["status"], call["body"]) == ("registerCustomer", 400, None)


async def test_headers_are_not_recorded(service: MemoryService) -> None:
    await service.api.send("GET", "/customers", headers={"Authorization": "Bearer hidden"})
    assert b"hidden" not in (await service.send("GET", "/requests")).raw
