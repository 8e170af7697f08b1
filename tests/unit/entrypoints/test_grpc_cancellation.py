"""Cancelled calls, expired deadlines and a stopping server: work that has started is completed."""

import asyncio
import time
from random import Random
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from customers.entrypoints.ledger.batch import GROUP_ORDERS
from tests.support.grpc_service import Rpc, an_order, failure, serving
from tests.support.patience import DEADLINE_SECONDS


async def final_code(call: Any) -> StatusCode:
    """The code that the call ends with."""
    try:
        await call
    except AioRpcError as error:
        return error.code()
    except asyncio.CancelledError:
        return StatusCode.CANCELLED
    return StatusCode.OK


async def test_an_order_is_recorded_although_its_call_is_cancelled() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        call = rpc.stub.RecordOrder(an_order(customer_id))
        waiting = asyncio.create_task(final_code(call))
        await rpc.storage.order_arrived.wait()
        call.cancel()
        assert await waiting is StatusCode.CANCELLED
        await rpc.wait_until_idle()
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        assert len(await rpc.entries(customer_id)) == 1


async def test_an_order_is_recorded_although_its_deadline_expires() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        code, _ = await failure(
            rpc.stub.RecordOrder(an_order(customer_id), timeout=DEADLINE_SECONDS)
        )
        assert code is StatusCode.DEADLINE_EXCEEDED
        assert rpc.storage.order_arrived.is_set()
        await rpc.wait_until_idle()
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        assert len(await rpc.entries(customer_id)) == 1


async def test_of_a_cancelled_batch_only_what_had_begun_is_recorded() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        orders = [an_order(customer_id, f"order-{index}") for index in range(2 * GROUP_ORDERS)]
        call = rpc.stub.RecordOrders(RecordOrdersRequest(orders=orders))
        waiting = asyncio.create_task(final_code(call))
        await rpc.storage.order_arrived.wait()
        call.cancel()
        assert await waiting is StatusCode.CANCELLED
        await rpc.wait_until_idle()
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        assert len(await rpc.entries(customer_id)) == GROUP_ORDERS


async def test_a_call_whose_deadline_has_expired_is_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        call = rpc.stub.RecordOrder(an_order(customer_id), timeout=30)
        # The caller still has half a minute; only the server sees the moved clock.
        after_deadline = time.time() + 60
        monkeypatch.setattr("time.time", lambda: after_deadline)
        code, _ = await failure(call)
        assert code is StatusCode.DEADLINE_EXCEEDED
        assert not rpc.storage.order_arrived.is_set()


async def record_impatiently(rpc: Rpc, random: Random, customer_id: str) -> str | None:
    """Records an order, but may give up early; returns its id if acknowledged, else None."""
    order_id = f"order-{random.randrange(30)}-of-{customer_id}"
    timeout = random.choice([None, 0.05, 0.005, 0.002])
    call = rpc.stub.RecordOrder(an_order(customer_id, order_id), timeout=timeout)
    waiting = asyncio.create_task(final_code(call))
    if random.random() < 0.3:
        await asyncio.sleep(random.random() / 200)
        call.cancel()
    code = await waiting
    assert code in {StatusCode.OK, StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED}
    return order_id if code is StatusCode.OK else None


async def test_cancelled_calls_leave_every_acknowledged_order_in_the_ledger() -> None:
    random = Random(8089)
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(4)]
        calls = [record_impatiently(rpc, random, random.choice(customers)) for _ in range(400)]
        acknowledged = {order_id for order_id in await asyncio.gather(*calls) if order_id}
        await rpc.server.stop(5)
        for customer_id in customers:
            recorded = {entry.order_id for entry in await rpc.entries(customer_id)}
            assert recorded >= {
                order_id for order_id in acknowledged if order_id.endswith(customer_id)
            }
        assert acknowledged


async def test_a_stopping_server_answers_calls_in_flight_and_accepts_no_new_ones() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        in_flight = asyncio.create_task(final_code(rpc.stub.RecordOrder(an_order(customer_id))))
        await rpc.storage.order_arrived.wait()
        stopping = asyncio.create_task(rpc.server.stop(60))
        await asyncio.sleep(0.1)
        assert await final_code(rpc.stub.RecordOrder(an_order("new"))) is StatusCode.UNAVAILABLE
        rpc.storage.gate.set()
        await stopping
        assert await in_flight is StatusCode.OK


async def test_a_stopping_server_completes_its_work_after_the_grace_period() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        in_flight = asyncio.create_task(final_code(rpc.stub.RecordOrder(an_order(customer_id))))
        await rpc.storage.order_arrived.wait()
        stopping = asyncio.create_task(rpc.server.stop(0.05))
        assert await in_flight is not StatusCode.OK
        assert not stopping.done()
        rpc.storage.gate.set()
        await stopping
        assert len(await rpc.entries(customer_id)) == 1
