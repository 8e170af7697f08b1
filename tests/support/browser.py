"""The documentation page in a real browser, for its tests and for the screenshot in `docs/`.

`python -m tests.support.browser` starts the service and updates the screenshot.
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

from tests.support.service_process import MEMORY, start_service

SCREENSHOT: Final = Path(__file__).parents[2] / "docs" / "api-docs.png"
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The browser resolves no host but 127.0.0.1, whatever the policy of the page allows.
NO_OTHER_HOSTS: Final = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
TIMEOUT_MS: Final = 30_000.0
# Logs violations of the content security policy, which the console does not show completely.
_LOG_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`against the policy: ${event.violatedDirective}, ${event.blockedURI}`));
"""


@frozen(kw_only=True)
class Visit:
    """An open page, the addresses it requested, and the errors and warnings it logged."""

    page: Page
    requested: list[str] = field(factory=list)
    errors: list[str] = field(factory=list)

    async def show(self, text: str) -> None:
        """Finds an operation by its path or summary, and opens it."""
        await self.page.get_by_role("button", name="Search").first.click()
        await self.page.get_by_role("dialog").get_by_role("combobox").fill(text)
        await self.page.get_by_role("option").first.click()

    async def send(self, method: str, path: str) -> Locator:
        """Sends the request of the open operation; returns the window that will show the answer."""
        button = f"Test Request ({method} {path})"
        await self.page.get_by_role("button", name=button, exact=True).click()
        window = self.page.get_by_role("dialog")
        await window.get_by_role("button", name="Send").first.click()
        return window


def chromium() -> str | None:
    """The path of Chromium or Chrome; None if neither is installed."""
    return next(filter(None, map(which, PROGRAMS)), None)


@asynccontextmanager
async def visiting(origin: str, program: str) -> AsyncIterator[Visit]:
    """Opens the documentation of the service at that origin while the block runs."""
    # Chromium's sandbox does not work for root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=[NO_OTHER_HOSTS, *sandbox]
        )
        page = await browser.new_page(viewport={"width": 1400, "height": 900})
        expect.set_options(timeout=TIMEOUT_MS)
        visit = Visit(page=page)
        _listen(visit)
        await page.add_init_script(_LOG_VIOLATIONS)
        await page.goto(f"{origin}/docs")
        await page.get_by_role("heading", level=1).wait_for()
        yield visit
        await browser.close()


def _listen(visit: Visit) -> None:
    def log(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.errors.append(message.text)

    visit.page.context.on("request", lambda request: visit.requested.append(request.url))
    visit.page.on("console", log)
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))


async def _take_screenshot() -> None:
    program = chromium()
    assert program is not None, f"the screenshot needs one of {', '.join(PROGRAMS)}"
    with TemporaryDirectory() as folder, start_service(Path(folder), *MEMORY) as service:
        async with visiting(service.http, program) as visit:
            await visit.show("Register a customer")
            await visit.page.wait_for_load_state("networkidle")
            await visit.page.screenshot(path=SCREENSHOT, animations="disabled")


if __name__ == "__main__":
    asyncio.run(_take_screenshot())
