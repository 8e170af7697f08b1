"""What gRPC calls are refused for, by which code, and what the details name."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import RetryInfo
from google.type.money_pb2 import Money
from grpc import StatusCode

from customers.core.model.money import Currency
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    RecordOrderRequest,
    RefundOrderRequest,
)
from tests.support.builders import NOW
from tests.unit.entrypoints.grpc_service import (
    a_cancellation,
    a_refund,
    an_order,
    bad_fields,
    reason,
    refusal,
    serving,
    usd,
)

NOBODY = "019b0000-0000-7000-8000-ffffffffffff"
NOW_SECONDS = int(NOW.timestamp())

BAD_VALUES: dict[str, list[tuple[Any, str]]] = {
    "tenant_id": [
        ("", "REQUIRED"),
        (" ", "REQUIRED"),
        ("t" * 256, "MAX_LENGTH"),
        ("a\x00b", "INVALID_VALUE"),
    ],
    "customer_id": [
        ("", "REQUIRED"),
        ("1", "INVALID_FORMAT"),
        (NOBODY.replace("-", ""), "INVALID_FORMAT"),
    ],
    "order_id": [
        ("", "REQUIRED"),
        ("o" * 101, "MAX_LENGTH"),
        ("a b", "INVALID_FORMAT"),
        ("é", "INVALID_FORMAT"),
        ("a\x00b", "INVALID_VALUE"),
    ],
    "order_number": [("n" * 101, "MAX_LENGTH"), ("a\nb", "INVALID_VALUE")],
    "order_total": [
        (None, "REQUIRED"),
        (usd(-1), "INVALID_VALUE"),
        (usd(0, -10_000_000), "INVALID_VALUE"),
        (usd(1, -10_000_000), "INVALID_VALUE"),
        (usd(-1, 10_000_000), "INVALID_VALUE"),
        (usd(1, 1_000_000_000), "INVALID_VALUE"),
        (usd(-1, -1_000_000_000), "INVALID_VALUE"),
        (usd(1, 5_000_000), "INVALID_VALUE"),
        (usd(12, 500_000_001), "INVALID_VALUE"),
        (usd(1_000_000_000_000), "INVALID_VALUE"),
        (usd(2**63 - 1, 999_999_999), "INVALID_VALUE"),
        (usd(-(2**63), -990_000_000), "INVALID_VALUE"),
    ],
    "order_date": [
        (Timestamp(seconds=-62_135_596_801), "INVALID_VALUE"),
        (Timestamp(seconds=253_402_300_800), "INVALID_VALUE"),
        (Timestamp(nanos=-1), "INVALID_VALUE"),
        (Timestamp(nanos=1_000_000_000), "INVALID_VALUE"),
        (Timestamp(seconds=NOW_SECONDS + 86_400, nanos=1_000), "INVALID_VALUE"),
    ],
}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        pytest.param(field, value, why, id=f"{field}-{number}")
        for field, values in BAD_VALUES.items()
        for number, (value, why) in enumerate(values)
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_recorded(
    field: str, value: Any, why: str
) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        told = {"customer_id": customer_id} | {field: value}
        code, status = await refusal(rpc.stub.RecordOrder(an_order(**told)))
        assert code is StatusCode.INVALID_ARGUMENT
        assert reason(status) == "VALIDATION_FAILED"
        assert bad_fields(status) == {field: why}
        assert status.message.startswith(f"{field}: ")
        assert len(await rpc.entries(customer_id)) == 0


async def test_every_bad_field_of_an_order_is_named_at_once() -> None:
    async with serving() as rpc:
        order = RecordOrderRequest(
            order_total=usd(1, -1), order_date=Timestamp(nanos=-1), order_number="\x00"
        )
        _, status = await refusal(rpc.stub.RecordOrder(order))
        named = "tenant_id customer_id order_id order_total order_date order_number"
        assert bad_fields(status).keys() == set(named.split())


async def test_every_bad_field_of_a_refund_is_named_at_once() -> None:
    async with serving() as rpc:
        refund = RefundOrderRequest(amount=usd(0, 1), refund_date=Timestamp(nanos=-1))
        _, status = await refusal(rpc.stub.RefundOrder(refund))
        named = "tenant_id customer_id order_id refund_id amount refund_date"
        assert bad_fields(status).keys() == set(named.split())


async def test_every_bad_field_of_a_cancellation_is_named_at_once() -> None:
    async with serving() as rpc:
        _, status = await refusal(rpc.stub.CancelOrder(CancelOrderRequest()))
        assert bad_fields(status).keys() == {"tenant_id", "customer_id", "order_id"}


@pytest.mark.parametrize("amount", [None, usd(0), usd(-1)], ids=["none", "nothing", "less"])
async def test_a_refund_needs_an_amount_above_nothing(amount: Money | None) -> None:
    async with serving() as rpc:
        refund = a_refund(await rpc.add_customer(), amount=amount)
        code, status = await refusal(rpc.stub.RefundOrder(refund))
        assert code is StatusCode.INVALID_ARGUMENT
        assert bad_fields(status).keys() == {"amount"}


async def test_another_currency_is_the_reason_whatever_else_is_wrong() -> None:
    async with serving() as rpc:
        foreign = an_order("", order_total=usd(-1, 1, "EUR"))
        code, status = await refusal(rpc.stub.RecordOrder(foreign))
        assert code is StatusCode.INVALID_ARGUMENT
        assert reason(status) == "CURRENCY_MISMATCH"
        assert bad_fields(status)["order_total.currency_code"] == "CURRENCY_MISMATCH"
        assert {"order_total", "customer_id"} < bad_fields(status).keys()


async def test_a_refund_in_another_currency_is_refused() -> None:
    async with serving() as rpc:
        refund = a_refund(await rpc.add_customer(), amount=usd(1, 0, "EUR"))
        _, status = await refusal(rpc.stub.RefundOrder(refund))
        assert reason(status) == "CURRENCY_MISMATCH"
        assert bad_fields(status).keys() == {"amount.currency_code"}


async def test_a_currency_without_a_minor_unit_takes_no_nanos() -> None:
    async with serving(Currency.of("JPY")) as rpc:
        order = an_order(await rpc.add_customer(), order_total=usd(1, 500_000_000))
        _, status = await refusal(rpc.stub.RecordOrder(order))
        assert bad_fields(status) == {"order_total": "INVALID_VALUE"}


@pytest.mark.parametrize("customer", ["nobody's", "another tenant's"])
async def test_an_unknown_customer_and_another_tenants_are_not_found_alike(customer: str) -> None:
    async with serving() as rpc:
        customer_id = NOBODY if customer == "nobody's" else await rpc.add_customer("other")
        for call in (
            rpc.stub.RecordOrder(an_order(customer_id)),
            rpc.stub.RefundOrder(a_refund(customer_id)),
            rpc.stub.CancelOrder(a_cancellation(customer_id)),
        ):
            code, status = await refusal(call)
            assert (code, reason(status)) == (StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")
            assert status.message == "customer not found"


async def test_an_order_told_with_another_amount_or_by_another_customer_is_a_conflict() -> None:
    async with serving() as rpc:
        customer_id, other = await rpc.add_customer(), await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        for call in (
            rpc.stub.RecordOrder(an_order(customer_id, order_total=usd(13))),
            rpc.stub.RecordOrder(an_order(other)),
            rpc.stub.RefundOrder(a_refund(other)),
            rpc.stub.CancelOrder(a_cancellation(other)),
        ):
            code, status = await refusal(call)
            assert (code, reason(status)) == (StatusCode.ALREADY_EXISTS, "ORDER_CONFLICT")
        assert len(await rpc.entries(customer_id)) == 1


async def test_a_refund_told_with_another_amount_is_a_conflict() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RefundOrder(a_refund(customer_id))
        code, status = await refusal(rpc.stub.RefundOrder(a_refund(customer_id, amount=usd(1))))
        assert (code, reason(status)) == (StatusCode.ALREADY_EXISTS, "REFUND_CONFLICT")


async def test_a_refund_of_more_than_the_order_has_left_is_refused() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        code, status = await refusal(rpc.stub.RefundOrder(a_refund(customer_id, amount=usd(13))))
        assert code is StatusCode.FAILED_PRECONDITION
        assert reason(status) == "REFUND_EXCEEDS_ORDER"


async def test_while_the_storage_is_away_calls_are_told_when_to_come_back() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.is_away = True
        for call in (
            rpc.stub.RecordOrder(an_order(customer_id)),
            rpc.stub.RefundOrder(a_refund(customer_id)),
            rpc.stub.CancelOrder(a_cancellation(customer_id)),
        ):
            code, status = await refusal(call)
            assert (code, reason(status)) == (StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
            retry = RetryInfo()
            assert any(detail.Unpack(retry) for detail in status.details)
            assert retry.retry_delay.seconds > 0
