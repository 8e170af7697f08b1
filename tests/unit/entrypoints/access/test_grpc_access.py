"""Access over gRPC: the same principals and permissions, by metadata."""

import json
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any

import pytest
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from customers.core.model.permissions import Permission
from customers.entrypoints.config.access_values import Networks
from customers.entrypoints.grpc.access import PERMISSIONS
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    RecordOrdersRequest,
)
from customers.entrypoints.observability import logs
from tests.support.access import behind_gateway, claims
from tests.support.api_steps import an_unknown_id
from tests.support.grpc_service import a_refund, an_order, failure, reason
from tests.support.memory_service import MemoryService, memory_service

ADA = {"email": "ada@example.test", "firstName": "Ada", "lastName": "Smith"}


@pytest.fixture
async def service() -> AsyncIterator[MemoryService]:
    async with memory_service(**behind_gateway(public_docs="off")) as service:
        yield service


def metadata(*permissions: str, tenant: str) -> list[tuple[str, str]]:
    headers = claims(*permissions, tenant=tenant)
    return [(name, value) for name, value in headers.items() if value]


async def a_customer(service: MemoryService, tenant: str = "shop") -> str:
    answer = await service.api.post("/customers", ADA, headers=claims("*", tenant=tenant))
    return str(answer.body["id"])


async def test_who_is_nobody_is_unauthenticated() -> None:
    settings = behind_gateway(gateway_peers=Networks.parse("10.0.0.0/8"))
    async with memory_service(**settings) as service:
        call = service.stub.RecordOrder(an_order("x"), metadata=metadata("*", tenant="shop"))
        code, status = await failure(call)
    assert code is StatusCode.UNAUTHENTICATED
    assert reason(status) == "AUTHENTICATION_REQUIRED"


async def test_a_method_needs_its_permission(service: MemoryService) -> None:
    order = an_order(await a_customer(service), tenant_id="shop")
    sent = metadata("customers:view", tenant="shop")
    code, status = await failure(service.stub.RecordOrder(order, metadata=sent))
    assert code is StatusCode.PERMISSION_DENIED
    assert (reason(status), "orders:record" in status.message) == ("PERMISSION_DENIED", True)
    await service.stub.RecordOrder(order, metadata=metadata("orders:record", tenant="shop"))


async def test_the_tenant_is_that_of_the_principal(service: MemoryService) -> None:
    customer_id = await a_customer(service)
    sent = metadata("orders:record", tenant="shop")
    answer = await service.stub.RecordOrder(an_order(customer_id, tenant_id=""), metadata=sent)
    assert answer.statistics.total_orders == 1
    call = service.stub.RecordOrder(an_order(customer_id, tenant_id="mall"), metadata=sent)
    _, status = await failure(call)
    assert reason(status) == "TENANT_FORBIDDEN"


async def test_an_order_of_another_tenant_has_an_outcome_of_its_own(
    service: MemoryService,
) -> None:
    own, foreign = await a_customer(service), await a_customer(service, "mall")
    orders = [
        an_order(own, "1", tenant_id="shop"),
        an_order(foreign, "2", tenant_id="mall"),
        an_order(own, "3", tenant_id=""),
    ]
    answer = await service.stub.RecordOrders(
        RecordOrdersRequest(orders=orders), metadata=metadata("orders:record", tenant="shop")
    )
    kinds = [outcome.WhichOneof("outcome") for outcome in answer.outcomes]
    assert kinds == ["recorded", "error", "recorded"]
    error = answer.outcomes[1].error
    assert (error.code, reason(error)) == (
        StatusCode.PERMISSION_DENIED.value[0],
        "TENANT_FORBIDDEN",
    )
    path, headers = f"/customers/{foreign}", claims("*", tenant="mall")
    assert (await service.api.get(path, headers=headers)).body["totalOrders"] == 0


async def test_orders_that_are_refused_in_a_batch_are_counted_and_share_a_line_of_the_log(
    service: MemoryService,
) -> None:
    logs.configure("info", as_json=True, stream=(stream := StringIO()))
    orders = [an_order("nobody", tenant_id=tenant) for tenant in ("mall", "shop", "fair")]
    await service.stub.RecordOrders(
        RecordOrdersRequest(orders=orders), metadata=metadata("orders:record", tenant="shop")
    )
    [line] = [json.loads(one) for one in stream.getvalue().splitlines() if "access refused" in one]
    assert (line["cause"], line["orders"]) == ("tenant_forbidden", 2)
    headers = claims("*", tenant="shop")
    text = (await service.api.get("/metrics", base="", headers=headers)).raw.decode()
    assert 'customers_access_refused_total{reason="tenant_forbidden"} 2.0' in text


