"""Batches are admitted by the number of their orders, and give the room back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
from attrs import frozen
from grpc import StatusCode
from prometheus_client import CollectorRegistry

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors.availability import BatchesBusy
from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from customers.entrypoints.ledger.batch import GROUP_ORDERS, MAX_GROUPS_OF_TENANT
from customers.entrypoints.ledger.batch_room import (
    MAX_BATCH_ORDERS,
    MAX_ORDERS_OF_TENANT,
    MAX_ORDERS_UNDER_WAY,
    BatchRoom,
)
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.api_client import Api
from tests.support.api_client import serving as serving_http
from tests.support.builders import USD, a_customer
from tests.support.faulty_storage import FaultyStorage
from tests.support.grpc_service import Rpc, an_order, failure, reason, serving
from tests.support.patience import until


@frozen
class Room:
    """A room, and the refusals that were counted."""

    room: BatchRoom
    registry: CollectorRegistry

    def has_room(self, tenant: str, orders: int) -> bool:
        try:
            with self.room.admit([tenant] * orders):
                return True
        except BatchesBusy:
            return False

    @property
    def refusals(self) -> float | None:
        labels = {"kind": "batch_orders"}
        return self.registry.get_sample_value("customers_refusals_total", labels)


@pytest.fixture
def room() -> Room:
    registry = CollectorRegistry()
    return Room(BatchRoom(RefusalMetrics(registry)), registry)


def test_a_tenant_leaves_room_for_a_whole_batch_of_another_one(room: Room) -> None:
    with room.room.admit(["a"] * MAX_ORDERS_OF_TENANT):
        assert not room.has_room("a", 1)
        assert room.has_room("b", MAX_BATCH_ORDERS)
    assert room.has_room("a", 1)
    assert room.refusals == 1


def test_all_tenants_together_have_a_limit(room: Room) -> None:
    with ExitStack() as batches:
        for tenant in "abcd":
            batches.enter_context(room.room.admit([tenant] * (MAX_ORDERS_UNDER_WAY // 4)))
        assert not room.has_room("e", 1)
    assert room.has_room("e", 1)


def test_a_batch_that_fails_gives_its_room_back(room: Room) -> None:
    with pytest.raises(ZeroDivisionError), room.room.admit(["a"] * MAX_ORDERS_OF_TENANT):
        raise ZeroDivisionError
    assert room.has_room("a", MAX_ORDERS_OF_TENANT)


def test_a_batch_of_several_tenants_counts_for_each(room: Room) -> None:
    with room.room.admit(["a"] * (MAX_ORDERS_OF_TENANT - 1) + ["b"]):
        assert not room.has_room("a", 2)
        assert room.has_room("b", 2)


def batch(customer_id: str, orders: int, **fields: str) -> RecordOrdersRequest:
    return RecordOrdersRequest(
        orders=[an_order(customer_id, f"order-{index}", **fields) for index in range(orders)]
    )


async def full(rpc: Rpc) -> list[asyncio.Task[Any]]:
    """Sends as many batches of one tenant as are admitted; returns when they wait at the gate."""
    rpc.storage.gate.clear()
    batches = [batch(await rpc.add_customer(), MAX_BATCH_ORDERS) for _ in range(3)]
    tasks = [asyncio.ensure_future(rpc.stub.RecordOrders(one)) for one in batches]
    await until(lambda: rpc.sample("customers_grpc_requests_in_flight") == 3)
    await until(lambda: rpc.storage.concurrent_orders == MAX_GROUPS_OF_TENANT)
    return tasks


async def test_a_batch_without_room_is_told_so_and_other_tenants_are_served() -> None:
    async with serving() as rpc:
        tasks = await full(rpc)
        code, status = await failure(rpc.stub.RecordOrders(batch(await rpc.add_customer(), 1)))
        assert code is StatusCode.RESOURCE_EXHAUSTED
        assert reason(status) == "BATCHES_BUSY"
        other = batch(await rpc.add_customer("other"), 1, tenant_id="other")
        served = asyncio.ensure_future(rpc.stub.RecordOrders(other))
        await until(lambda: rpc.storage.concurrent_orders == MAX_GROUPS_OF_TENANT + 1)
        for task in tasks:
            task.cancel()
        rpc.storage.gate.set()
        assert (await served).outcomes[0].HasField("recorded")


async def test_abandoned_batches_give_their_room_back_at_once() -> None:
    async with serving() as rpc:
        for task in (tasks := await full(rpc)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await rpc.wait_until_idle()
        next_one = asyncio.ensure_future(
            rpc.stub.RecordOrders(batch(await rpc.add_customer(), MAX_BATCH_ORDERS))
        )
        await until(lambda: rpc.sample("customers_grpc_requests_in_flight") == 1)
        rpc.storage.gate.set()
        assert len((await next_one).outcomes) == MAX_BATCH_ORDERS


@asynccontextmanager
async def gated() -> AsyncIterator[tuple[Api, FaultyStorage]]:
    storage = FaultyStorage(MemoryStorage(currency=USD))
    async with serving_http(storage, tenant="tenant") as api:
        yield api, storage


async def test_over_rest_what_had_not_begun_when_the_caller_left_never_begins() -> None:
    async with gated() as (api, storage):
        customer = a_customer(tenant_id="tenant")
        await storage.autocommit("tenant").add_customer(customer)
        orders = [
            {"customerId": str(customer.id), "orderId": f"order-{number}", "totalAmount": 1}
            for number in range(2 * GROUP_ORDERS)
        ]
        call = asyncio.create_task(api.post("/customers/orders/batch", {"orders": orders}))
        await until(lambda: storage.concurrent_orders == 1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.sleep(0.1)  # until the server has noticed
        storage.gate.set()
        await until(lambda: storage.concurrent_orders == 0)
        assert (await api.get(f"/customers/{customer.id}")).body["totalOrders"] == GROUP_ORDERS
