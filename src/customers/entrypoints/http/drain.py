"""Draining: which requests are in flight, and how they end when the process does.

No handler that has started is cancelled. A request whose body is still arriving gets some seconds
more; then its body is given up and its handler answers so.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import StreamReader, web

from customers.entrypoints.http.errors import ErrorResponse

GIVEN_UP = ErrorResponse(
    status=408, code="BODY_TIMEOUT", message="the body did not arrive before the service ended"
)


class BodyGivenUp(Exception):
    """The rest of a body is no longer waited for."""


class Drain:
    """Counts the requests of one process in and out."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._arriving: set[StreamReader] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._gives_up = False
        self.is_stopping = False

    def __enter__(self) -> None:
        """A request is in flight while the block runs."""
        self._in_flight += 1
        self._quiet.clear()

    def __exit__(self, *_: object) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._quiet.set()

    @asynccontextmanager
    async def body(self, request: web.Request) -> AsyncIterator[None]:
        """The request's body is arriving while the block runs; raises BodyGivenUp in it."""
        self._arriving.add(request.content)
        if self._gives_up:
            request.content.set_exception(BodyGivenUp())
        try:
            yield
        finally:
            self._arriving.discard(request.content)

    def stop(self) -> None:
        """From now on the process is ending: it is not ready, and keeps no connection alive."""
        self.is_stopping = True

    async def finish(self, body_seconds: float) -> None:
        """Returns when no request is in flight any more; bodies have so long to arrive."""
        try:
            await asyncio.wait_for(self._quiet.wait(), body_seconds)
        except TimeoutError:
            self._give_up()
            await self._quiet.wait()

    def _give_up(self) -> None:
        self._gives_up = True
        for body in self._arriving:
            body.set_exception(BodyGivenUp())
