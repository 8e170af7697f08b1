"""The files of the documentation and their headers; the page itself is tested in a browser, in
`tests/integration`."""

import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession, web

from customers.entrypoints.access.authenticator import NoAuthentication
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.http.documentation import Documents
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.middleware import RequestMiddleware
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
every_path = pytest.mark.parametrize("path", KINDS)

LIVE = {"responses": {"200": {"description": "Ja, natürlich: 是"}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Customers", "version": "1.0"},
    "paths": {"/live": {"get": LIVE}, "/alive": {"get": LIVE}},
    # Texts that YAML would read as something else without quotes.
    "x-texts": ["no", "1.0", "2024-01-31", "null", "", "- a: b\n", "=", "0x1F", "\x07"],
    "x-values": [True, None, 0, 1.5, -1e-7, 1e21, [], {}],
}

EVERYBODY = Guard(NoAuthentication(), is_open=True)


class Service:
    """Serves the document, and counts how often it was made."""

    def __init__(self, client: ClientSession) -> None:
        self._client = client
        self.port = 0
        self.times_made = 0

    def document(self) -> dict[str, Any]:
        self.times_made += 1
        return DOCUMENT

    async def request(self, path: str, method: str = "GET", **headers: str) -> Answer:
        url = f"http://127.0.0.1:{self.port}{path}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._client.request(
            method, url, headers=sent, skip_auto_headers={"Accept-Encoding"}
        ) as response:
            raw = await response.read()
            is_json = raw and response.content_type == "application/json"
            answer = Answer(
                status=response.status,
                headers=response.headers,
                body=json.loads(raw) if is_json else None,
                raw=raw,
            )
        check_promises(method, answer)
        return answer


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    metrics = Metrics.create(version="1.0", pool=None, multiprocess_dir=None)
    app = web.Application(middlewares=[RequestMiddleware(metrics, Drain(), EVERYBODY).handle])
    server = HttpServer(app, seconds_to_end=1.0)
    async with ClientSession() as client:
        service = Service(client)
        Documents(
            lambda: as_json(service.document()),
            lambda: as_yaml(service.document()),
            EVERYBODY,
            are_public=True,
        ).add_to(app)
        service.port = await server.start("127.0.0.1", 0)
        yield service
    await server.end()


@every_path
async def test_every_file_has_its_content_type_and_is_revalidated(
    service: Service, path: str
) -> None:
    answer = await service.request(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, KINDS[path])
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_the_document_is_served_as_json(service: Service) -> None:
    assert json.loads((await service.request("/openapi.json")).raw) == DOCUMENT


async def test_the_yaml_document_is_that_of_json_without_references(service: Service) -> None:
    text = (await service.request("/openapi.yaml")).raw.decode()
    assert yaml.safe_load(text) == DOCUMENT
    assert text.startswith("openapi: 3.1.0\ninfo:\n"), "not in the order of the document"
    assert "&id" not in text
    assert "natürlich: 是" in text


async def test_the_document_is_made_once_on_the_first_request(service: Service) -> None:
    await service.request("/docs")
    assert service.times_made == 0
    for _ in range(3):
        await service.request("/openapi.json")
    assert service.times_made == 1


async def test_the_page_may_load_and_call_this_service_only(service: Service) -> None:
    headers = (await service.request("/docs")).headers
    directives = headers["Content-Security-Policy"].split("; ")
    policy = dict(directive.split(" ", 1) for directive in directives)
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


async def test_the_page_names_its_files_relatively_and_they_exist(service: Service) -> None:
    page = (await service.request("/docs")).raw.decode()
    targets = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page)
    assert len(targets) == 3
    for target in targets:
        assert not target.startswith("/")
        assert (await service.request(f"/{target}")).status == 200


async def test_the_viewer_has_the_hash_in_its_readme(service: Service) -> None:
    vendored = files("customers.entrypoints.http") / "docs_page" / "scalar"
    readme = (vendored / "README.md").read_text()
    assert sha256((await service.request(SCRIPT)).raw).hexdigest() in readme
    assert "MIT License" in (vendored / "LICENSE").read_text()


@every_path
async def test_head_has_the_headers_of_get(service: Service, path: str) -> None:
    get, head = await service.request(path), await service.request(path, "HEAD")
    assert (head.status, head.raw) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Content-Security-Policy"):
        assert head.headers.get(name) == get.headers.get(name)


@every_path
async def test_other_methods_are_refused(service: Service, path: str) -> None:
    answer = await service.request(path, "POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@every_path
async def test_a_caller_with_the_current_version_gets_304(service: Service, path: str) -> None:
    tag = (await service.request(path)).headers["ETag"]
    for tags in (tag, f'"other", W/{tag}', "*"):
        answer = await service.request(path, If_None_Match=tags)
        assert (answer.status, answer.headers["ETag"]) == (304, tag)
    assert (await service.request(path, If_None_Match='"other"')).status == 200


async def test_a_file_is_gzipped_if_the_caller_accepts_it(service: Service) -> None:
    plain = await service.request(SCRIPT)
    gzipped = await service.request(SCRIPT, Accept_Encoding="br, gzip;q=0.5")
    assert gzipped.raw == plain.raw, "not as decompressed by the client"
    assert gzipped.headers["Content-Encoding"] == "gzip"
    assert int(gzipped.headers["Content-Length"]) * 3 < len(plain.raw)
    assert gzipped.headers["ETag"] != plain.headers["ETag"]
    assert gzipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accept_encoding", ["", "br", "gzip;q=0", "gzip; q=0.000, br", "gzipped"])
async def test_a_file_is_not_gzipped_for_other_callers(
    service: Service, accept_encoding: str
) -> None:
    answer = await service.request("/openapi.json", Accept_Encoding=accept_encoding)
    assert "Content-Encoding" not in answer.headers
    assert json.loads(answer.raw) == DOCUMENT
