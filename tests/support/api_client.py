"""A caller of the REST interface for tests: sends what it is told to, byte for byte, and reads back
exactly what came.

Every answer is checked against what the contract promises of all answers. What is expected of one
call stays in the tests.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from aiohttp import ClientSession, ClientTimeout, web
from attrs import evolve, frozen
from multidict import CIMultiDict
from yarl import URL

from customers.core.ports.clock import IdGenerator
from customers.core.ports.storage import Storage
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.json.decode import Decoder
from tests.support.builders import NOW, USD, FixedClock
from tests.support.patience import PATIENCE_SECONDS
from tests.support.schema_check import expect_described

BASE: Final = "/api/v1"
NOTHING: Final = object()
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
# What the client would add by itself.
_AUTOMATIC = {"Accept", "User-Agent", "Content-Type", "Accept-Encoding"}
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


@frozen(kw_only=True)
class Answer:
    """What came back. `body` is the decoded JSON, its fractions Decimals; None where none came."""

    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes

    @property
    def code(self) -> str:
        """The code of an error, in whichever form it came."""
        error = self.body.get("error")
        return str(error["code"] if isinstance(error, dict) else self.body["code"])

    @property
    def details(self) -> list[dict[str, Any]]:
        """The entries for bad fields, in whichever form the error came."""
        error = self.body.get("error")
        return list((error if isinstance(error, dict) else self.body).get("details", []))

    @property
    def pointers(self) -> set[str]:
        """The places in the body that are bad."""
        return {detail["pointer"] for detail in self.details if "pointer" in detail}

    @property
    def fields(self) -> set[str]:
        """The names of what is bad."""
        return {detail["field"] for detail in self.details}

    @property
    def told(self) -> tuple[int, str, frozenset[tuple[str, str]]]:
        """Status, code, and what is bad with its code: what callers act on."""
        bad = frozenset((detail["field"], detail["code"]) for detail in self.details)
        return self.status, self.code, bad

    def link(self, relation: str) -> str | None:
        """The target of a link, with its query, as `Api` takes it; None where there is none."""
        for target, name in re.findall(r'<([^>]*)>; *rel="(\w+)"', self.headers.get("Link", "")):
            if name == relation:
                return URL(target, encoded=True).raw_path_qs.removeprefix(BASE)
        return None


@frozen(kw_only=True)
class Api:
    """One tenant's caller of a service whose clock it can move."""

    app: web.Application
    client: ClientSession
    port: int
    clock: FixedClock
    tenant: str

    def of_tenant(self, tenant: str) -> Self:
        """The same service, called for another tenant."""
        return evolve(self, tenant=tenant)

    async def get(self, path: str, **told: Any) -> Answer:
        return await self.send("GET", path, **told)

    async def post(self, path: str, body: Any = NOTHING, **told: Any) -> Answer:
        return await self.send("POST", path, body, **told)

    async def put(self, path: str, body: Any = NOTHING, **told: Any) -> Answer:
        return await self.send("PUT", path, body, **told)

    async def patch(self, path: str, body: Any = NOTHING, **told: Any) -> Answer:
        return await self.send("PATCH", path, body, **told)

    async def delete(self, path: str, body: Any = NOTHING, **told: Any) -> Answer:
        return await self.send("DELETE", path, body, **told)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = NOTHING,
        *,
        headers: Mapping[str, str | None] | None = None,
        base: str = BASE,
    ) -> Answer:
        """Sends a request to a path below the base path, encoded as it is to be.

        A body of bytes goes as it is, anything else as JSON. A header of None is not sent.
        """
        data = written(body)
        sent: CIMultiDict[str | None] = CIMultiDict({"X-Tenant-ID": self.tenant})
        sent["Content-Type"] = None if data is None else JSON
        sent.update(headers or {})
        url = f"http://127.0.0.1:{self.port}{base}{path}"
        answer = await self._exchange(method, url, data, sent)
        if b'"INJECTED_FAULT"' in answer.raw:
            return answer  # what a test has asked for is no promise of the service
        check_promises(method, answer)
        expect_described(method, base + path, answer.status, answer.headers, answer.raw)
        return answer

    async def _exchange(
        self, method: str, url: str, data: bytes | None, sent: CIMultiDict[str | None]
    ) -> Answer:
        headers = CIMultiDict((name, value) for name, value in sent.items() if value is not None)
        async with self.client.request(
            method,
            URL(url, encoded=True),
            data=data and BytesIO(data),
            headers=headers,
            skip_auto_headers=_AUTOMATIC - set(headers),
            allow_redirects=False,
        ) as response:
            raw = await response.read()
            return Answer(
                status=response.status,
                headers=response.headers,
                body=decoded(raw) if raw and "json" in response.content_type else None,
                raw=raw,
            )


