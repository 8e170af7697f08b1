"""Connections: how many there may be, how long their callers may take, and how they end."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.http import body, connections, protocol
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.observability.logs import configure
from tests.support.api_client import BASE, Api, serving
from tests.support.api_steps import COMMUNICATION, an_unknown_id, customer_path, new_customer
from tests.support.builders import USD, a_tenant
from tests.support.patience import PATIENCE_SECONDS

SOON = 0.05
LIVE = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 1024 * 1024


class Caller:
    """One connection to a port of the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, Any]]:
        """The status and the body of the next answer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            raw = await self._reader.readexactly(length)
        return int(head[9:12]), json.loads(raw)

    async def status(self) -> int:
        """The status of the next head; a body is left unread."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return int((await self._reader.readuntil(b"\r\n\r\n"))[9:12])

    async def end(self) -> bytes:
        """The bytes that arrive until the service closes the connection; none if it is reset."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    def leave(self) -> None:
        self.writer.transport.abort()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(MemoryStorage(currency=USD), tenant=a_tenant()) as api:
        yield api


Call = Callable[[int], Awaitable[Caller]]


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    """Opens a connection to a port; all of them are closed after the test."""
    callers: list[Caller] = []

    async def at(port: int) -> Caller:
        callers.append(Caller(*await asyncio.open_connection("127.0.0.1", port)))
        return callers[-1]

    yield at
    for caller in callers:
        caller.leave()
        with suppress(ConnectionError):
            await caller.writer.wait_closed()


@pytest.fixture
def log() -> StringIO:
    stream = StringIO()
    configure("info", as_json=True, stream=stream)
    return stream


@asynccontextmanager
async def limited(**settings: Any) -> AsyncIterator[tuple[Container, int]]:
    """Serves in memory with these settings; yields the container of its parts, and its port."""
    container = Container(
        settings=Settings(storage="memory", data_dir=Path("unused"), **settings), dsn=""
    )
    server = HttpServer(container.app(), seconds_to_end=1, connections=container.connections())
    port = await server.start("127.0.0.1", 0)
    try:
        yield container, port
    finally:
        await server.end()


def head(api: Api, path: str, length: int, *lines: str) -> bytes:
    """The head of a POST with a JSON body of that length."""
    return head_of(api.tenant, path, length, *lines)


def head_of(tenant: str, path: str, length: int, *lines: str) -> bytes:
    known = [f"POST {BASE}{path} HTTP/1.1", "Host: x", f"X-Tenant-ID: {tenant}"]
    known += ["Content-Type: application/json", f"Content-Length: {length}", *lines]
    return "\r\n".join([*known, "", ""]).encode()


async def metric(api: Api, name: str) -> float:
    text = (await api.send("GET", "/metrics", base="")).raw.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


async def send_for_ever(caller: Caller) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await caller.send(b"\0" * MIB)


async def until(api: Api, name: str, value: float) -> None:
    """Returns when the metric has reached the value."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await metric(api, name) < value:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(SOON)


