"""A notification service for tests, which records calls and answers with preset statuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, field


@define(eq=False)
class NotificationStub:
    """Answers with the `statuses` one after another, then with 202."""

    statuses: list[int] = field(factory=list)
    url: str = ""
    calls: list[tuple[str, str | None, dict[str, Any]]] = field(factory=list)
    """The path, the tenant of the header and the body of each call."""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append((request.path, request.headers.get("X-Tenant-ID"), body))
        status = self.statuses.pop(0) if self.statuses else 202
        return web.Response(status=status, headers={"Location": "/elsewhere"})


@asynccontextmanager
async def notification_stub(*statuses: int) -> AsyncIterator[NotificationStub]:
    stub = NotificationStub(list(statuses))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.handle)
    async with TestServer(app) as server:
        stub.url = str(server.make_url("/base/"))
        yield stub
