"""Refusals are counted over REST and gRPC by their kind alone, not by tenant."""

import re

import grpc
import pytest

from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    RecordOrderRequest,
    RecordOrdersRequest,
)
from tests.support.api_steps import customer_path, new_method
from tests.support.memory_service import MemoryService, memory_service

TOO_MANY = [RecordOrderRequest()] * 1_001
_COUNT = re.compile(r'customers_refusals_total\{kind="(\w+)"\} (\d+)\.0')


async def counts(service: MemoryService) -> dict[str, int]:
    answer = await service.api.get("/metrics", base="")
    return {kind: int(count) for kind, count in _COUNT.findall(answer.raw.decode())}


async def test_refusals_are_counted_by_kind() -> None:
    async with memory_service() as service:
        api = service.api
        methods = f"{await customer_path(api)}/payment-methods"
        await api.post(methods, new_method(gatewayPaymentMethodId="4111 1111 1111 1111"))
        for _ in range(2):
            await api.get("/customers?cursor=forged")
        await api.of_tenant("a b").get("/customers?cursor=forged")
        await service.api.send("GET", "/clock", headers={"Host": "evil.example"}, base="/__test")
        with pytest.raises(grpc.aio.AioRpcError):
            await service.stub.CancelOrder(CancelOrderRequest(tenant_id="a b"))
        with pytest.raises(grpc.aio.AioRpcError):
            await service.stub.RecordOrders(RecordOrdersRequest(orders=TOO_MANY))
        await api.get("/customers?status=odd")
        await api.post("/customers", {"firstName": "x" * 1_000})
        expected = {"card_number": 1, "cursor": 2, "tenant": 2, "foreign_host": 1, "length": 2}
        assert await counts(service) == expected
