"""RecordOrders: each order of a batch is recorded or refused on its own."""

import asyncio

import pytest
from grpc import StatusCode

from customers.entrypoints.grpc.generated.customers_pb2 import (
    RecordOrderOutcome,
    RecordOrderRequest,
    RecordOrdersRequest,
)
from customers.entrypoints.ledger.batch import GROUP_ORDERS
from tests.support.grpc_service import (
    Rpc,
    a_refund,
    an_order,
    failure,
    reason,
    serving,
    usd,
    violations,
)

# How many single orders of one tenant run at the same time.
CONCURRENT_ORDERS = 4


async def record_all(rpc: Rpc, *orders: RecordOrderRequest) -> list[RecordOrderOutcome]:
    response = await rpc.stub.RecordOrders(RecordOrdersRequest(orders=orders))
    return list(response.outcomes)


async def test_the_outcomes_of_a_thousand_orders_are_in_the_sequence_of_the_request() -> None:
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(10)]
        orders = [an_order(customers[index % 10], f"order-{index}") for index in range(1_000)]
        outcomes = await record_all(rpc, *orders)
        statistics = [outcome.recorded.statistics for outcome in outcomes]
        assert [row.customer_id for row in statistics] == [order.customer_id for order in orders]
        assert [row.total_orders for row in statistics] == [
            1 + index // 10 for index in range(1_000)
        ]


async def test_of_more_than_a_thousand_orders_none_is_recorded() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        orders = [an_order(customer_id, f"order-{index}") for index in range(1_001)]
        code, status = await failure(rpc.stub.RecordOrders(RecordOrdersRequest(orders=orders)))
        assert code is StatusCode.INVALID_ARGUMENT
        assert violations(status) == {"orders": "MAX_LENGTH"}
        assert len(await rpc.entries(customer_id)) == 0


async def test_an_empty_batch_has_no_outcomes() -> None:
    async with serving() as rpc:
        assert await record_all(rpc) == []


async def test_the_other_orders_of_a_batch_are_recorded_when_one_fails() -> None:
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
        assert [outcome.WhichOneof("outcome") for outcome in outcomes] == [
            "recorded", "error", "error", "recorded", "recorded",
        ]  # fmt: skip
        assert outcomes[1].error.code == StatusCode.INVALID_ARGUMENT.value[0]
        assert violations(outcomes[1].error).keys() == {"customer_id", "order_total"}
        assert reason(outcomes[2].error) == "ORDER_CONFLICT"
        assert outcomes[3].recorded.duplicate
        assert len(await rpc.entries(customer_id)) == 2


async def test_orders_with_the_same_id_are_recorded_in_sequence_for_any_customers() -> None:
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(20)]
        rpc.storage.turns = [40, 30, 20]  # if they ran concurrently, the first would be the last
        outcomes = await record_all(rpc, *(an_order(customer_id) for customer_id in customers))
        first, *others = outcomes
        assert first.HasField("recorded")
        assert {reason(outcome.error) for outcome in others} == {"ORDER_CONFLICT"}


async def test_new_orders_of_a_tenant_are_recorded_in_groups_one_after_another() -> None:
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(10)]
        rpc.storage.autocommit_count = 0
        count = 2 * GROUP_ORDERS + 1
        orders = [an_order(customers[index % 10], f"order-{index}") for index in range(count)]
        outcomes = await record_all(rpc, *orders)
        assert all(outcome.HasField("recorded") for outcome in outcomes)
        assert rpc.storage.autocommit_count == 3
        assert rpc.storage.max_concurrent_orders == 1


async def test_orders_of_several_tenants_are_recorded_in_groups_of_their_own() -> None:
    async with serving() as rpc:
        customers = {tenant: await rpc.add_customer(tenant) for tenant in ("one", "two")}
        orders = [
            an_order(customers[tenant], f"order-{number}", tenant_id=tenant)
            for number in range(3)
            for tenant in customers
        ]
        rpc.storage.autocommit_count = 0
        outcomes = await record_all(rpc, *orders)
        statistics = [outcome.recorded.statistics for outcome in outcomes]
        assert [row.customer_id for row in statistics] == [order.customer_id for order in orders]
        assert [row.total_orders for row in statistics] == [1, 1, 2, 2, 3, 3]
        assert rpc.storage.autocommit_count == 2


async def test_repeats_of_one_customer_run_in_sequence_and_of_several_concurrently() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        repeats = [an_order(customer_id, f"order-{index}") for index in range(10)]
        await record_all(rpc, *repeats)
        assert all(outcome.recorded.duplicate for outcome in await record_all(rpc, *repeats))
        assert rpc.storage.max_concurrent_orders == 1
        customers = [await rpc.add_customer() for _ in range(10)]
        repeats = [an_order(other_id, f"order-of-{other_id}") for other_id in customers]
        await record_all(rpc, *repeats)
        assert rpc.storage.max_concurrent_orders == 1
        await record_all(rpc, *repeats)
        assert rpc.storage.max_concurrent_orders == CONCURRENT_ORDERS


async def test_a_single_call_is_served_while_a_batch_waits_for_the_storage() -> None:
    async with serving() as rpc:
        customers = [await rpc.add_customer() for _ in range(10)]
        rpc.storage.gate.clear()
        orders = [an_order(customer_id, customer_id) for customer_id in customers]
        batch = asyncio.create_task(record_all(rpc, *orders))
        await rpc.storage.order_arrived.wait()
        response = await rpc.stub.RefundOrder(a_refund(customers[0], "another-order"))
        assert not response.duplicate
        rpc.storage.gate.set()
        assert len(await batch) == 10


@pytest.mark.parametrize("groups", [0, 2])
async def test_all_orders_after_an_outage_fail_as_unavailable(groups: int) -> None:
    async with serving() as rpc:
        customer_id, count = await rpc.add_customer(), groups * GROUP_ORDERS
        rpc.storage.orders_until_outage, rpc.storage.autocommit_count = groups, 0
        orders = [an_order(customer_id, f"order-{index}") for index in range(4 * GROUP_ORDERS)]
        outcomes = await record_all(rpc, *orders)
        assert all(outcome.HasField("recorded") for outcome in outcomes[:count])
        assert {reason(outcome.error) for outcome in outcomes[count:]} == {"STORAGE_UNAVAILABLE"}
        assert rpc.storage.autocommit_count == groups + 1  # and not for the rest of the batch
        rpc.storage.is_unavailable, rpc.storage.orders_until_outage = False, None
        assert len(await rpc.entries(customer_id)) == count


async def test_a_group_that_fails_has_the_same_error_for_each_of_its_orders() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.is_busy = True
        outcomes = await record_all(rpc, an_order(customer_id, "o-1"), an_order(customer_id, "o-2"))
        assert [reason(outcome.error) for outcome in outcomes] == ["TENANT_BUSY"] * 2


async def test_every_order_of_a_batch_is_counted_in_the_metrics() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await record_all(rpc, an_order(customer_id), an_order(customer_id), an_order(""))
        for outcome in ("recorded", "duplicate", "invalid"):
            labels = f'kind="order",outcome="{outcome}",transport="grpc"'
            assert rpc.sample(f"customers_ledger_facts_total{{{labels}}}") == 1


async def test_the_message_of_an_unexpected_exception_is_not_in_the_outcome() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.is_broken = True
        (outcome,) = await record_all(rpc, an_order(customer_id))
        assert outcome.error.code == StatusCode.INTERNAL.value[0]
        assert "secret" not in str(outcome.error)
