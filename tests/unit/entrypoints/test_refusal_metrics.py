"""Refusals are counted over REST and gRPC by their kind alone, not by tenant."""

import re

import grpc
import pytest

from customers.entrypoints.grpc.generated.customers_pb2 import CancelOrderRequest
from tests.support.api_steps import customer_path, new_method
from tests.support.memory_service import MemoryService, memory_service

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
        await api.get("/customers?status=odd")
        expected = {"card_number": 1, "cursor": 2, "tenant": 2, "foreign_host": 1}
        assert await counts(service) == expected
