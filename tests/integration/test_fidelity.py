"""Memory and PostgreSQL answer one long session with the same bytes, once ids and times are masked.

Each service has ids of its own and the machine's clock, as a consumer's service has.
"""

import re
from collections.abc import Awaitable, Sequence
from typing import Any, Final

import pytest
from attrs import frozen
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import AioRpcError

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports import Storage
from customers.entrypoints.rpc.generated.customers_pb2 import RecordOrdersRequest
from tests.api import Answer, Api
from tests.benches import Bench, benched
from tests.builders import USD
from tests.contract.api.steps import a_customer
from tests.described import operation_of, operations, the_document
from tests.session.asking import UNKNOWN, Request
from tests.session.playing import answers_of
from tests.unit.entrypoints.rpc_service import a_cancellation, a_refund, an_order, usd

# Its numbers are of a process, not of a storage.
METRICS: Final = "/metrics"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Those of today; the session's own facts are older.
_NOW: Final = re.compile(r"20(?:2[6-9]|[3-8]\d)-\d\d-\d\dT[0-9:.]+Z")
_CURSOR: Final = re.compile(r'(?<="nextCursor":)"[^"]+"|(?<=cursor=)[^>&"]+')
_HEADERS: Final = ("Content-Type", "Allow", "Retry-After", "ETag", "Cache-Control", "Location")


@frozen(kw_only=True)
class Played:
    """A request and its answer, both masked."""

    request: str
    status: int
    headers: str
    body: str


class Mask:
    """Hides what differs from service to service: ids by the order in which they come up."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._ids: dict[str, str] = {}

    def masked(self, text: str) -> str:
        text = _CURSOR.sub("<cursor>", text).replace(self._tenant, "<tenant>")
        return _NOW.sub("<now>", _ID.sub(self._number, text))

    def _number(self, found: re.Match[str]) -> str:
        return self._ids.setdefault(found[0], f"<id {len(self._ids) + 1}>")

    def played(self, request: Request, answer: Answer) -> Played:
        told = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
        links = re.findall(r'rel="(\w+)"', answer.headers.get("Link", ""))
        return Played(
            request=self.masked(f"{request.method} {request.path} {request.body}"),
            status=answer.status,
            headers=self.masked(f"{told} {links}"),
            body="" if request.path == METRICS else self.masked(answer.raw.decode()),
        )


async def played(api: Api) -> tuple[Sequence[Played], set[str]]:
    """The whole session, masked, and the names of the operations that it has touched."""
    mask, answers = Mask(api.tenant), await answers_of(api)
    touched = [operation_of(each.method, each.base + each.path) for each, _ in answers]
    found = [mask.played(request, answer) for request, answer in answers]
    return found, {each.name for each in touched if each is not None}


async def played_on(storage: Storage) -> tuple[Sequence[Played], set[str]]:
    async with benched(storage, clock=None) as bench:
        return await played(bench.api)


async def test_the_session_is_long_and_touches_every_operation() -> None:
    found, touched = await played_on(MemoryStorage(currency=USD))
    names = {each.name for each in operations(the_document())}
    assert len(found) >= 500
    assert touched == names
    assert {each.status for each in found} >= {200, 201, 304, 400, 404, 405, 409, 412, 415}


@pytest.mark.asyncio(loop_scope="session")
async def test_both_storages_answer_it_with_the_same_bytes(storage: PostgresStorage) -> None:
    expected, _ = await played_on(MemoryStorage(currency=USD))
    seen, _ = await played_on(storage)
    for memory, postgres in zip(expected, seen, strict=True):
        assert postgres == memory


async def told_by_rpc(bench: Bench) -> Sequence[str]:
    """What a session of gRPC calls is answered, masked."""
    mask, tenant, stub = Mask(bench.tenant), {"tenant_id": bench.tenant}, bench.stub
    customer = (await a_customer(bench.api))["id"]
    date = Timestamp(seconds=1_750_000_000)
    told: dict[str, Any] = {**tenant, "order_total": usd(12, 500_000_000), "order_date": date}
    orders = [an_order(customer, f"o-{each}", **told) for each in range(3)]
    unknown = an_order(UNKNOWN, **told)
    calls: list[tuple[Any, Any]] = [
        *((stub.RecordOrder, each) for each in (orders[0], orders[0], unknown)),
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
