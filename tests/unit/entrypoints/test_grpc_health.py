"""Health checks and reflection of the gRPC server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.support.grpc_service import Rpc, an_order, failure, serving
from tests.support.patience import PATIENCE_SECONDS

SERVICES = ["", "customers.v1.CustomersService"]
SERVING = HealthCheckResponse(status=HealthCheckResponse.SERVING)
NOT_SERVING = HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)


async def check(rpc: Rpc, service: str = "") -> HealthCheckResponse:
    health: Any = HealthStub(rpc.channel)
    response: HealthCheckResponse = await health.Check(HealthCheckRequest(service=service))
    return response


def watch(rpc: Rpc, service: str = "") -> AsyncIterator[HealthCheckResponse]:
    health: Any = HealthStub(rpc.channel)
    responses: AsyncIterator[HealthCheckResponse] = aiter(
        health.Watch(HealthCheckRequest(service=service))
    )
    return responses


async def describe(rpc: Rpc, request: ServerReflectionRequest) -> ServerReflectionResponse:
    stub: Any = ServerReflectionStub(rpc.channel)  # type: ignore[arg-type]  # its types do not cover asyncio
    response: ServerReflectionResponse = await anext(
        aiter(stub.ServerReflectionInfo(iter([request])))
    )
    return response


@pytest.mark.parametrize("service", SERVICES, ids=["the server", "the service"])
async def test_it_is_serving_while_the_storage_is_available(service: str) -> None:
    async with serving() as rpc:
        assert await check(rpc, service) == SERVING
        rpc.storage.is_unavailable = True
        assert await check(rpc, service) == NOT_SERVING
        rpc.storage.is_unavailable = False
        assert await check(rpc, service) == SERVING


async def test_it_is_not_serving_while_the_storage_does_not_respond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("customers.entrypoints.grpc.health.CHECK_SECONDS", 0.01)
    async with serving() as rpc:
        rpc.storage.is_hanging = True
        assert await check(rpc) == NOT_SERVING


async def test_it_is_not_serving_while_the_storage_raises_an_exception() -> None:
    async with serving() as rpc:
        rpc.storage.is_broken = True
        assert await check(rpc) == NOT_SERVING
        assert await anext(watch(rpc)) == NOT_SERVING


async def test_the_health_of_an_unknown_service_is_not_found() -> None:
    async with serving() as rpc:
        health: Any = HealthStub(rpc.channel)
        code, _ = await failure(health.Check(HealthCheckRequest(service="orders")))
        assert code is StatusCode.NOT_FOUND
        response = await anext(watch(rpc, "orders"))
        assert response.status == HealthCheckResponse.SERVICE_UNKNOWN


async def test_a_watch_receives_every_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customers.entrypoints.grpc.health.WATCH_SECONDS", 0.01)
    async with serving() as rpc:
        responses = watch(rpc)
        assert await anext(responses) == SERVING
        rpc.storage.is_unavailable = True
        assert await anext(responses) == NOT_SERVING
        rpc.storage.is_unavailable = False
        assert await anext(responses) == SERVING


async def test_a_server_that_reports_not_serving_still_handles_calls() -> None:
    async with serving() as rpc:
        customer_id, responses = await rpc.add_customer(), watch(rpc)
        assert await anext(responses) == SERVING
        rpc.server.report_not_serving()
        assert await check(rpc) == NOT_SERVING
        assert [response async for response in responses] == [NOT_SERVING]
        response = await rpc.stub.RecordOrder(an_order(customer_id))
        assert response.statistics.total_orders == 1


async def test_a_watch_does_not_delay_the_stop_of_the_server() -> None:
    async with serving() as rpc:
        responses = watch(rpc)
        assert await anext(responses) == SERVING
        async with asyncio.timeout(PATIENCE_SECONDS):
            await rpc.server.stop(10 * PATIENCE_SECONDS)


async def test_reflection_lists_the_services() -> None:
    async with serving() as rpc:
        response = await describe(rpc, ServerReflectionRequest(list_services=""))
        assert {service.name for service in response.list_services_response.service} == {
            "customers.v1.CustomersService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }


async def test_reflection_returns_the_file_of_the_contract() -> None:
    async with serving() as rpc:
        symbol = "customers.v1.CustomersService"
        response = await describe(rpc, ServerReflectionRequest(file_containing_symbol=symbol))
        serialized = response.file_descriptor_response.file_descriptor_proto
        files = map(FileDescriptorProto.FromString, serialized)
        assert "customers/v1/customers.proto" in {file.name for file in files}
