"""Callers who hang up or run out of time, and a server that ends: nothing is left half-done."""

import asyncio
import time
from random import Random
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from tests.support.patience import DEADLINE_SECONDS
from tests.unit.entrypoints.grpc_service import (
    Rpc,
    an_order,
    refusal,
    serving,
)


async def end_of(call: Any) -> StatusCode:
    """The code a call ends with."""
    try:
        await call
    except AioRpcError as error:
        return error.code()
    except asyncio.CancelledError:
        return StatusCode.CANCELLED
    return StatusCode.OK


async def test_what_a_caller_began_before_hanging_up_is_finished() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        call = rpc.stub.RecordOrder(an_order(customer_id))
        waiting = asyncio.create_task(end_of(call))
        await rpc.storage.came.wait()
        call.cancel()
        assert await waiting is StatusCode.CANCELLED
        await rpc.all_left()
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        assert len(await rpc.entries(customer_id)) == 1


async def test_what_a_caller_began_before_the_deadline_is_finished() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        code, _ = await refusal(
            rpc.stub.RecordOrder(an_order(customer_id), timeout=DEADLINE_SECONDS)
        )
        assert code is StatusCode.DEADLINE_EXCEEDED
        assert rpc.storage.came.is_set()
        await rpc.all_left()
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        assert len(await rpc.entries(customer_id)) == 1


async def test_a_batch_whose_caller_hangs_up_is_finished() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        orders = [an_order(customer_id, f"order-{each}") for each in range(20)]
        call = rpc.stub.RecordOrders(RecordOrdersRequest(orders=orders))
        waiting = asyncio.create_task(end_of(call))
        await rpc.storage.came.wait()
        call.cancel()
        assert await waiting is StatusCode.CANCELLED
        await rpc.all_left()
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        assert len(await rpc.entries(customer_id)) == 20


async def test_a_call_whose_deadline_is_over_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        call = rpc.stub.RecordOrder(an_order(customer_id), timeout=30)
        # The caller has half a minute left. Only who looks at the clock from now on finds none.
        far_away = time.time() + 60
        monkeypatch.setattr("time.time", lambda: far_away)
        code, _ = await refusal(call)
        assert code is StatusCode.DEADLINE_EXCEEDED
        assert not rpc.storage.came.is_set()


async def tell_impatiently(rpc: Rpc, chance: Random, customer_id: str) -> str | None:
    """Tells an order, and hangs up at some moment; the order's id when it was acknowledged."""
    order_id = f"order-{chance.randrange(30)}-of-{customer_id}"
    patience = chance.choice([None, 0.05, 0.005, 0.002])
    call = rpc.stub.RecordOrder(an_order(customer_id, order_id), timeout=patience)
    waiting = asyncio.create_task(end_of(call))
    if chance.random() < 0.3:
        await asyncio.sleep(chance.random() / 200)
        call.cancel()
    code = await waiting
    assert code in {StatusCode.OK, StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED}
    return order_id if code is StatusCode.OK else None


async def test_after_many_impatient_callers_the_statistics_are_the_fold_of_the_ledger() -> None:
    chance = Random(8089)
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(4)]
        told = [tell_impatiently(rpc, chance, chance.choice(customers)) for _ in range(400)]
        acknowledged = {order_id for order_id in await asyncio.gather(*told) if order_id}
        await rpc.server.stop(5)
        for customer_id in customers:
            kept = {entry.order_id for entry in await rpc.entries(customer_id)}
            assert kept >= {each for each in acknowledged if each.endswith(customer_id)}
        assert acknowledged


async def test_a_server_that_ends_answers_what_is_in_flight_and_takes_nothing_new() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        in_flight = asyncio.create_task(end_of(rpc.stub.RecordOrder(an_order(customer_id))))
        await rpc.storage.came.wait()
        stopping = asyncio.create_task(rpc.server.stop(60))
        await asyncio.sleep(0.1)
        assert await end_of(rpc.stub.RecordOrder(an_order("new"))) is StatusCode.UNAVAILABLE
        rpc.storage.gate.set()
        await stopping
        assert await in_flight is StatusCode.OK


async def test_a_server_whose_grace_is_over_still_finishes_what_has_begun() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        in_flight = asyncio.create_task(end_of(rpc.stub.RecordOrder(an_order(customer_id))))
        await rpc.storage.came.wait()
        stopping = asyncio.create_task(rpc.server.stop(0.05))
        assert await in_flight is not StatusCode.OK
        assert not stopping.done()
        rpc.storage.gate.set()
        await stopping
        assert len(await rpc.entries(customer_id)) == 1
