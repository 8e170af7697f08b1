"""Draining: the requests in flight, and how they end when the process stops.

Draining waits for every handler that has started. A request whose body is still arriving gets some
more seconds; then it is answered with 408.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import StreamReader, web
from attrs import define, field

from customers.entrypoints.http.errors import ErrorResponse

BODY_TIMEOUT = ErrorResponse(
    status=408, code="BODY_TIMEOUT", message="the body did not arrive before the service stopped"
)


class BodyTimeout(Exception):
    """The service is stopping, and no longer waits for the rest of a body."""


@define(eq=False)
class CallsInFlight:
    """Counts the calls in flight: each is one `with` block."""

    _count: int = field(default=0, init=False)
    _is_zero: asyncio.Event = field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._is_zero.set()

    def __enter__(self) -> None:
        self._count += 1
        self._is_zero.clear()

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count:
            self._is_zero.set()

    async def wait_for_zero(self) -> None:
        """Returns when no call is in flight."""
        await self._is_zero.wait()


@define(eq=False)
class Drain(CallsInFlight):
    """The requests in flight of one process, and the bodies that are arriving."""

    _arriving: set[StreamReader] = field(factory=set, init=False)
    _refuses_bodies: bool = field(default=False, init=False)
    is_stopping: bool = field(default=False, init=False)

    @asynccontextmanager
    async def body(self, request: web.Request) -> AsyncIterator[None]:
        """While the block runs, the body of a request is arriving. Reading it raises BodyTimeout
        once `finish` no longer waits for bodies.
        """
        self._arriving.add(request.content)
        if self._refuses_bodies:
            request.content.set_exception(BodyTimeout())
        try:
            yield
        finally:
            self._arriving.discard(request.content)

    def stop(self) -> None:
        """Marks the process as stopping: it is not ready, and closes each connection after the
        next answer.
        """
        self.is_stopping = True

    async def finish(self, body_seconds: float) -> None:
        """Returns when no request is in flight. Bodies that do not arrive within `body_seconds` are
        given up.
        """
        try:
            await asyncio.wait_for(self.wait_for_zero(), body_seconds)
        except TimeoutError:
            self._refuse_bodies()
            await self.wait_for_zero()

    def _refuse_bodies(self) -> None:
        self._refuses_bodies = True
        for body in self._arriving:
            body.set_exception(BodyTimeout())