async def test_health_checks_are_open_to_everybody() -> None:
    settings = behind_gateway(gateway_peers=Networks.parse("10.0.0.0/8"))
    async with memory_service(**settings) as service:
        health: Any = HealthStub(service.channel)
        answer = await health.Check(HealthCheckRequest())
    assert answer.status == answer.SERVING


@pytest.mark.parametrize(("permission", "is_allowed"), [("*", True), ("customers:view", False)])
async def test_reflection_may_be_closed(
    service: MemoryService, permission: str, is_allowed: bool
) -> None:
    stub: Any = ServerReflectionStub(service.channel)  # type: ignore[arg-type]  # its types do not cover asyncio
    call = stub.ServerReflectionInfo(metadata=metadata(permission, tenant="shop"))
    if is_allowed:
        await call.write(ServerReflectionRequest(list_services=""))
        assert (await call.read()).list_services_response.service
        await call.done_writing()
    # A client that writes while it is refused may get INTERNAL from its own library instead.
    assert await call.code() is (StatusCode.OK if is_allowed else StatusCode.PERMISSION_DENIED)


def requests_of(tenant: str, customer_id: str) -> dict[str, Any]:
    """A valid request of each method, if the customer is the tenant's."""
    order = an_order(customer_id, "order-9", tenant_id=tenant)
    return {
        "RecordOrder": order,
        "RefundOrder": a_refund(customer_id, "order-9", tenant_id=tenant),
        "CancelOrder": CancelOrderRequest(
            tenant_id=tenant, customer_id=customer_id, order_id="order-9"
        ),
        "RecordOrders": RecordOrdersRequest(orders=[order]),
    }


@pytest.mark.parametrize("method", sorted(PERMISSIONS))
async def test_who_may_not_is_refused_by_every_method(service: MemoryService, method: str) -> None:
    customer_id, call = await a_customer(service), getattr(service.stub, method)
    request = requests_of("shop", customer_id)[method]
    others = [name.value for name in Permission if name is not PERMISSIONS[method]]
    for permissions in ([], others, *([other] for other in others)):
        sent = metadata(*permissions, tenant="shop")
        code, status = await failure(call(request, metadata=sent))
        assert (code, reason(status)) == (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    path = f"/customers/{customer_id}"
    stored = await service.api.get(path, headers=claims("*", tenant="shop"))
    assert stored.body["totalOrders"] == 0


@pytest.mark.parametrize("method", ["RecordOrder", "RefundOrder", "CancelOrder"])
async def test_a_customer_of_another_tenant_is_as_an_unknown_one(
    service: MemoryService, method: str
) -> None:
    foreign, sent = await a_customer(service, "mall"), metadata("orders:record", tenant="shop")
    call = getattr(service.stub, method)
    answers = [
        await failure(call(requests_of("shop", customer_id)[method], metadata=sent))
        for customer_id in (foreign, an_unknown_id())
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] is StatusCode.NOT_FOUND


async def test_a_key_is_taken_over_grpc_for_its_own_tenant_only(service: MemoryService) -> None:
    everything = claims("*", tenant="shop")
    details = {"permissions": ["orders:record"]}
    key = (await service.api.post("/keys", details, headers=everything)).body["key"]
    own, foreign = await a_customer(service), await a_customer(service, "mall")
    sent = [("authorization", f"Bearer {key}")]
    answer = await service.stub.RecordOrder(an_order(own, tenant_id=""), metadata=sent)
    assert answer.statistics.total_orders == 1
    call = service.stub.RecordOrder(an_order(foreign, tenant_id="mall"), metadata=sent)
    assert reason((await failure(call))[1]) == "TENANT_FORBIDDEN"
    call = service.stub.RecordOrder(
        an_order(own, tenant_id=""), metadata=[("authorization", f"Bearer {key}x")]
    )
    code, status = await failure(call)
    assert (code, reason(status)) == (StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")
