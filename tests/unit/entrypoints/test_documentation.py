"""What is served of the documentation, and under which headers; the page itself is tested in a
browser, in `tests/integration`."""

import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession, web

from customers.entrypoints.http.documentation import Documents
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.middleware import middleware
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.openapi.document import as_json, as_yaml
from tests.support.api_client import Answer, check_promises

SCRIPT = "/docs/scalar/standalone.js"
KINDS = {
    "/openapi.json": "application/json",
    "/openapi.yaml": "application/yaml",
    "/docs": "text/html; charset=utf-8",
    "/docs/start.js": "text/javascript; charset=utf-8",
    SCRIPT: "text/javascript; charset=utf-8",
}
each_path = pytest.mark.parametrize("path", KINDS)

LIVE = {"responses": {"200": {"description": "Ja, natürlich: 是"}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Customers", "version": "1.0"},
    "paths": {"/live": {"get": LIVE}, "/alive": {"get": LIVE}},
    # What YAML takes for something else when it stands there as it is.
    "x-texts": ["no", "1.0", "2024-01-31", "null", "", "- a: b\n", "=", "0x1F", "\x07"],
    "x-values": [True, None, 0, 1.5, -1e-7, 1e21, [], {}],
}


class Service:
    """Serves the document at a port, and counts how often it was made."""

    def __init__(self, client: ClientSession) -> None:
        self._client = client
        self.port = 0
        self.made = 0

    def document(self) -> dict[str, Any]:
        self.made += 1
        return DOCUMENT

    async def context(self, path: str, method: str = "GET", **headers: str) -> Answer:
        url = f"http://127.0.0.1:{self.port}{path}"
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        automatic = {"Accept-Encoding"}
        async with self._client.request(
            method, url, headers=told, skip_auto_headers=automatic
        ) as got:
            raw = await got.read()
            body = json.loads(raw) if raw and got.content_type == "application/json" else None
            answer = Answer(status=got.status, headers=got.headers, body=body, raw=raw)
        check_promises(method, answer)
        return answer


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    metrics = Metrics.create(version="1.0", pool=None, multiprocess_dir=None)
    app = web.Application(middlewares=[middleware(metrics, Drain())])
    server = HttpServer(app, seconds_to_end=1.0)
    async with ClientSession() as client:
        service = Service(client)
        Documents(lambda: as_json(service.document()), lambda: as_yaml(service.document())).add_to(
            app
        )
        service.port = await server.start("127.0.0.1", 0)
        yield service
    await server.end()


@each_path
async def test_everything_is_served_as_what_it_is_and_asked_for_anew(
    service: Service, path: str
) -> None:
    answer = await service.context(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, KINDS[path])
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_the_document_is_served_as_json(service: Service) -> None:
    assert json.loads((await service.context("/openapi.json")).raw) == DOCUMENT


async def test_yaml_says_what_json_says_without_references(service: Service) -> None:
    text = (await service.context("/openapi.yaml")).raw.decode()
    assert yaml.safe_load(text) == DOCUMENT
    assert text.startswith("openapi: 3.1.0\ninfo:\n"), "in the order of the document"
    assert "&id" not in text
    assert "natürlich: 是" in text


async def test_the_document_is_not_made_before_it_is_wanted_and_then_kept(
    service: Service,
) -> None:
    await service.context("/docs")
    assert service.made == 0
    for _ in range(3):
        await service.context("/openapi.json")
    assert service.made == 1


async def test_the_page_may_load_and_call_this_service_only(service: Service) -> None:
    headers = (await service.context("/docs")).headers
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_what_the_page_names_is_there_wherever_the_service_is_mounted(
    service: Service,
) -> None:
    page = (await service.context("/docs")).raw.decode()
    named = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page)
    assert len(named) == 3
    for each in named:
        assert not each.startswith("/")
        assert (await service.context(f"/{each}")).status == 200


async def test_the_reader_is_the_one_that_is_noted_beside_it(service: Service) -> None:
    vendored = files("customers.entrypoints.http") / "docs_page" / "scalar"
    noted = (vendored / "README.md").read_text()
    assert sha256((await service.context(SCRIPT)).raw).hexdigest() in noted
    assert "MIT License" in (vendored / "LICENSE").read_text()


@each_path
async def test_head_says_what_get_would_send(service: Service, path: str) -> None:
    got, head = await service.context(path), await service.context(path, "HEAD")
    assert (head.status, head.raw) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Content-Security-Policy"):
        assert head.headers.get(name) == got.headers.get(name)


@each_path
async def test_other_methods_are_refused(service: Service, path: str) -> None:
    refused = await service.context(path, "POST")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")


@each_path
async def test_who_has_it_already_is_not_sent_it_again(service: Service, path: str) -> None:
    tag = (await service.context(path)).headers["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        answer = await service.context(path, If_None_Match=known)
        assert (answer.status, answer.headers["ETag"]) == (304, tag)
    assert (await service.context(path, If_None_Match='"other"')).status == 200


async def test_it_is_packed_for_who_takes_that(service: Service) -> None:
    plain = await service.context(SCRIPT)
    packed = await service.context(SCRIPT, Accept_Encoding="br, gzip;q=0.5")
    assert packed.raw == plain.raw, "unpacked by the client"
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) * 3 < len(plain.raw)
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.000, br", "gzipped"])
async def test_it_is_not_packed_for_others(service: Service, accepted: str) -> None:
    answer = await service.context("/openapi.json", Accept_Encoding=accepted)
    assert "Content-Encoding" not in answer.headers
    assert json.loads(answer.raw) == DOCUMENT
