"""What surrounds every gRPC call: its id, its line in the log, its count, and its defects."""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from customers.entrypoints.observability.logs import configure
from tests.support.patience import DEADLINE_SECONDS
from tests.unit.entrypoints.grpc_service import (
    Rpc,
    a_cancellation,
    an_order,
    reason,
    refusal,
    serving,
)

RECORD = "customers.v1.CustomersService/RecordOrder"


@pytest.fixture
def lines() -> Iterator[StringIO]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    stream = StringIO()
    configure("info", as_json=True, stream=stream)
    yield stream
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(False)


def read(lines: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


async def id_of_call(rpc: Rpc, *told: tuple[str, str]) -> str:
    """The id that comes back with a call that told these metadata."""
    customer_id = await rpc.add_customer()
    call = rpc.stub.CancelOrder(a_cancellation(customer_id, customer_id), metadata=told)
    await call
    return str(dict(await call.trailing_metadata())["x-request-id"])


@pytest.mark.parametrize("given", ["abc 123", "~" * 128])
async def test_the_callers_id_of_a_call_comes_back(given: str) -> None:
    async with serving() as rpc:
        assert await id_of_call(rpc, ("x-request-id", given)) == given


@pytest.mark.parametrize("given", ["", "~" * 129])
async def test_an_id_that_is_empty_or_too_long_is_replaced(given: str) -> None:
    async with serving() as rpc:
        assert UUID(await id_of_call(rpc, ("x-request-id", given))).version == 4


async def test_a_call_without_an_id_is_given_one_of_its_own() -> None:
    async with serving() as rpc:
        assert UUID(await id_of_call(rpc)) != UUID(await id_of_call(rpc))


async def test_a_refused_call_has_its_id_beside_the_details() -> None:
    async with serving() as rpc:
        with pytest.raises(AioRpcError) as refused:
            await rpc.stub.RecordOrder(an_order(""), metadata=(("x-request-id", "mine"),))
        trailing = dict(refused.value.trailing_metadata() or ())
        assert trailing["x-request-id"] == "mine"
        assert "grpc-status-details-bin" in trailing


async def test_a_call_writes_one_line_with_its_id_and_nothing_of_what_it_told(
    lines: StringIO,
) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        order = an_order(customer_id, "order-of-ann", order_number="ann@example.test")
        await rpc.stub.RecordOrder(order, metadata=(("x-request-id", "mine"),))
    (line,) = read(lines)
    assert line.keys() == {
        "timestamp", "level", "event", "method", "code", "duration_ms", "request_id",
    }  # fmt: skip
    assert (line["event"], line["method"], line["code"]) == ("call", RECORD, "OK")
    assert (line["level"], line["request_id"]) == ("info", "mine")


async def test_calls_are_counted_by_method_and_code() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        await rpc.stub.RecordOrder(an_order(customer_id))
        for _ in range(2):
            await refusal(rpc.stub.RecordOrder(an_order("")))
        await rpc.all_left()
        for code, calls in (("OK", 1), ("INVALID_ARGUMENT", 2)):
            labels = f'code="{code}",method="{RECORD}"'
            assert rpc.counted(f"customers_grpc_requests_total{{{labels}}}") == calls


async def test_a_call_that_its_caller_left_is_counted_as_that() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        call = rpc.stub.RecordOrder(an_order(customer_id))
        await rpc.storage.came.wait()
        call.cancel()
        await rpc.all_left()
        labels = f'code="CANCELLED",method="{RECORD}"'
        assert rpc.counted(f"customers_grpc_requests_total{{{labels}}}") == 1


async def test_an_unknown_method_is_counted_without_its_name(lines: StringIO) -> None:
    async with serving() as rpc:
        unknown: Any = rpc.channel.unary_unary("/customers.v1.CustomersService/Ann")
        code, _ = await refusal(unknown(b""))
        assert code is StatusCode.UNIMPLEMENTED
        labels = 'code="UNIMPLEMENTED",method="OTHER"'
        assert rpc.counted(f"customers_grpc_requests_total{{{labels}}}") == 1
    assert "Ann" not in lines.getvalue()


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x02\xc3\x28"], ids=["no message", "no text"])
async def test_bytes_that_are_no_message_are_bad_input(raw: bytes, lines: StringIO) -> None:
    async with serving() as rpc:
        record: Any = rpc.channel.unary_unary(f"/{RECORD}")
        code, status = await refusal(record(raw))
        assert code is StatusCode.INVALID_ARGUMENT
        assert reason(status) == "MALFORMED_MESSAGE"
    assert [line["code"] for line in read(lines)] == ["INVALID_ARGUMENT"]


async def test_a_defect_is_logged_and_shows_none_of_its_words(lines: StringIO) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.is_broken = True
        code, status = await refusal(rpc.stub.RecordOrder(an_order(customer_id)))
        assert code is StatusCode.INTERNAL
        assert status.message == "the service has a defect; it has been logged"
        assert not status.details
    defect, call = read(lines)
    assert defect["exception"]["type"] == "ZeroDivisionError"
    assert (call["level"], call["code"]) == ("error", "INTERNAL")
    assert "secret" not in lines.getvalue()


async def test_a_defect_met_after_the_caller_has_left_is_logged(lines: StringIO) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        await refusal(rpc.stub.RecordOrder(an_order(customer_id), timeout=DEADLINE_SECONDS))
        await rpc.all_left()
        rpc.storage.is_broken = True
        rpc.storage.gate.set()
        await rpc.server.stop(5)
    _, defect = read(lines)
    assert defect["event"] == "a call that its caller had left met a defect"
    assert defect["level"] == "error"
    assert defect["exception"]["type"] == "ZeroDivisionError"


async def test_a_refusal_met_after_the_caller_has_left_is_nobodys(lines: StringIO) -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        rpc.storage.gate.clear()
        await refusal(rpc.stub.RecordOrder(an_order(customer_id), timeout=DEADLINE_SECONDS))
        await rpc.all_left()
        rpc.storage.is_away = True
        rpc.storage.gate.set()
        await rpc.server.stop(5)
        gc.collect()
    assert [line["event"] for line in read(lines)] == ["call"]


async def test_a_message_of_more_than_four_mebibytes_is_refused() -> None:
    async with serving() as rpc:
        customer_id = await rpc.add_customer()
        order = an_order(customer_id, order_number="n" * 5_000)
        too_much = RecordOrdersRequest(orders=[order] * 900)
        code, _ = await refusal(rpc.stub.RecordOrders(too_much))
        assert code is StatusCode.RESOURCE_EXHAUSTED
        assert await rpc.entries(customer_id) == []


async def test_two_thousand_calls_at_once_are_all_answered() -> None:
    async with serving() as rpc:
        calls = [refusal(rpc.stub.RecordOrder(an_order(""))) for _ in range(2_000)]
        codes = {code for code, _ in await asyncio.gather(*calls)}
        assert codes == {StatusCode.INVALID_ARGUMENT}
