"""Memory and PostgreSQL answer one long session with the same bytes, once ids and times are masked.

Each service has its own ids and the machine's clock, as in production.
"""

import re
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import pytest
from attrs import frozen
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import AioRpcError

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports.storage import Storage
from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrdersRequest
from tests.support.api_client import JSON, Answer, encode_body
from tests.support.api_steps import a_customer
from tests.support.builders import USD
from tests.support.grpc_service import a_cancellation, a_refund, an_order, usd
from tests.support.memory_service import MemoryService, memory_service
from tests.support.scenarios.playback import answers_of
from tests.support.scenarios.requests import UNKNOWN, Request
from tests.support.schema_check import Operation, operation_of, operations, the_document

# Its numbers depend on the process, not on the storage.
METRICS: Final = "/metrics"
HEALTH: Final = "/health"
# These need a timeout, load, long headers, a failing storage, a large tenant or authentication.
NOT_PROVOKED: Final = {
    "AUTHENTICATION_REQUIRED",
    "BATCHES_BUSY",
    "BODY_TIMEOUT",
    "HEADERS_TOO_LARGE",
    "INVALID_TOKEN",
    "PAYMENT_METHOD_LIMIT_EXCEEDED",
    "PERMISSION_DENIED",
    "SEGMENT_BUILDING",
    "SEGMENT_FAILED",
    "SEGMENT_LIMIT_EXCEEDED",
    "SHOPPER_REQUIRED",
    "STORAGE_UNAVAILABLE",
    "TENANT_BUSY",
    "TENANT_FORBIDDEN",
}
# Operations whose outcomes are provoked in tests/contract/api: keys, personal_data, verifications.
NOT_PLAYED: Final = {
    "createKey",
    "exportOwnData",
    "exportPersonalData",
    "listKeys",
    "revokeKey",
    "sendVerification",
    "verifyEmail",
}
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Times of today and later; those of the scenarios are older.
_MOMENT: Final = re.compile(r"20(?:2[6-9]|[3-8]\d)-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00)")
# Only a database has a schema.
_SCHEMA: Final = re.compile(r',"schema":\{[^}]*\}')
_CURSOR: Final = re.compile(r'(?<="nextCursor":")[\w-]+|(?<=cursor=)[\w-]+')
_KEY: Final = re.compile(r"csk_[0-9a-f_-]+")
_HEADERS: Final = (
    "Allow Cache-Control Content-Type ETag Link Location Retry-After X-Content-Type-Options".split()
)
# How many bytes of a request body a failure message shows at most.
_MAX_BODY: Final = 5_000


@frozen(kw_only=True)
class Exchange:
    """A request and its answer, both masked. The outcome is an error's code, else the status."""

    operation: str | None
    request: str
    status: int
    outcome: str
    headers: str
    body: str


class Mask:
    """Replaces ids and times by numbers, in the order in which they appear, and hides keys and the
    tenant. It also hides cursors, which are compared in `test_list_parity.py`.
    """

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._names: dict[object, str] = {}

    def mask(self, text: str) -> str:
        text = _KEY.sub("<key>", _CURSOR.sub("<cursor>", text)).replace(self._tenant, "<tenant>")
        return _MOMENT.sub(self._moment, _ID.sub(self._id, text))

    def exchange(self, request: Request, answer: Answer) -> Exchange:
        headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
        operation = operation_of(request.method, request.base + request.path)
        is_error = answer.status >= 400 and answer.body is not None
        body = (encode_body(request.body) or b"")[:_MAX_BODY].decode()
        return Exchange(
            operation=None if operation is None else operation.name,
            request=self.mask(f"{request.method} {request.path} {body}"),
            status=answer.status,
            outcome=answer.code if is_error else str(answer.status),
            headers=self.mask(str(headers)),
            body="" if request.path == METRICS else self.body(request, answer),
        )

    def body(self, request: Request, answer: Answer) -> str:
        text = answer.raw.decode()
        return self.mask(_SCHEMA.sub("", text) if request.path == HEALTH else text)

    def _id(self, match: re.Match[str]) -> str:
        return self._names.setdefault(match[0], f"<id {len(self._names)}>")

    def _moment(self, match: re.Match[str]) -> str:
        moment = datetime.fromisoformat(match[0])
        return self._names.setdefault(moment, f"<moment {len(self._names)}>")


