"""The documentation's page in a real browser, for its tests and for the picture of it.

`python -m tests.support.browser` starts the service and takes the picture in `docs/` anew.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Final

from attrs import field, frozen
from playwright.async_api import ConsoleMessage, Locator, Page, async_playwright, expect

from tests.support.patience import PATIENCE_SECONDS
from tests.support.service_process import MEMORY, start_service

PICTURE: Final = Path(__file__).parents[2] / "docs" / "api-docs.png"
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The browser itself knows no other host, whatever the page's policy lets through.
ALONE: Final = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
# The console does not tell all of them.
_TELLS_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`against the policy: ${event.violatedDirective}, ${event.blockedURI}`));
"""


@frozen(kw_only=True)
class Visit:
    """A page that was opened, the requests it made and the errors it told."""

    page: Page
    asked: list[str] = field(factory=list)
    errors: list[str] = field(factory=list)

    async def show(self, text: str) -> None:
        """Finds an operation by its path or summary, and goes there."""
        await self.page.get_by_role("button", name="Search").first.click()
        await self.page.get_by_role("dialog").get_by_role("combobox").fill(text)
        await self.page.get_by_role("option").first.click()

    async def send(self, method: str, path: str) -> Locator:
        """Tries an operation that is shown; the window in which its answer will be."""
        button = f"Test Request ({method} {path})"
        await self.page.get_by_role("button", name=button, exact=True).click()
        window = self.page.get_by_role("dialog")
        await window.get_by_role("button", name="Send").first.click()
        return window


def chromium() -> str | None:
    """The path of a Chromium, None where there is none."""
    return next(filter(None, map(which, PROGRAMS)), None)


@asynccontextmanager
async def visiting(origin: str, program: str) -> AsyncIterator[Visit]:
    """A visit to the documentation of the service at that origin."""
    # Chromium's sandbox does not work for root.
    unboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[ALONE, *unboxed])
        page = await browser.new_page(viewport={"width": 1400, "height": 900})
        expect.set_options(timeout=PATIENCE_SECONDS * 1_000)
        visit = Visit(page=page)
        _listen(visit)
        await page.add_init_script(_TELLS_VIOLATIONS)
        await page.goto(f"{origin}/docs")
        await page.get_by_role("heading", level=1).wait_for()
        yield visit
        await browser.close()


def _listen(visit: Visit) -> None:
    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.errors.append(message.text)

    visit.page.context.on("request", lambda request: visit.asked.append(request.url))
    visit.page.on("console", said)
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))


async def _take_picture() -> None:
    program = chromium()
    assert program is not None, f"the picture needs one of {', '.join(PROGRAMS)}"
    with TemporaryDirectory() as folder, start_service(Path(folder), *MEMORY) as service:
        async with visiting(service.http, program) as visit:
            await visit.show("Register a customer")
            await visit.page.wait_for_load_state("networkidle")
            await visit.page.screenshot(path=PICTURE, animations="disabled")


if __name__ == "__main__":
    asyncio.run(_take_picture())
