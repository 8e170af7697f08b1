"""The index at `/` sends browsers to the documentation and gives programs links."""

from collections.abc import AsyncIterator

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.container.version import VERSION
from customers.entrypoints.http.index import prefers_html
from tests.support.api_client import Answer, Api, serving
from tests.support.builders import USD, a_tenant

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(MemoryStorage(currency=USD), tenant=a_tenant()) as api:
        yield api


async def request(api: Api, path: str, accept: str | None, method: str = "GET") -> Answer:
    headers = {"X-Tenant-ID": None, "Accept": accept}
    return await api.send(method, path, headers=headers, base="")


async def test_a_browser_is_redirected_to_the_documentation(api: Api) -> None:
    answer = await request(api, "/", BROWSER)
    assert (answer.status, answer.headers["Location"]) == (302, "/docs")
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
async def test_a_program_gets_links_without_a_tenant(api: Api, accept: str | None) -> None:
    answer = await request(api, "/", accept)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == {
        "service": "customers-service",
        "version": VERSION,
        "links": {
            "docs": "/docs",
            "openapi": "/openapi.json",
            "openapiYaml": "/openapi.yaml",
            "health": "/health",
            "ready": "/ready",
            "live": "/live",
            "metrics": "/metrics",
            "customers": "/api/v1/customers",
            "segments": "/api/v1/customers/segments",
        },
    }


async def test_every_link_leads_somewhere(api: Api) -> None:
    for path in (await request(api, "/", None)).body["links"].values():
        answer = await api.send("GET", path, base="")
        assert answer.status == 200, path


@pytest.mark.parametrize(("accept", "status"), [(BROWSER, 302), ("*/*", 200)])
async def test_head_has_the_status_and_no_body(api: Api, accept: str, status: int) -> None:
    answer = await request(api, "/", accept, "HEAD")
    assert (answer.status, answer.raw) == (status, b"")


async def test_other_methods_are_not_allowed(api: Api) -> None:
    answer = await request(api, "/", None, "POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("application/json;q=0.5, text/html;q=0.9", True),
        ("text/*, application/json;q=0.1", True),
        ("", False),
        ("*/*", False),
        ("text/html;q=0.1, application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        ("text/html, application/json", False),
    ],
)
def test_html_is_preferred_if_it_has_the_greater_weight(accept: str, expected: bool) -> None:
    assert prefers_html(accept) is expected
