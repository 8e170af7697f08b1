"""Facts told over gRPC, and the statistics that come back."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from customers.core.model.money import Currency
from customers.entrypoints.grpc.generated.customers_pb2 import CustomerStatistics
from tests.support.builders import NOW, later
from tests.unit.entrypoints.grpc_service import (
    a_cancellation,
    a_refund,
    an_order,
    serving,
    usd,
)


def moment(at: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(at)
    return timestamp


async def test_an_order_is_counted_in_the_statistics_of_its_customer() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        answer = await rpc.stub.RecordOrder(an_order(customer_id))
        assert not answer.duplicate
        assert answer.statistics == CustomerStatistics(
            customer_id=customer_id,
            total_orders=1,
            total_spent=usd(12, 500_000_000, "USD"),
            average_order_value=usd(12, 500_000_000, "USD"),
            lifetime_value=usd(12, 500_000_000, "USD"),
            first_order_date=moment(NOW),
            last_order_date=moment(NOW),
        )


async def test_an_order_told_again_counts_nothing() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        first = await rpc.stub.RecordOrder(an_order(customer_id))
        again = await rpc.stub.RecordOrder(an_order(customer_id))
        assert again.duplicate
        assert again.statistics == first.statistics


async def test_a_refund_lowers_the_spend_once() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        first = await rpc.stub.RefundOrder(a_refund(customer_id))
        again = await rpc.stub.RefundOrder(a_refund(customer_id))
        assert (first.duplicate, again.duplicate) == (False, True)
        assert again.statistics.total_spent == usd(10, 0, "USD")


async def test_a_cancelled_order_counts_no_more_and_leaves_no_dates() -> None:
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


async def test_a_refund_and_a_cancellation_may_come_before_their_order() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RefundOrder(a_refund(customer_id))
        await rpc.stub.CancelOrder(a_cancellation(customer_id, "order-2"))
        await rpc.stub.RecordOrder(an_order(customer_id, "order-2"))
        answer = await rpc.stub.RecordOrder(an_order(customer_id))
        assert answer.statistics.total_orders == 1
        assert answer.statistics.total_spent == usd(10, 0, "USD")


async def test_the_average_is_rounded_half_up_to_the_minor_unit() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id, "order-1", order_total=usd(0, 10_000_000)))
        answer = await rpc.stub.RecordOrder(an_order(customer_id, "order-2", order_total=usd(0)))
        assert answer.statistics.average_order_value == usd(0, 10_000_000, "USD")


async def test_the_earliest_and_the_latest_date_are_told_whatever_came_first() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        dates = [later(hours=-1), later(hours=-5), later(hours=-3)]
        for number, date in enumerate(dates):
            order = an_order(customer_id, f"order-{number}", order_date=moment(date))
            answer = await rpc.stub.RecordOrder(order)
        assert answer.statistics.first_order_date == moment(later(hours=-5))
        assert answer.statistics.last_order_date == moment(later(hours=-1))


async def test_a_date_finer_than_microseconds_is_truncated() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        finest = Timestamp(seconds=-1, nanos=999_999_999)
        answer = await rpc.stub.RecordOrder(an_order(customer_id, order_date=finest))
        before_1970 = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)
        assert answer.statistics.first_order_date == moment(before_1970)


async def test_the_first_and_the_last_moment_of_the_calendar_that_orders_may_have_are_kept() -> (
    None
):
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        for number, date in enumerate([datetime(1, 1, 1, tzinfo=UTC), later(days=1)]):
            order = an_order(customer_id, f"order-{number}", order_date=moment(date))
            answer = await rpc.stub.RecordOrder(order)
        assert answer.statistics.first_order_date.seconds == -62_135_596_800
        assert answer.statistics.last_order_date == moment(later(days=1))


async def test_the_largest_amount_comes_back_to_the_cent() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        most = usd(999_999_999_999, 990_000_000, "USD")
        answer = await rpc.stub.RecordOrder(an_order(customer_id, order_total=most))
        assert answer.statistics.total_spent == most


async def test_the_currency_of_the_deployment_may_be_named_in_any_case() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        for number, code in enumerate(["", "USD", "usd"]):
            order = an_order(customer_id, f"order-{number}", order_total=usd(1, 0, code))
            answer = await rpc.stub.RecordOrder(order)
        assert answer.statistics.total_spent == usd(3, 0, "USD")


async def test_amounts_have_the_decimals_of_the_deployments_currency() -> None:
    async with serving(Currency.of("TND")) as rpc:
        customer_id = await rpc.add_customer()
        millime = usd(0, 1_000_000, "TND")
        answer = await rpc.stub.RecordOrder(an_order(customer_id, order_total=millime))
        assert answer.statistics.total_spent == millime


async def test_ids_are_taken_in_any_letter_case_and_with_space_around_them() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        told = an_order(f" {customer_id.upper()} ", " order-1 ", tenant_id=" tenant ")
        first = await rpc.stub.RecordOrder(told)
        again = await rpc.stub.RecordOrder(an_order(customer_id))
        assert first.statistics.customer_id == customer_id
        assert again.duplicate


async def test_tenants_keep_ledgers_of_their_own() -> None:
    async with serving() as rpc:
        ours, theirs = await rpc.add_customer(), await rpc.add_customer("other")
        await rpc.stub.RecordOrder(an_order(ours))
        answer = await rpc.stub.RecordOrder(an_order(theirs, tenant_id="other"))
        assert not answer.duplicate
        assert answer.statistics.total_orders == 1


async def test_facts_are_counted_by_what_became_of_them() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        for _ in range(2):
            await rpc.stub.RecordOrder(an_order(customer_id))
        await rpc.stub.RefundOrder(a_refund(customer_id))
        await rpc.stub.CancelOrder(a_cancellation(customer_id))
        told = {
            (kind, outcome): rpc.counted(
                "customers_ledger_facts_total"
                f'{{kind="{kind}",outcome="{outcome}",transport="grpc"}}'
            )
            for kind in ("order", "refund", "cancellation")
            for outcome in ("recorded", "duplicate")
        }
        assert told == {
            ("order", "recorded"): 1,
            ("order", "duplicate"): 1,
            ("refund", "recorded"): 1,
            ("refund", "duplicate"): 0,
            ("cancellation", "recorded"): 1,
            ("cancellation", "duplicate"): 0,
        }
