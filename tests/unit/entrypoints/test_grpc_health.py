"""The health and the descriptors of the gRPC server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.support.patience import PATIENCE_SECONDS
from tests.unit.entrypoints.grpc_service import Rpc, an_order, refusal, serving

SERVICES = ["", "customers.v1.CustomersService"]
SERVING = HealthCheckResponse(status=HealthCheckResponse.SERVING)
NOT_SERVING = HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)


async def check(rpc: Rpc, service: str = "") -> HealthCheckResponse:
    health: Any = HealthStub(rpc.channel)
    answer: HealthCheckResponse = await health.Check(HealthCheckRequest(service=service))
    return answer


def watch(rpc: Rpc, service: str = "") -> AsyncIterator[HealthCheckResponse]:
    health: Any = HealthStub(rpc.channel)
    told: AsyncIterator[HealthCheckResponse] = aiter(
        health.Watch(HealthCheckRequest(service=service))
    )
    return told


async def describe(rpc: Rpc, request: ServerReflectionRequest) -> ServerReflectionResponse:
    stub: Any = ServerReflectionStub(rpc.channel)  # type: ignore[arg-type]  # knows no asyncio
    answers: list[ServerReflectionResponse]
    answers = [each async for each in stub.ServerReflectionInfo(iter([request]))]
    return answers[0]


@pytest.mark.parametrize("service", SERVICES, ids=["the server", "the service"])
async def test_it_serves_while_the_storage_answers(service: str) -> None:
    async with serving() as rpc:
        assert await check(rpc, service) == SERVING
        rpc.storage.is_away = True
        assert await check(rpc, service) == NOT_SERVING
        rpc.storage.is_away = False
        assert await check(rpc, service) == SERVING


async def test_it_does_not_serve_while_the_storage_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("customers.entrypoints.grpc.health.CHECK_SECONDS", 0.01)
    async with serving() as rpc:
        rpc.storage.is_silent = True
        assert await check(rpc) == NOT_SERVING


async def test_it_does_not_serve_while_the_storage_has_a_defect() -> None:
    async with serving() as rpc:
        rpc.storage.is_broken = True
        assert await check(rpc) == NOT_SERVING
        assert await anext(watch(rpc)) == NOT_SERVING


async def test_an_unknown_service_has_no_health() -> None:
    async with serving() as rpc:
        health: Any = HealthStub(rpc.channel)
        code, _ = await refusal(health.Check(HealthCheckRequest(service="orders")))
        assert code is StatusCode.NOT_FOUND
        told = await anext(watch(rpc, "orders"))
        assert told.status == HealthCheckResponse.SERVICE_UNKNOWN


async def test_who_watches_is_told_of_every_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customers.entrypoints.grpc.health.WATCH_SECONDS", 0.01)
    async with serving() as rpc:
        told = watch(rpc)
        assert await anext(told) == SERVING
        rpc.storage.is_away = True
        assert await anext(told) == NOT_SERVING
        rpc.storage.is_away = False
        assert await anext(told) == SERVING


async def test_a_server_about_to_end_does_not_serve_but_still_answers() -> None:
    async with serving() as rpc:
        customer_id, told = await rpc.add_customer(), watch(rpc)
        assert await anext(told) == SERVING
        rpc.server.stopping()
        assert await check(rpc) == NOT_SERVING
        assert [each async for each in told] == [NOT_SERVING]
        answer = await rpc.stub.RecordOrder(an_order(customer_id))
        assert answer.statistics.total_orders == 1


async def test_who_watches_does_not_keep_the_server_from_ending() -> None:
    async with serving() as rpc:
        told = watch(rpc)
        assert await anext(told) == SERVING
        async with asyncio.timeout(PATIENCE_SECONDS):
            await rpc.server.stop(10 * PATIENCE_SECONDS)


async def test_the_services_can_be_listed() -> None:
    async with serving() as rpc:
        answer = await describe(rpc, ServerReflectionRequest(list_services=""))
        assert {each.name for each in answer.list_services_response.service} == {
            "customers.v1.CustomersService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }


async def test_the_descriptors_name_the_contracts_file() -> None:
    async with serving() as rpc:
        symbol = "customers.v1.CustomersService"
        answer = await describe(rpc, ServerReflectionRequest(file_containing_symbol=symbol))
        written = answer.file_descriptor_response.file_descriptor_proto
        files = map(FileDescriptorProto.FromString, written)
        assert "customers/v1/customers.proto" in {each.name for each in files}
