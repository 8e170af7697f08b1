"""The documentation page in a browser that can reach no other host."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.browser import PROGRAMS, Visit, chromium, visiting
from tests.support.forked_program import start_service
from tests.support.service_process import MEMORY

PROGRAM = chromium()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason=f"needs a Chromium: none of {', '.join(PROGRAMS)} is on the PATH"
)


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    with start_service(tmp_path, *MEMORY) as service:
        yield service.http


@pytest.fixture
async def visit(origin: str) -> AsyncIterator[Visit]:
    assert PROGRAM is not None
    async with visiting(origin, PROGRAM) as visit:
        yield visit


async def test_the_page_shows_the_document(visit: Visit) -> None:
    headings = visit.page.get_by_role("heading")
    await expect(headings.filter(has_text="Customers service")).to_be_visible()
    await visit.show("/live")
    await expect(headings.filter(has_text="Check liveness")).to_be_visible()


async def test_an_operation_can_be_called_from_the_page(visit: Visit, origin: str) -> None:
    await visit.show("/live")
    window = await visit.send("get", "/live")
    await expect(window.get_by_text("200 OK", exact=True).first).to_be_visible()
    await expect(window.get_by_text('"alive"')).to_be_visible()
    assert visit.requested[-1] == f"{origin}/live"


async def test_the_page_requests_only_this_service_and_obeys_its_policy(
    visit: Visit, origin: str
) -> None:
    await visit.show("/live")
    await expect((await visit.send("get", "/live")).get_by_text("200 OK").first).to_be_visible()
    await visit.page.wait_for_load_state("networkidle")
    assert set(visit.requested) == {
        f"{origin}{path}"
        for path in (
            "/docs",
            "/docs/start.js",
            "/docs/scalar/standalone.js",
            "/openapi.json",
            "/live",
        )
    }
    assert visit.errors == []


async def test_the_page_offers_no_third_party_services(visit: Visit) -> None:
    await visit.show("/live")
    await expect(visit.page.get_by_role("button", name="(get /live)")).to_be_visible()
    offers = visit.page.get_by_role("button").or_(visit.page.get_by_role("link"))
    names = [await offer.inner_text() for offer in await offers.all()]
    foreign = re.compile(r"\b(AI|MCP|SDK|agent|client|deploy|explore|share)\b", re.IGNORECASE)
    assert [name for name in names if foreign.search(name)] == []


async def test_the_page_offers_code_samples_and_no_client_libraries(visit: Visit) -> None:
    await expect(visit.page.get_by_text("Code samples", exact=True)).to_be_visible()
    await expect(visit.page.get_by_text("Client Libraries")).to_have_count(0)
