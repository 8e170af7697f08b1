"""Orders, refunds and cancellations over gRPC, and the statistics in the responses."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from customers.core.model.money import Currency
from customers.entrypoints.grpc.generated.customers_pb2 import CustomerStatistics
from tests.support.builders import NOW, later
from tests.support.grpc_service import a_cancellation, a_refund, an_order, serving, usd


def timestamp_at(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


async def test_an_order_is_counted_in_the_statistics_of_its_customer() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        response = await rpc.stub.RecordOrder(an_order(customer_id))
        assert not response.duplicate
        assert response.statistics == CustomerStatistics(
            customer_id=customer_id,
            total_orders=1,
            total_spent=usd(12, 500_000_000, "USD"),
            average_order_value=usd(12, 500_000_000, "USD"),
            lifetime_value=usd(12, 500_000_000, "USD"),
            first_order_date=timestamp_at(NOW),
            last_order_date=timestamp_at(NOW),
        )


async def test_recording_an_order_again_changes_nothing() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        first = await rpc.stub.RecordOrder(an_order(customer_id))
        again = await rpc.stub.RecordOrder(an_order(customer_id))
        assert again.duplicate
        assert again.statistics == first.statistics


async def test_a_refund_lowers_total_spent_once() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        first = await rpc.stub.RefundOrder(a_refund(customer_id))
        again = await rpc.stub.RefundOrder(a_refund(customer_id))
        assert (first.duplicate, again.duplicate) == (False, True)
        assert again.statistics.total_spent == usd(10, 0, "USD")


async def test_a_cancelled_order_leaves_no_trace_in_the_statistics() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        first = await rpc.stub.CancelOrder(a_cancellation(customer_id))
        again = await rpc.stub.CancelOrder(a_cancellation(customer_id))
        assert (first.duplicate, again.duplicate) == (False, True)
        assert first.statistics == CustomerStatistics(
            customer_id=customer_id,
            total_spent=usd(0, 0, "USD"),
            average_order_value=usd(0, 0, "USD"),
            lifetime_value=usd(0, 0, "USD"),
        )


async def test_a_refund_and_a_cancellation_may_arrive_before_their_order() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RefundOrder(a_refund(customer_id))
        await rpc.stub.CancelOrder(a_cancellation(customer_id, "order-2"))
        await rpc.stub.RecordOrder(an_order(customer_id, "order-2"))
        response = await rpc.stub.RecordOrder(an_order(customer_id))
        assert response.statistics.total_orders == 1
        assert response.statistics.total_spent == usd(10, 0, "USD")


async def test_the_average_is_rounded_half_up_to_the_minor_unit() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id, "order-1", order_total=usd(0, 10_000_000)))
        response = await rpc.stub.RecordOrder(an_order(customer_id, "order-2", order_total=usd(0)))
        assert response.statistics.average_order_value == usd(0, 10_000_000, "USD")


async def test_the_first_and_last_order_dates_do_not_depend_on_the_sequence() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        dates = [later(hours=-1), later(hours=-5), later(hours=-3)]
        for number, date in enumerate(dates):
            order = an_order(customer_id, f"order-{number}", order_date=timestamp_at(date))
            response = await rpc.stub.RecordOrder(order)
        assert response.statistics.first_order_date == timestamp_at(later(hours=-5))
        assert response.statistics.last_order_date == timestamp_at(later(hours=-1))


async def test_a_date_finer_than_microseconds_is_truncated() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        finest = Timestamp(seconds=-1, nanos=999_999_999)
        response = await rpc.stub.RecordOrder(an_order(customer_id, order_date=finest))
        before_1970 = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)
        assert response.statistics.first_order_date == timestamp_at(before_1970)


async def test_the_earliest_and_the_latest_allowed_order_date_are_exact() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        for number, date in enumerate([datetime(1, 1, 1, tzinfo=UTC), later(days=1)]):
            order = an_order(customer_id, f"order-{number}", order_date=timestamp_at(date))
            response = await rpc.stub.RecordOrder(order)
        assert response.statistics.first_order_date.seconds == -62_135_596_800
        assert response.statistics.last_order_date == timestamp_at(later(days=1))


async def test_the_largest_amount_is_exact() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        largest = usd(999_999_999_999, 990_000_000, "USD")
        response = await rpc.stub.RecordOrder(an_order(customer_id, order_total=largest))
        assert response.statistics.total_spent == largest


async def test_the_currency_code_is_optional_and_case_insensitive() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        for number, code in enumerate(["", "USD", "usd"]):
            order = an_order(customer_id, f"order-{number}", order_total=usd(1, 0, code))
            response = await rpc.stub.RecordOrder(order)
        assert response.statistics.total_spent == usd(3, 0, "USD")


async def test_amounts_have_the_decimals_of_the_deployments_currency() -> None:
    async with serving(Currency.of("TND")) as rpc:
        customer_id = await rpc.add_customer()
        millime = usd(0, 1_000_000, "TND")
        response = await rpc.stub.RecordOrder(an_order(customer_id, order_total=millime))
        assert response.statistics.total_spent == millime


async def test_ids_may_be_upper_case_and_surrounded_by_space() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        order = an_order(f" {customer_id.upper()} ", " order-1 ")
        first = await rpc.stub.RecordOrder(order)
        again = await rpc.stub.RecordOrder(an_order(customer_id))
        assert first.statistics.customer_id == customer_id
        assert again.duplicate


async def test_each_tenant_has_its_own_ledger() -> None:
    async with serving() as rpc:
        ours, theirs = await rpc.add_customer(), await rpc.add_customer("other")
        await rpc.stub.RecordOrder(an_order(ours))
        response = await rpc.stub.RecordOrder(an_order(theirs, tenant_id="other"))
        assert not response.duplicate
        assert response.statistics.total_orders == 1


async def test_facts_are_counted_by_outcome() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        for _ in range(2):
            await rpc.stub.RecordOrder(an_order(customer_id))
        await rpc.stub.RefundOrder(a_refund(customer_id))
        await rpc.stub.CancelOrder(a_cancellation(customer_id))
        counts = {
            (kind, outcome): rpc.sample(
                "customers_ledger_facts_total"
                f'{{kind="{kind}",outcome="{outcome}",transport="grpc"}}'
            )
            for kind in ("order", "refund", "cancellation")
            for outcome in ("recorded", "duplicate")
        }
        assert counts == {
            ("order", "recorded"): 1,
            ("order", "duplicate"): 1,
            ("refund", "recorded"): 1,
            ("refund", "duplicate"): 0,
            ("cancellation", "recorded"): 1,
            ("cancellation", "duplicate"): 0,
        }
