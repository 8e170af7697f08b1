"""The interceptor: request ids, log lines, metrics, and unexpected exceptions of calls."""

import asyncio
import gc
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from customers.entrypoints.observability.logs import configure
from tests.support.grpc_service import Rpc, a_cancellation, an_order, failure, reason, serving
from tests.support.log_stream import log_stream
from tests.support.patience import DEADLINE_SECONDS

RECORD = "customers.v1.CustomersService/RecordOrder"


@pytest.fixture
def lines() -> Iterator[StringIO]:
    with log_stream() as stream:
        configure("info", as_json=True, stream=stream)
        yield stream


def parse(lines: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


async def returned_id(rpc: Rpc, *metadata: tuple[str, str]) -> str:
    """The request id that a call with this metadata returns."""
    customer_id = await rpc.add_customer()
    call = rpc.stub.CancelOrder(a_cancellation(customer_id, customer_id), metadata=metadata)
    await call
    return str(dict(await call.trailing_metadata())["x-request-id"])


@pytest.mark.parametrize("request_id", ["abc 123", "~" * 128])
async def test_the_request_id_of_the_caller_is_returned(request_id: str) -> None:
    async with serving() as rpc:
        assert await returned_id(rpc, ("x-request-id", request_id)) == request_id


@pytest.mark.parametrize("request_id", ["", "~" * 129])
async def test_an_empty_or_too_long_request_id_is_replaced(request_id: str) -> None:
    async with serving() as rpc:
        assert UUID(await returned_id(rpc, ("x-request-id", request_id))).version == 4


async def test_a_call_without_a_request_id_gets_a_new_one() -> None:
    async with serving() as rpc:
        assert UUID(await returned_id(rpc)) != UUID(await returned_id(rpc))


async def test_a_failed_call_returns_its_request_id_and_the_details() -> None:
    async with serving() as rpc:
        with pytest.raises(AioRpcError) as failed:
            await rpc.stub.RecordOrder(an_order(""), metadata=(("x-request-id", "mine"),))
        trailing = dict(failed.value.trailing_metadata() or ())
        assert trailing["x-request-id"] == "mine"
        assert "grpc-status-details-bin" in trailing


async def test_a_call_logs_one_line_with_its_request_id_and_no_values_of_the_request(
    lines: StringIO,
) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        order = an_order(customer_id, "order-of-ann", order_number="ann@example.test")
        await rpc.stub.RecordOrder(order, metadata=(("x-request-id", "mine"),))
    (line,) = parse(lines)
    assert line.keys() == {
        "timestamp", "level", "event", "method", "code", "duration_ms", "request_id",
    }  # fmt: skip
    assert (line["event"], line["method"], line["code"]) == ("call", RECORD, "OK")
    assert (line["level"], line["request_id"]) == ("info", "mine")


async def test_health_checks_are_logged_at_debug(lines: StringIO) -> None:
    configure("debug", as_json=True, stream=lines)
    async with serving() as rpc:
        check = HealthStub(rpc.channel).Check  # type: ignore[attr-defined]
        await check(HealthCheckRequest())
    called = [line for line in parse(lines) if line["event"] == "call"]
    assert [(line["level"], line["method"]) for line in called] == [
        ("debug", "grpc.health.v1.Health/Check")
    ]


async def test_calls_are_counted_by_method_and_code() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        for _ in range(2):
            await failure(rpc.stub.RecordOrder(an_order("")))
        await rpc.wait_until_idle()
        for code, calls in (("OK", 1), ("INVALID_ARGUMENT", 2)):
            labels = f'code="{code}",method="{RECORD}"'
            assert rpc.sample(f"customers_grpc_requests_total{{{labels}}}") == calls


async def test_a_cancelled_call_is_counted_as_cancelled() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        call = rpc.stub.RecordOrder(an_order(customer_id))
        await rpc.storage.order_arrived.wait()
        call.cancel()
        await rpc.wait_until_idle()
        labels = f'code="CANCELLED",method="{RECORD}"'
        assert rpc.sample(f"customers_grpc_requests_total{{{labels}}}") == 1


async def test_an_unknown_method_is_counted_as_other(lines: StringIO) -> None:
    async with serving() as rpc:
        unknown: Any = rpc.channel.unary_unary("/customers.v1.CustomersService/Ann")
        code, _ = await failure(unknown(b""))
        assert code is StatusCode.UNIMPLEMENTED
        labels = 'code="UNIMPLEMENTED",method="OTHER"'
        assert rpc.sample(f"customers_grpc_requests_total{{{labels}}}") == 1
    assert "Ann" not in lines.getvalue()


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x02\xc3\x28"], ids=["no message", "no UTF-8"])
async def test_bytes_that_are_no_message_are_an_invalid_argument(
    raw: bytes, lines: StringIO
) -> None:
    async with serving() as rpc:
        record: Any = rpc.channel.unary_unary(f"/{RECORD}")
        code, status = await failure(record(raw))
        assert code is StatusCode.INVALID_ARGUMENT
        assert reason(status) == "MALFORMED_MESSAGE"
    assert [line["code"] for line in parse(lines)] == ["INVALID_ARGUMENT"]


async def test_an_unexpected_exception_is_logged_and_its_message_is_not_returned(
    lines: StringIO,
) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.is_broken = True
        code, status = await failure(rpc.stub.RecordOrder(an_order(customer_id)))
        assert code is StatusCode.INTERNAL
        assert status.message == "internal error; it has been logged"
        assert not status.details
    error, call = parse(lines)
    assert error["exception"]["type"] == "ZeroDivisionError"
    assert (call["level"], call["code"]) == ("error", "INTERNAL")
    assert "secret" not in lines.getvalue()


async def test_an_unexpected_exception_after_a_disconnect_is_logged(lines: StringIO) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        await failure(rpc.stub.RecordOrder(an_order(customer_id), timeout=DEADLINE_SECONDS))
        await rpc.wait_until_idle()
        rpc.storage.is_broken = True
        rpc.storage.gate.set()
        await rpc.server.stop(5)
    _, error = parse(lines)
    assert error["event"] == "unhandled exception after client disconnect"
    assert error["level"] == "error"
    assert error["exception"]["type"] == "ZeroDivisionError"


async def test_an_expected_error_after_a_disconnect_is_not_logged(lines: StringIO) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        await failure(rpc.stub.RecordOrder(an_order(customer_id), timeout=DEADLINE_SECONDS))
        await rpc.wait_until_idle()
        rpc.storage.is_unavailable = True
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        gc.collect()
    assert [line["event"] for line in parse(lines)] == ["call"]


async def test_a_message_of_more_than_four_mebibytes_is_rejected() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        order = an_order(customer_id, order_number="n" * 5_000)
        too_large = RecordOrdersRequest(orders=[order] * 900)
        code, _ = await failure(rpc.stub.RecordOrders(too_large))
        assert code is StatusCode.RESOURCE_EXHAUSTED
        assert await rpc.entries(customer_id) == []


async def test_two_thousand_concurrent_calls_are_all_answered() -> None:
    async with serving() as rpc:
        calls = [failure(rpc.stub.RecordOrder(an_order(""))) for _ in range(2_000)]
        codes = {code for code, _ in await asyncio.gather(*calls)}
        assert codes == {StatusCode.INVALID_ARGUMENT}
