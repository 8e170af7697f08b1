"""Services that run from one test to the next: starting one takes longer than most tests.

They are for tests that have a tenant of their own and do nothing to the service itself. A test that
reads mails, uses up a limit of a peer, or stops the service runs one of its own: see `serving`.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from attrs import define, evolve, frozen

from customers.core.ports.storage import Storage
from tests.support.api_client import Api, serving
from tests.support.builders import NOW, a_tenant


@frozen(kw_only=True)
class _Running:
    api: Api
    storage: Storage
    settings: dict[str, Any]

    def is_of(self, storage: Storage, settings: dict[str, Any]) -> bool:
        return self.storage is storage and self.settings == settings


@define
class RunningServices:
    """Services by storage and settings; each is started when a test first needs it."""

    _stack: AsyncExitStack
    _running: list[_Running]

    async def api(self, storage: Storage, *, tenant: str, **settings: Any) -> Api:
        """A client of the service for a tenant; the service's clock is back at NOW."""
        running = next((one for one in self._running if one.is_of(storage, settings)), None)
        if running is None:
            starting = serving(storage, tenant=a_tenant(), **settings)
            api = await self._stack.enter_async_context(starting)
            running = _Running(api=api, storage=storage, settings=settings)
            self._running.append(running)
        running.api.clock.moment = NOW
        return evolve(running.api, tenant=tenant)


@asynccontextmanager
async def running_services() -> AsyncIterator[RunningServices]:
    """Ends every service when the block ends."""
    async with AsyncExitStack() as stack:
        yield RunningServices(stack, [])
