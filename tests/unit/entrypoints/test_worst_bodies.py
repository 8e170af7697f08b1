"""No known request, except those about rules, holds up the others or gets an unbounded answer.

`tests/support/worst_requests.py` has the requests. How long they take is measured by
`python -m benchmarks.worst_bodies`; here their work is counted: the calls of functions between two
turns of the event loop, which does not depend on the machine.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.http.answer_size import MAX_ANSWER_BYTES
from customers.entrypoints.http.routes import Route
from tests.support.api_client import Api, serving
from tests.support.api_steps import (
    a_communication,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_order,
    customer_path,
    id_of,
)
from tests.support.builders import USD, a_tenant
from tests.support.worst_requests import SHOPPER, routes, worst_requests_of

# They take some fifty milliseconds.
MAX_CALLS: Final = 500_000
HEADERS_ROOM: Final = 64 * 1024


class Turns:
    """Counts the calls of functions in each turn of the event loop."""

    def __init__(self) -> None:
        self._calls = self.longest = 0

    def count(self, _: FrameType, event: str, __: Any) -> None:
        if event in ("call", "c_call"):
            self._calls += 1

    async def follow(self) -> None:
        while True:
            self.longest, self._calls = max(self.longest, self._calls), 0
            await asyncio.sleep(0)


@contextmanager
def counted_turns() -> Iterator[Turns]:
    turns = Turns()
    following = asyncio.get_running_loop().create_task(turns.follow())
    sys.setprofile(turns.count)
    try:
        yield turns
    finally:
        sys.setprofile(None)
        following.cancel()


async def ids_of_everything(api: Api) -> Mapping[str, str]:
    customer = await customer_path(api, userId=SHOPPER)
    await an_order(api, customer, "o-1", 1)
    return {
        "customerId": id_of(customer),
        "shopperId": SHOPPER,
        "orderId": "o-1",
        "segmentId": (await a_segment(api))["id"],
        "addressId": (await an_address(api, customer))["id"],
        "methodId": (await a_method(api, customer))["id"],
        "noteId": (await a_note(api, customer))["id"],
        "communicationId": (await a_communication(api, customer))["id"],
        "keyId": (await api.post("/keys", {"permissions": ["*"]})).body["id"],
    }


async def exchange(api: Api, data: bytes) -> tuple[bytes, int]:
    """The whole answer, and the most calls of functions in a turn of the loop."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    with counted_turns() as turns:
        writer.write(data)
        try:
            answer = await reader.read()
        finally:
            writer.transport.abort()
    return answer, turns.longest


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(MemoryStorage(currency=USD), tenant=a_tenant()) as api:
        yield api


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.operation)
async def test_the_worst_requests_are_answered_and_hold_nobody_up(api: Api, route: Route) -> None:
    ids, requests = await ids_of_everything(api), list(worst_requests_of(route))
    assert len(requests) > 25
    for request in (request for request in requests if not request.is_about_rules):
        answer, calls = await exchange(api, request.as_bytes(api.tenant, ids))
        assert 200 <= int(answer[9:12]) < 500, (request.name, answer[:200])
        assert len(answer) < MAX_ANSWER_BYTES + HEADERS_ROOM, request.name
        assert calls < MAX_CALLS, (request.name, calls)