async def test_a_head_that_does_not_arrive_is_answered_408(
    call: Call, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    caller = await call(api.port)
    await caller.send(LIVE)
    assert (await caller.answer())[0] == 200
    await caller.send(LIVE[:20])
    status, answer = await caller.answer()
    assert (status, answer["code"]) == (408, "REQUEST_TIMEOUT")
    assert await caller.end() == b""


async def test_a_head_that_is_too_slow_or_too_long_is_counted(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    async with limited() as (container, port):
        for sent in (LIVE[:20], LIVE.replace(b"Host: x", b"Host: " + b"x" * 17_000)):
            await (caller := await call(port)).send(sent)
            assert (await caller.answer())[0] in {408, 431}
        page = container.metrics().render()[0]
    for kind in ("head_timeout", "headers_too_large"):
        assert f'customers_refusals_total{{kind="{kind}"}} 1.0'.encode() in page


@pytest.mark.parametrize("name", ["h2c", "websocket"])
@pytest.mark.parametrize(
    "start", [LIVE, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"]
)
async def test_a_request_for_another_protocol_is_the_last_one(
    call: Call, api: Api, name: str, start: bytes
) -> None:
    asks = f"Host: x\r\nConnection: Upgrade\r\nUpgrade: {name}".encode()
    request = start.replace(b"Host: x", asks)
    between = b"P" * (protocol.PIECE_BYTES - len(request))
    for follows in (b"", LIVE, between + LIVE, 1_000 * LIVE):
        caller = await call(api.port)
        await caller.send(request + follows)
        assert (await caller.answer())[0] == (200 if start is LIVE else 405)
        assert await caller.end() == b""


async def test_a_head_in_pieces_and_a_long_answer_are_no_reason_for_408(
    call: Call, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await call(api.port)
    await caller.send(LIVE[:20])
    await asyncio.sleep(SOON)
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    for data in (LIVE[20:], LIVE + LIVE):
        await caller.send(data)
        await asyncio.sleep(3 * SOON)
    assert [(await caller.answer())[0] for _ in range(3)] == [200, 200, 200]


async def test_a_body_that_does_not_arrive_is_answered_408(
    call: Call, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", SOON)
    caller = await call(api.port)
    await caller.send(head(api, "/customers", 100) + b'{"email":')
    status, answer = await caller.answer()
    assert (status, answer["code"]) == (408, "BODY_TIMEOUT")
    assert "seconds" in answer["message"]
    assert await caller.end() == b""
    assert await metric(api, 'customers_refusals_total{kind="body_timeout"}') == 1


async def test_a_silent_connection_is_closed(
    call: Call, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "IDLE_SECONDS", SOON)
    silent, caller = await call(api.port), await call(api.port)
    await caller.send(LIVE)
    assert (await caller.answer())[0] == 200
    assert await caller.end() == await silent.end() == b""


async def test_an_answer_that_nobody_reads_is_given_up(
    call: Call, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "ANSWER_SECONDS", SOON)
    customer = await customer_path(api)
    for number in range(40):
        content = {"externalId": str(number), "content": "x" * 100_000}
        assert (await api.post(f"{customer}/communications", COMMUNICATION | content)).status == 201
    caller = await call(api.port)
    caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
    lines = (f"GET {BASE}{customer}/communications HTTP/1.1", f"X-Tenant-ID: {api.tenant}")
    await caller.send("\r\n".join([*lines, "Host: x", "", ""]).encode() * 5)
    sample = 'customers_http_requests_total{method="GET",route="/api/v1/customers/{customerId}/c'
    await until(api, sample, 1)
    await asyncio.sleep(10 * SOON)
    caller.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert (await caller.end()).count(b"HTTP/1.1 200") < 5


@pytest.mark.parametrize(
    ("lines", "length", "error"),
    [
        ((), 100 * MIB, (413, "BODY_TOO_LARGE")),
        (("Content-Encoding: gzip",), 100 * MIB, (415, "UNSUPPORTED_MEDIA_TYPE")),
    ],
)
async def test_a_refused_body_is_not_read_and_its_connection_is_closed(
    call: Call, api: Api, lines: tuple[str, ...], length: int, error: tuple[int, str]
) -> None:
    caller = await call(api.port)
    caller.writer.write(head(api, "/customers", length, *lines))
    caller.writer.write(gzip.compress(b"\0" * MIB))
    status, answer = await caller.answer()
    assert (status, answer["code"]) == error
    assert await caller.end() == b""
    with pytest.raises(ConnectionError):
        await send_for_ever(caller)


@pytest.mark.parametrize(("length", "statuses"), [(100 * MIB, [413]), (2, [100, 400])])
async def test_a_body_that_will_be_refused_is_not_asked_for(
    call: Call, api: Api, length: int, statuses: list[int]
) -> None:
    caller = await call(api.port)
    await caller.send(head(api, "/customers", length, "Expect: 100-continue"))
    await caller.send(b"{}" if length == 2 else b"")
    assert [await caller.status() for _ in statuses] == statuses


def chunked_head(api: Api, path: str = "/customers") -> bytes:
    """The head of a POST with a JSON body in chunks."""
    return head(api, path, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")


def in_chunks(data: bytes, size: int, extension: bytes = b"") -> bytes:
    parts = (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)


@pytest.mark.parametrize(
    "chunks",
    [
        in_chunks(b" " * MIB, 0x10000),
        in_chunks(b" " * 20_000, 1),
        in_chunks(b" " * 100, 1, b";" + b"a" * 1_000),
        b"1;" + b"a" * MIB,
        in_chunks(b" " * 200_000, 200_000) + in_chunks(b" " * 20_000, 1),
    ],
    ids=["large", "chunks of a byte", "extensions", "an endless extension", "large, then small"],
)
async def test_a_body_without_a_length_is_refused_when_it_gets_too_large(
    call: Call, api: Api, chunks: bytes
) -> None:
    caller = await call(api.port)
    await caller.send(chunked_head(api))
    caller.writer.write(chunks)
    status, answer = await caller.answer()
    assert (status, answer["code"]) == (413, "BODY_TOO_LARGE")
    assert await caller.end() == b""
    assert await metric(api, 'customers_refusals_total{kind="body_too_large"}') == 1


@pytest.mark.parametrize(("size", "chunk"), [(2_000, 1), (MIB - 1_000, 256)])
async def test_a_body_in_small_chunks_is_read(call: Call, api: Api, size: int, chunk: int) -> None:
    path = f"{await customer_path(api)}/communications"
    data = json.dumps(COMMUNICATION | {"content": "x"}).encode() + b" " * size
    whole = chunked_head(api, path) + in_chunks(data, chunk) + b"0\r\n\r\n"
    caller = await call(api.port)
    await caller.send(whole + whole)
    assert [(await caller.answer())[0] for _ in range(2)] == [201, 201]


@pytest.mark.parametrize("sent", [b"", b'{"email"'])
async def test_a_caller_who_leaves_in_a_body_is_a_quiet_499(
    call: Call, api: Api, log: StringIO, sent: bytes
) -> None:
    caller = await call(api.port)
    await caller.send(head(api, "/customers", 100) + sent)
    await until(api, "customers_http_requests_in_flight", 2)
    caller.leave()
    await until(api, 'customers_http_requests_total{method="POST",route="/api/v1/customers",', 1)
    [line] = [line for line in log.getvalue().splitlines() if '"status":499' in line]
    assert json.loads(line)["level"] == "info"
    assert '"level":"error"' not in log.getvalue()
    assert "exception" not in log.getvalue()


async def test_a_caller_who_leaves_before_the_answer_is_a_quiet_499(
    call: Call, log: StringIO
) -> None:
    storage = MemoryStorage(currency=USD)
    async with serving(storage, tenant=a_tenant()) as api:
        data = json.dumps(new_customer()).encode()
        caller = await call(api.port)
        async with storage.transaction(api.tenant):
            await caller.send(head(api, "/customers", len(data)) + data)
            await until(api, "customers_http_requests_in_flight", 2)
            caller.leave()
            await asyncio.sleep(SOON)
        await until(api, 'customers_http_requests_total{method="POST"', 1)
        assert (await api.get("/customers")).body["total"] == 1
    assert '"status":499' in log.getvalue()
    assert '"level":"error"' not in log.getvalue()


async def test_a_caller_who_leaves_behind_a_batch_is_a_quiet_499(
    call: Call, api: Api, log: StringIO
) -> None:
    order = {"customerId": an_unknown_id(), "orderId": "order", "totalAmount": 1}
    data = json.dumps({"orders": [order] * 1_000}).encode()
    caller = await call(api.port)
    await caller.send(head(api, "/customers/orders/batch", len(data)) + data)
    caller.writer.write_eof()
    await until(api, 'customers_http_requests_total{method="POST"', 1)
    assert '"status":499' in log.getvalue()
    assert '"level":"error"' not in log.getvalue()


async def test_connections_are_counted_while_they_are_open(call: Call) -> None:
    async with limited() as (container, port):
        callers = [await call(port) for _ in range(3)]
        for caller in callers:
            await caller.send(LIVE)
            await caller.answer()
        assert b"customers_http_connections 3.0" in container.metrics().render()[0]
        callers[0].leave()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await callers[0].writer.wait_closed()
        await asyncio.sleep(SOON)
        assert b"customers_http_connections 2.0" in container.metrics().render()[0]


LIMITS = [
    ({"max_connections": 2, "max_connections_per_peer": 9}, connections.OF_PROCESS),
    ({"max_connections": 9, "max_connections_per_peer": 2}, connections.OF_PEER),
]


@pytest.mark.parametrize(("settings", "kind"), LIMITS)
async def test_beyond_the_limit_the_connection_that_waited_longest_gives_way(
    call: Call, settings: dict[str, int], kind: str, log: StringIO
) -> None:
    async with limited(**settings) as (container, port):
        silent, used = await call(port), await call(port)
        await asyncio.sleep(SOON)
        await used.send(LIVE)
        assert (await used.answer())[0] == 200
        third = await call(port)
        assert await silent.end() == b""
        await third.send(LIVE[:20])
        await asyncio.sleep(SOON)
        await (fourth := await call(port)).send(LIVE)
        assert await used.end() == b""
        assert (await fourth.answer())[0] == 200
        await (fifth := await call(port)).send(LIVE)
        assert await third.end() == b""
        assert (await fifth.answer())[0] == 200
        sample = f'customers_refusals_total{{kind="{kind}"}} 3.0'
        assert sample.encode() in container.metrics().render()[0]
        assert b"customers_http_connections 2.0" in container.metrics().render()[0]
    assert log.getvalue().count("connections over the limit") == 1


async def test_a_body_that_arrives_slowly_gives_way_when_no_other_connection_can(
    call: Call,
) -> None:
    async with limited(max_connections=2, max_connections_per_peer=9) as (_, port):
        slow = [await call(port) for _ in range(2)]
        for caller in slow:
            await caller.send(head_of(a_tenant(), "/customers", 100) + b'{"email":')
            await asyncio.sleep(SOON)
        await (third := await call(port)).send(LIVE)
        assert await slow[0].end() == b""
        assert (await third.answer())[0] == 200


@pytest.mark.parametrize(("settings", "kind"), LIMITS)
async def test_a_connection_too_many_is_refused_while_all_others_are_at_work(
    call: Call, settings: dict[str, int], kind: str, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol.Protocol, "awaits_head", False)
    async with limited(**settings) as (container, port):
        callers = [await call(port) for _ in range(2)]
        for _ in range(5):
            status, answer = await (await call(port)).answer()
            assert (status, answer["code"]) == (503, "TOO_MANY_CONNECTIONS")
        sample = f'customers_refusals_total{{kind="{kind}"}} 5.0'
        assert sample.encode() in container.metrics().render()[0]
        callers[0].leave()
        await asyncio.sleep(SOON)
        caller = await call(port)
        await caller.send(LIVE)
        assert (await caller.answer())[0] == 200
    assert log.getvalue().count("connections over the limit") == 1
    assert '"status":503' not in log.getvalue()


async def test_the_probes_of_their_own_port_answer_when_no_connection_is_left(call: Call) -> None:
    async with limited(max_connections=1) as (container, port):
        await call(port)
        probes = HttpServer(container.probe_app(), seconds_to_end=1)
        probe_port = await probes.start("127.0.0.1", 0)
        for path in ("/live", "/ready", "/health", "/metrics"):
            caller = await call(probe_port)
            await caller.send(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            )
            assert (await caller.end()).startswith(b"HTTP/1.1 200")
        caller = await call(probe_port)
        await caller.send(f"GET {BASE}/customers HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await caller.answer())[0] == 404
        await probes.end()
