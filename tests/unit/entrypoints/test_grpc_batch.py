"""Batches of orders: each order by itself, all in the order given."""

import asyncio

import pytest
from grpc import StatusCode

from customers.entrypoints.grpc.generated.customers_pb2 import (
    RecordOrderOutcome,
    RecordOrderRequest,
    RecordOrdersRequest,
)
from customers.entrypoints.grpc.ledger import MAX_CONCURRENT_ORDERS
from tests.unit.entrypoints.grpc_service import (
    Rpc,
    a_refund,
    an_order,
    bad_fields,
    reason,
    refusal,
    serving,
    usd,
)


async def record_all(rpc: Rpc, *orders: RecordOrderRequest) -> list[RecordOrderOutcome]:
    answer = await rpc.stub.RecordOrders(RecordOrdersRequest(orders=orders))
    return list(answer.outcomes)


async def test_a_thousand_orders_have_an_outcome_each_in_the_order_given() -> None:
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(10)]
        orders = [an_order(customers[each % 10], f"order-{each}") for each in range(1_000)]
        outcomes = await record_all(rpc, *orders)
        told = [outcome.recorded.statistics for outcome in outcomes]
        assert [each.customer_id for each in told] == [each.customer_id for each in orders]
        assert [each.total_orders for each in told] == [1 + each // 10 for each in range(1_000)]


async def test_more_than_a_thousand_orders_are_refused_and_none_is_recorded() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        orders = [an_order(customer_id, f"order-{each}") for each in range(1_001)]
        code, status = await refusal(rpc.stub.RecordOrders(RecordOrdersRequest(orders=orders)))
        assert code is StatusCode.INVALID_ARGUMENT
        assert bad_fields(status) == {"orders": "MAX_LENGTH"}
        assert len(await rpc.entries(customer_id)) == 0


async def test_a_batch_of_nothing_has_no_outcomes() -> None:
    async with serving() as rpc:
        assert await record_all(rpc) == []


async def test_an_order_that_is_refused_leaves_the_others_recorded() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        outcomes = await record_all(
            rpc,
            an_order(customer_id, "order-1"),
            an_order("nobody", "order-2", order_total=None),
            an_order(customer_id, "order-1", order_total=usd(1)),
            an_order(customer_id, "order-1"),
            an_order(customer_id, "order-3"),
        )
        assert [each.WhichOneof("outcome") for each in outcomes] == [
            "recorded", "error", "error", "recorded", "recorded",
        ]  # fmt: skip
        assert outcomes[1].error.code == StatusCode.INVALID_ARGUMENT.value[0]
        assert bad_fields(outcomes[1].error).keys() == {"customer_id", "order_total"}
        assert reason(outcomes[2].error) == "ORDER_CONFLICT"
        assert outcomes[3].recorded.duplicate
        assert len(await rpc.entries(customer_id)) == 2


async def test_orders_of_one_id_are_told_in_the_order_given_whoever_they_name() -> None:
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(20)]
        rpc.storage.turns = [40, 30, 20]  # were they told at once, the first would be the last
        outcomes = await record_all(rpc, *(an_order(each) for each in customers))
        first, *others = outcomes
        assert first.HasField("recorded")
        assert {reason(each.error) for each in others} == {"ORDER_CONFLICT"}


async def test_orders_of_several_customers_are_told_at_once_and_those_of_one_are_not() -> None:
    async with serving() as rpc:
        one = await rpc.add_customer()
        await record_all(rpc, *(an_order(one, f"order-{each}") for each in range(10)))
        assert rpc.storage.most_writing == 1
        many = [await rpc.add_customer() for _ in range(10)]
        await record_all(rpc, *(an_order(each, f"order-of-{each}") for each in many))
        assert rpc.storage.most_writing == MAX_CONCURRENT_ORDERS


async def test_a_single_call_is_served_while_batches_wait() -> None:
    async with serving() as rpc:
        many = [await rpc.add_customer() for _ in range(10)]
        rpc.storage.gate.clear()
        batch = asyncio.create_task(record_all(rpc, *(an_order(each, each) for each in many)))
        await rpc.storage.came.wait()
        refunded = await rpc.stub.RefundOrder(a_refund(many[0], "another-order"))
        assert not refunded.duplicate
        rpc.storage.gate.set()
        assert len(await batch) == 10


@pytest.mark.parametrize("left", [0, 7])
async def test_when_the_storage_goes_away_every_order_that_is_left_says_so(left: int) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.orders_left = left
        orders = [an_order(customer_id, f"order-{each}") for each in range(50)]
        outcomes = await record_all(rpc, *orders)
        assert all(each.HasField("recorded") for each in outcomes[:left])
        assert {reason(each.error) for each in outcomes[left:]} == {"STORAGE_UNAVAILABLE"}
        rpc.storage.is_away, rpc.storage.orders_left = False, None
        assert len(await rpc.entries(customer_id)) == left


async def test_a_storage_that_has_gone_away_is_not_asked_for_the_rest_of_the_batch() -> None:
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(50)]
        rpc.storage.orders_left, rpc.storage.context = 0, 0
        await record_all(rpc, *(an_order(each, each) for each in customers))
        assert rpc.storage.context == MAX_CONCURRENT_ORDERS


async def test_every_order_of_a_batch_is_counted_as_a_fact() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await record_all(rpc, an_order(customer_id), an_order(customer_id), an_order(""))
        for outcome in ("recorded", "duplicate", "invalid"):
            labels = f'kind="order",outcome="{outcome}",transport="grpc"'
            assert rpc.counted(f"customers_ledger_facts_total{{{labels}}}") == 1


async def test_a_defect_with_one_order_of_a_batch_shows_none_of_its_words() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.is_broken = True
        (outcome,) = await record_all(rpc, an_order(customer_id))
        assert outcome.error.code == StatusCode.INTERNAL.value[0]
        assert "secret" not in str(outcome.error)
