"""A client of the REST interface for tests; numbers keep their digits in both directions.

It checks answers against the promises that hold for all answers, and against the OpenAPI document.
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
from attrs import evolve, field, frozen
from multidict import CIMultiDict
from yarl import URL

from customers.core.ports.clock import IdGenerator
from customers.core.ports.storage import Storage
from customers.entrypoints.admission.door import Door
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.mail.delivery import MailDelivery
from tests.support.builders import NOW, USD, FixedClock
from tests.support.mails import RecordingMailer
from tests.support.patience import PATIENCE_SECONDS
from tests.support.schema_check import expect_described

BASE: Final = "/api/v1"
NOTHING: Final = object()
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
# Headers that aiohttp would add by itself.
_AUTOMATIC = {"Accept", "User-Agent", "Content-Type", "Accept-Encoding"}
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


@frozen(kw_only=True)
class Answer:
    """A response. `body` is the decoded JSON with fractions as Decimals, or None."""

    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes

    @property
    def code(self) -> str:
        """The code of an error in any form."""
        error = self.body.get("error")
        return str(error["code"] if isinstance(error, dict) else self.body["code"])

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of an error in any form."""
        return self.status, self.code

    @property
    def details(self) -> list[dict[str, Any]]:
        """The details of an error in any form."""
        error = self.body.get("error")
        return list((error if isinstance(error, dict) else self.body).get("details", []))

    @property
    def pointers(self) -> set[str]:
        """The JSON pointers of the details."""
        return {detail["pointer"] for detail in self.details if "pointer" in detail}

    @property
    def fields(self) -> set[str]:
        """The field names of the details."""
        return {detail["field"] for detail in self.details}

    @property
    def problem(self) -> tuple[int, str, frozenset[tuple[str, str]]]:
        """Status and code of an error, and field and code of every detail."""
        bad = frozenset((detail["field"], detail["code"]) for detail in self.details)
        return self.status, self.code, bad

    def link(self, relation: str) -> str | None:
        """The target of a link as a path for `Api`, or None."""
        for target, name in re.findall(r'<([^>]*)>; *rel="(\w+)"', self.headers.get("Link", "")):
            if name == relation:
                return URL(target, encoded=True).raw_path_qs.removeprefix(BASE)
        return None


@frozen(kw_only=True)
class Api:
    """A client of a running service for one tenant; `serving` gives it the service's clock."""

    app: web.Application
    client: ClientSession
    port: int
    clock: FixedClock
    tenant: str
    is_checked: bool = True
    """Whether answers must match the OpenAPI document; those of another release need not."""
    mails: RecordingMailer = field(factory=RecordingMailer)
    """Records the mails of a service that runs by `serving`."""

    def of_tenant(self, tenant: str) -> Self:
        """A client of the same service for another tenant."""
        return evolve(self, tenant=tenant)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.send("GET", path, **options)

    async def post(self, path: str, body: Any = NOTHING, **options: Any) -> Answer:
        return await self.send("POST", path, body, **options)

    async def put(self, path: str, body: Any = NOTHING, **options: Any) -> Answer:
        return await self.send("PUT", path, body, **options)

    async def patch(self, path: str, body: Any = NOTHING, **options: Any) -> Answer:
        return await self.send("PATCH", path, body, **options)

    async def delete(self, path: str, body: Any = NOTHING, **options: Any) -> Answer:
        return await self.send("DELETE", path, body, **options)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = NOTHING,
        *,
        headers: Mapping[str, str | None] | None = None,
        base: str = BASE,
    ) -> Answer:
        """Sends a request to an encoded path below `base`, and checks the answer.

        A body of bytes is sent unchanged, anything else as JSON. A header of None is not sent.
        """
        data = encode_body(body)
        request_headers: CIMultiDict[str | None] = CIMultiDict({"X-Tenant-ID": self.tenant})
        request_headers["Content-Type"] = None if data is None else JSON
        request_headers.update(headers or {})
        url = f"http://127.0.0.1:{self.port}{base}{path}"
        answer = await self._exchange(method, url, data, request_headers)
        if not self.is_checked or b'"INJECTED_FAULT"' in answer.raw:
            return answer  # an injected fault need not keep the promises
        check_promises(method, answer)
        expect_described(method, base + path, answer.status, answer.headers, answer.raw)
        return answer

    async def _exchange(
        self, method: str, url: str, data: bytes | None, request_headers: CIMultiDict[str | None]
    ) -> Answer:
        headers = CIMultiDict(
            (name, value) for name, value in request_headers.items() if value is not None
        )
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
                body=decode_json(raw) if raw and "json" in response.content_type else None,
                raw=raw,
            )


def encode_body(body: Any) -> bytes | None:
    """The bytes of a body; None for NOTHING. In JSON, Decimals are numbers with all their digits,
    and characters beyond ASCII are escaped.
    """
    if body is NOTHING:
        return None
    if isinstance(body, bytes):
        return body
    numbers: dict[str, str] = {}

    def number(value: Any) -> str:
        assert isinstance(value, Decimal)
        numbers[placeholder := f"@{uuid4()}"] = str(value)
        return placeholder

    text = json.dumps(body, default=number)
    for placeholder, digits in numbers.items():
        text = text.replace(f'"{placeholder}"', digits)
    return text.encode()


def decode_json(raw: bytes) -> Any:
    """Decodes JSON; fails on repeated keys and on NaN or Infinity."""
    return json.loads(
        raw, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
    )


def _refuse_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs), f"repeated key: {pairs}"
    return dict(pairs)


def check_promises(method: str, answer: Answer) -> None:
    """Asserts what holds for every answer of the service."""
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
    """Asserts that an error is a problem document, or a plain or wrapped error."""
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
    storage: Storage,
    *,
    tenant: str,
    ids: IdGenerator | None = None,
    door: Door | None = None,
    **settings: Any,
) -> AsyncIterator[Api]:
    """Runs the service on a storage while the block runs, with a clock that stands still.

    `ids` and `door` replace those of the service.
    """
    settings = {"storage": "memory", "data_dir": Path("unused"), **settings}
    container = Container(settings=Settings(**settings), dsn="")
    clock, decoder = spare = _spare_decoders().pop() if _spare_decoders() else _new_decoder()
    clock.moment = NOW
    container.clock.override(clock)
    container.decoder.override(decoder)
    container.storage.override(storage)
    if ids is not None:
        container.ids.override(ids)
    if door is not None:
        container.door.override(door)
    mails = RecordingMailer()
    is_needed = container.verifications().is_needed
    delivery = MailDelivery(mails, is_needed, quick_pauses=(0, 0), later_pauses=(0, 0))
    container.mail_delivery.override(delivery)
    server = HttpServer(app := container.app(), seconds_to_end=1.0)
    port = await server.start("127.0.0.1", 0)
    try:
        async with ClientSession(timeout=ClientTimeout(total=PATIENCE_SECONDS)) as client:
            yield Api(app=app, client=client, port=port, clock=clock, tenant=tenant, mails=mails)
    finally:
        await server.end()
        _spare_decoders().append(spare)


def _new_decoder() -> tuple[FixedClock, Decoder]:
    """A clock, and a decoder of bodies that uses it."""
    clock = FixedClock()
    return clock, Decoder(USD, clock)


@cache
def _spare_decoders() -> list[tuple[FixedClock, Decoder]]:
    """Clocks and decoders that no service is using; creating one takes longer than most tests."""
    return []
