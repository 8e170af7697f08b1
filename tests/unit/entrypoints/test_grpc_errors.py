"""Failed gRPC calls: their codes, reasons and field violations."""

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
from tests.support.grpc_service import (
    a_cancellation,
    a_refund,
    an_order,
    failure,
    reason,
    serving,
    usd,
    violations,
)

INVALID_TENANT = "INVALID_TENANT"
UNKNOWN_ID = "019b0000-0000-7000-8000-ffffffffffff"
NOW_SECONDS = int(NOW.timestamp())

INVALID_VALUES: dict[str, list[tuple[Any, str]]] = {
    "tenant_id": [
        ("", "REQUIRED"),
        *(
            (bad, INVALID_TENANT)
            for bad in (" ", "t" * 256, "a\x00b", " t", "t ", "a,b", "e\u0301")
        ),
    ],
    "customer_id": [
        ("", "REQUIRED"),
        ("1", "INVALID_FORMAT"),
        (UNKNOWN_ID.replace("-", ""), "INVALID_FORMAT"),
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
    ("field", "value", "code"),
    [
        pytest.param(field, value, code, id=f"{field}-{number}")
        for field, values in INVALID_VALUES.items()
        for number, (value, code) in enumerate(values)
    ],
)
async def test_an_invalid_field_is_reported_and_nothing_is_recorded(
    field: str, value: Any, code: str
) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        fields = {"customer_id": customer_id} | {field: value}
        status_code, status = await failure(rpc.stub.RecordOrder(an_order(**fields)))
        assert status_code is StatusCode.INVALID_ARGUMENT
        assert reason(status) == (code if code == INVALID_TENANT else "VALIDATION_FAILED")
        assert violations(status) == {field: code}
        assert status.message.startswith(f"{field}: ")
        assert len(await rpc.entries(customer_id)) == 0


async def test_all_invalid_fields_of_an_order_are_reported_together() -> None:
    async with serving() as rpc:
        order = RecordOrderRequest(
            order_total=usd(1, -1), order_date=Timestamp(nanos=-1), order_number="\x00"
        )
        _, status = await failure(rpc.stub.RecordOrder(order))
        fields = "tenant_id customer_id order_id order_total order_date order_number"
        assert violations(status).keys() == set(fields.split())


async def test_all_invalid_fields_of_a_refund_are_reported_together() -> None:
    async with serving() as rpc:
        refund = RefundOrderRequest(amount=usd(0, 1), refund_date=Timestamp(nanos=-1))
        _, status = await failure(rpc.stub.RefundOrder(refund))
        fields = "tenant_id customer_id order_id refund_id amount refund_date"
        assert violations(status).keys() == set(fields.split())


async def test_all_invalid_fields_of_a_cancellation_are_reported_together() -> None:
    async with serving() as rpc:
        _, status = await failure(rpc.stub.CancelOrder(CancelOrderRequest()))
        assert violations(status).keys() == {"tenant_id", "customer_id", "order_id"}


@pytest.mark.parametrize("amount", [None, usd(0), usd(-1)], ids=["absent", "zero", "negative"])
async def test_the_amount_of_a_refund_must_be_more_than_zero(amount: Money | None) -> None:
    async with serving() as rpc:
        refund = a_refund(await rpc.add_customer(), amount=amount)
        code, status = await failure(rpc.stub.RefundOrder(refund))
        assert code is StatusCode.INVALID_ARGUMENT
        assert violations(status).keys() == {"amount"}


async def test_another_currency_is_the_reason_even_with_other_invalid_fields() -> None:
    async with serving() as rpc:
        foreign = an_order("", order_total=usd(-1, 1, "EUR"))
        code, status = await failure(rpc.stub.RecordOrder(foreign))
        assert code is StatusCode.INVALID_ARGUMENT
        assert reason(status) == "CURRENCY_MISMATCH"
        assert violations(status)["order_total.currency_code"] == "CURRENCY_MISMATCH"
        assert {"order_total", "customer_id"} < violations(status).keys()


async def test_a_refund_in_another_currency_is_a_currency_mismatch() -> None:
    async with serving() as rpc:
        refund = a_refund(await rpc.add_customer(), amount=usd(1, 0, "EUR"))
        _, status = await failure(rpc.stub.RefundOrder(refund))
        assert reason(status) == "CURRENCY_MISMATCH"
        assert violations(status).keys() == {"amount.currency_code"}


async def test_an_amount_in_a_currency_without_decimals_has_no_nanos() -> None:
    async with serving(Currency.of("JPY")) as rpc:
        order = an_order(await rpc.add_customer(), order_total=usd(1, 500_000_000))
        _, status = await failure(rpc.stub.RecordOrder(order))
        assert violations(status) == {"order_total": "INVALID_VALUE"}


@pytest.mark.parametrize("customer", ["unknown", "another tenant's"])
async def test_an_unknown_customer_and_one_of_another_tenant_are_not_found(customer: str) -> None:
    async with serving() as rpc:
        customer_id = UNKNOWN_ID if customer == "unknown" else await rpc.add_customer("other")
        for call in (
            rpc.stub.RecordOrder(an_order(customer_id)),
            rpc.stub.RefundOrder(a_refund(customer_id)),
            rpc.stub.CancelOrder(a_cancellation(customer_id)),
        ):
            code, status = await failure(call)
            assert (code, reason(status)) == (StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")
            assert status.message == "customer not found"


async def test_the_same_order_with_another_amount_or_customer_is_a_conflict() -> None:
    async with serving() as rpc:
        customer_id, other = await rpc.add_customer(), await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        for call in (
            rpc.stub.RecordOrder(an_order(customer_id, order_total=usd(13))),
            rpc.stub.RecordOrder(an_order(other)),
            rpc.stub.RefundOrder(a_refund(other)),
            rpc.stub.CancelOrder(a_cancellation(other)),
        ):
            code, status = await failure(call)
            assert (code, reason(status)) == (StatusCode.ALREADY_EXISTS, "ORDER_CONFLICT")
        assert len(await rpc.entries(customer_id)) == 1


async def test_the_same_refund_with_another_amount_is_a_conflict() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RefundOrder(a_refund(customer_id))
        code, status = await failure(rpc.stub.RefundOrder(a_refund(customer_id, amount=usd(1))))
        assert (code, reason(status)) == (StatusCode.ALREADY_EXISTS, "REFUND_CONFLICT")


async def test_refunds_of_more_than_the_order_amount_fail() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        code, status = await failure(rpc.stub.RefundOrder(a_refund(customer_id, amount=usd(13))))
        assert code is StatusCode.FAILED_PRECONDITION
        assert reason(status) == "REFUND_EXCEEDS_ORDER"


async def test_calls_get_a_retry_delay_while_the_storage_is_unavailable() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.is_unavailable = True
        for call in (
            rpc.stub.RecordOrder(an_order(customer_id)),
            rpc.stub.RefundOrder(a_refund(customer_id)),
            rpc.stub.CancelOrder(a_cancellation(customer_id)),
        ):
            code, status = await failure(call)
            assert (code, reason(status)) == (StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
            retry = RetryInfo()
            assert any(detail.Unpack(retry) for detail in status.details)
            assert retry.retry_delay.seconds > 0
