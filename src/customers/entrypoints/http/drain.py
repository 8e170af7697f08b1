"""Draining: the requests in flight, and how they end when the process stops.

A handler that has started is never cancelled. A request whose body is still arriving gets some
more seconds; then it is answered with 408.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import StreamReader, web

from customers.entrypoints.http.errors import ErrorResponse

BODY_TIMEOUT = ErrorResponse(
    status=408, code="BODY_TIMEOUT", message="the body did not arrive before the service stopped"
)


class BodyTimeout(Exception):
    """The service stops, and does not wait for the rest of a body."""


class Drain:
    """Counts the requests in flight of one process."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._arriving: set[StreamReader] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._refuses_bodies = False
        self.is_stopping = False

    def __enter__(self) -> None:
        """A request is in flight while the block runs."""
        self._in_flight += 1
        self._idle.clear()

    def __exit__(self, *_: object) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    @asynccontextmanager
    async def body(self, request: web.Request) -> AsyncIterator[None]:
        """The body of a request is arriving while the block runs. Raises BodyTimeout inside it."""
        self._arriving.add(request.content)
        if self._refuses_bodies:
            request.content.set_exception(BodyTimeout())
        try:
            yield
        finally:
            self._arriving.discard(request.content)

    def stop(self) -> None:
        """Marks the process as stopping: it is not ready, and closes connections after answers."""
        self.is_stopping = True

    async def finish(self, body_seconds: float) -> None:
        """Returns when no request is in flight; bodies have `body_seconds` to arrive."""
        try:
            await asyncio.wait_for(self._idle.wait(), body_seconds)
        except TimeoutError:
            self._refuse_bodies()
            await self._idle.wait()

    def _refuse_bodies(self) -> None:
        self._refuses_bodies = True
        for body in self._arriving:
            body.set_exception(BodyTimeout())
