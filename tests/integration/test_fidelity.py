"""Memory and PostgreSQL answer one long session with the same bytes, once ids and times are masked.

Each service has ids of its own and the machine's clock, as a consumer's service has.
"""

import re
from base64 import urlsafe_b64decode
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
from tests.contract.api.steps import a_customer
from tests.support.api_client import JSON, Answer, encode_body
from tests.support.builders import USD
from tests.support.memory_service import Bench, benched
from tests.support.scenarios.playback import answers_of
from tests.support.scenarios.requests import UNKNOWN, Request
from tests.support.schema_check import Operation, operation_of, operations, the_document
from tests.unit.entrypoints.grpc_service import a_cancellation, a_refund, an_order, usd

# Its numbers are of a process, not of a storage.
METRICS: Final = "/metrics"
# What takes too long, a storage that is away, or a tenant of many thousands.
NOT_ASKED_FOR: Final = {"BODY_TIMEOUT", "STORAGE_UNAVAILABLE", "SEGMENT_BUILDING"}
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Those of today and later; the session's own facts are older.
_MOMENT: Final = re.compile(r"20(?:2[6-9]|[3-8]\d)-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00)")
_CURSOR: Final = re.compile(r'(?<="nextCursor":")[\w-]+|(?<=cursor=)[\w-]+')
_DIGEST_BYTES: Final = 12
_HEADERS: Final = (
    "Allow Cache-Control Content-Type ETag Link Location Retry-After X-Content-Type-Options".split()
)
# Of a body that is shown.
_LONGEST: Final = 5_000


@frozen(kw_only=True)
class Played:
    """A request and its answer, both masked. The outcome is an error's code, else the status."""

    operation: str | None
    request: str
    status: int
    outcome: str
    headers: str
    body: str


class Mask:
    """Hides what differs from service to service: ids and moments by the order in which they come
    up, cursors by what they hold.
    """

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._known: dict[object, str] = {}

    def masked(self, text: str) -> str:
        text = _CURSOR.sub(self._opened, text).replace(self._tenant, "<tenant>")
        return _MOMENT.sub(self._moment, _ID.sub(self._id, text))

    def played(self, request: Request, answer: Answer) -> Played:
        told = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
        operation = operation_of(request.method, request.base + request.path)
        is_error = answer.status >= 400 and answer.body is not None
        body = (encode_body(request.body) or b"")[:_LONGEST].decode()
        return Played(
            operation=None if operation is None else operation.name,
            request=self.masked(f"{request.method} {request.path} {body}"),
            status=answer.status,
            outcome=answer.code if is_error else str(answer.status),
            headers=self.masked(str(told)),
            body="" if request.path == METRICS else self.masked(answer.raw.decode()),
        )

    def _id(self, found: re.Match[str]) -> str:
        return self._known.setdefault(found[0], f"<id {len(self._known)}>")

    def _moment(self, found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0])
        return self._known.setdefault(moment, f"<moment {len(self._known)}>")

    @staticmethod
    def _opened(found: re.Match[str]) -> str:
        sealed = urlsafe_b64decode(found[0] + "=" * (-len(found[0]) % 4))
        return f"<cursor at {sealed[_DIGEST_BYTES:].decode()}>"


async def played(storage: Storage) -> Sequence[Played]:
    """The whole session, masked."""
    async with benched(storage, clock=None) as bench:
        mask = Mask(bench.tenant)
        return [mask.played(*exchange) for exchange in await answers_of(bench.api)]


def documented(operation: Operation) -> Iterator[str]:
    """The outcomes that the document tells of an operation."""
    for status, response in operation.responses.items():
        if status < "400":
            yield status
        else:
            yield from response["content"][JSON].get("examples", {})


async def test_the_session_is_long_and_meets_every_outcome_of_every_operation() -> None:
    found = await played(MemoryStorage(currency=USD))
    seen = {(exchange.operation, exchange.outcome) for exchange in found}
    told = {
        (operation.name, outcome)
        for operation in operations(the_document())
        for outcome in set(documented(operation)) - NOT_ASKED_FOR
    }
    assert len(found) >= 500
    assert told <= seen, told - seen
    assert {exchange.operation for exchange in found} - {None} == {name for name, _ in told}


@pytest.mark.asyncio(loop_scope="session")
async def test_both_storages_answer_it_with_the_same_bytes(storage: PostgresStorage) -> None:
    expected, seen = await played(MemoryStorage(currency=USD)), await played(storage)
    for memory, postgres in zip(expected, seen, strict=True):
        assert postgres == memory, memory.request


async def told_by_rpc(bench: Bench) -> Sequence[str]:
    """What a session of gRPC calls is answered, masked."""
    mask, tenant, stub = Mask(bench.tenant), {"tenant_id": bench.tenant}, bench.stub
    customer = (await a_customer(bench.api))["id"]
    date = Timestamp(seconds=1_750_000_000)
    told: dict[str, Any] = {**tenant, "order_total": usd(12, 500_000_000), "order_date": date}
    orders = [an_order(customer, f"o-{number}", **told) for number in range(3)]
    unknown = an_order(UNKNOWN, **told)
    calls: list[tuple[Any, Any]] = [
        *((stub.RecordOrder, order) for order in (orders[0], orders[0], unknown)),
        (stub.RecordOrder, an_order(customer, "o-0", **{**told, "order_total": usd(13)})),
        *[(stub.RefundOrder, a_refund(customer, "o-0", amount=usd(5), **tenant))] * 2,
        (stub.RefundOrder, a_refund(customer, "o-0", refund_id="r-2", amount=usd(9), **tenant)),
        *[(stub.CancelOrder, a_cancellation(customer, "o-0", **tenant))] * 2,
        (stub.CancelOrder, a_cancellation("no id", "o-0", **tenant)),
        (stub.RecordOrders, RecordOrdersRequest(orders=[*orders, unknown])),
    ]
    return [mask.masked(await _outcome(call(request))) for call, request in calls]


async def _outcome(call: Awaitable[Message]) -> str:
    try:
        return str(await call)
    except AioRpcError as error:
        return f"{error.code()} {error.details()}"


@pytest.mark.asyncio(loop_scope="session")
async def test_both_storages_answer_the_same_over_grpc(storage: PostgresStorage) -> None:
    async with benched(MemoryStorage(currency=USD), clock=None) as memory:
        expected = await told_by_rpc(memory)
    async with benched(storage, clock=None) as postgres:
        assert await told_by_rpc(postgres) == expected
    assert len(set(expected)) > 5