async def play_session(storage: Storage) -> Sequence[Exchange]:
    """Plays all scenarios; returns the masked exchanges."""
    async with memory_service(storage, clock=None) as service:
        mask = Mask(service.tenant)
        return [mask.exchange(*pair) for pair in await answers_of(service.api)]


def documented(operation: Operation) -> Iterator[str]:
    """The outcomes of an operation in the OpenAPI document."""
    for status, response in operation.responses.items():
        if status < "400":
            yield status
        else:
            yield from response["content"][JSON].get("examples", {})


async def test_the_session_provokes_every_outcome_of_every_operation() -> None:
    exchanges = await play_session(MemoryStorage(currency=USD))
    outcomes = {(exchange.operation, exchange.outcome) for exchange in exchanges}
    documented_outcomes = {
        (operation.name, outcome)
        for operation in operations(the_document())
        if operation.name not in NOT_PLAYED
        for outcome in set(documented(operation)) - NOT_PROVOKED
    }
    assert len(exchanges) >= 500
    assert documented_outcomes <= outcomes, documented_outcomes - outcomes
    assert {exchange.operation for exchange in exchanges} - {None} - NOT_PLAYED == {
        name for name, _ in documented_outcomes
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_both_storages_answer_the_session_with_the_same_bytes(
    storage: PostgresStorage,
) -> None:
    expected, actual = await play_session(MemoryStorage(currency=USD)), await play_session(storage)
    for memory, postgres in zip(expected, actual, strict=True):
        # An export is in the order of ids, which differ.
        if memory.operation != "exportOwnData":
            assert postgres == memory, memory.request


async def play_rpc_session(service: MemoryService) -> Sequence[str]:
    """Plays a session of gRPC calls; returns the masked answers."""
    mask, tenant, stub = Mask(service.tenant), {"tenant_id": service.tenant}, service.stub
    customer = (await a_customer(service.api))["id"]
    date = Timestamp(seconds=1_750_000_000)
    order_fields: dict[str, Any] = {
        **tenant,
        "order_total": usd(12, 500_000_000),
        "order_date": date,
    }
    orders = [an_order(customer, f"o-{number}", **order_fields) for number in range(3)]
    unknown = an_order(UNKNOWN, **order_fields)
    calls: list[tuple[Any, Any]] = [
        *((stub.RecordOrder, order) for order in (orders[0], orders[0], unknown)),
        (stub.RecordOrder, an_order(customer, "o-0", **{**order_fields, "order_total": usd(13)})),
        *[(stub.RefundOrder, a_refund(customer, "o-0", amount=usd(5), **tenant))] * 2,
        (stub.RefundOrder, a_refund(customer, "o-0", refund_id="r-2", amount=usd(9), **tenant)),
        *[(stub.CancelOrder, a_cancellation(customer, "o-0", **tenant))] * 2,
        (stub.CancelOrder, a_cancellation("no id", "o-0", **tenant)),
        (stub.RecordOrders, RecordOrdersRequest(orders=[*orders, unknown])),
    ]
    return [mask.mask(await _outcome(call(request))) for call, request in calls]


async def _outcome(call: Awaitable[Message]) -> str:
    try:
        return str(await call)
    except AioRpcError as error:
        return f"{error.code()} {error.details()}"


@pytest.mark.asyncio(loop_scope="session")
async def test_both_storages_answer_the_same_over_grpc(storage: PostgresStorage) -> None:
    async with memory_service(MemoryStorage(currency=USD), clock=None) as memory:
        expected = await play_rpc_session(memory)
    async with memory_service(storage, clock=None) as postgres:
        assert await play_rpc_session(postgres) == expected
    assert len(set(expected)) > 5