def written(body: Any) -> bytes | None:
    """The bytes of a body: Decimals as numbers spelled as they are, characters beyond ASCII as
    escapes; None where there is no body."""
    if body is NOTHING:
        return None
    if isinstance(body, bytes):
        return body
    numbers: dict[str, str] = {}

    def number(value: Any) -> str:
        assert isinstance(value, Decimal)
        numbers[mark := f"@{uuid4()}"] = str(value)
        return mark

    text = json.dumps(body, default=number)
    for mark, spelled in numbers.items():
        text = text.replace(f'"{mark}"', spelled)
    return text.encode()


def decoded(raw: bytes) -> Any:
    """The value of a JSON text, in which no key comes twice and every number is one."""
    return json.loads(
        raw, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_without_repeats
    )


def _refuse(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs), f"a key comes twice: {pairs}"
    return dict(pairs)


def check_promises(method: str, answer: Answer) -> None:
    """What every answer of the service keeps, whatever was asked."""
    assert answer.status != 500, answer
    assert answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")
    if method == "HEAD" or answer.status == 304:
        assert answer.raw == b""
        return
    assert answer.raw, "an answer is never empty"
    if answer.status >= 400:
        _check_error(answer)


def _check_error(answer: Answer) -> None:
    """An error is in one of the three forms of the contract's section 3."""
    body, kind = answer.body, answer.headers["Content-Type"].partition(";")[0]
    assert isinstance(body, dict), answer
    if kind == PROBLEM:
        assert body["status"] == answer.status
        assert body["title"]
        assert body["type"]
    else:
        assert kind == JSON
        assert body["message"]
        if body.get("success") is False:
            assert body["error"]["message"]
        else:
            assert "success" not in body
            assert isinstance(body["error"], str)
    assert _CODE.fullmatch(answer.code), answer
    for detail in answer.details:
        assert detail.keys() >= {"field", "message", "code"}
        assert _CODE.fullmatch(detail["code"]), detail


@asynccontextmanager
async def serving(
    storage: Storage, *, tenant: str, ids: IdGenerator | None = None
) -> AsyncIterator[Api]:
    """The service on that storage, listening while the block runs, with a clock that stands.

    Its ids are in the order of time unless others are given.
    """
    container = Container(settings=Settings(storage="memory", data_dir=Path("unused")), dsn="")
    clock, decoder = reading = _spare_readings().pop() if _spare_readings() else _reading()
    clock.moment = NOW
    container.clock.override(clock)
    container.decoder.override(decoder)
    container.storage.override(storage)
    if ids is not None:
        container.ids.override(ids)
    server = HttpServer(app := container.app(), seconds_to_end=1.0)
    port = await server.start("127.0.0.1", 0)
    try:
        async with ClientSession(timeout=ClientTimeout(total=PATIENCE_SECONDS)) as client:
            yield Api(app=app, client=client, port=port, clock=clock, tenant=tenant)
    finally:
        await server.end()
        _spare_readings().append(reading)


def _reading() -> tuple[FixedClock, Decoder]:
    """A clock, and what reads bodies by it."""
    clock = FixedClock()
    return clock, Decoder(USD, clock)


@cache
def _spare_readings() -> list[tuple[FixedClock, Decoder]]:
    """Those that no service uses now: to make one takes longer than most tests."""
    return []
