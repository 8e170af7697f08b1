"""The door of a process, for REST and gRPC: limits the requests under way, and sets their deadline.

Requests that find no place wait outside, and tenants get places in turn, so that the requests of
one tenant cannot keep out those of another.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final, NoReturn, TypeVar

from customers.bulkheads.deadline import (
    begin_deadline,
    current_deadline,
    deadline_after,
    end_deadline,
)
from customers.bulkheads.shares import Usage
from customers.bulkheads.turnstile import Turnstile
from customers.core.errors.availability import TenantBusy, Unavailable
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics

# Requests under way for each connection to the database: enough to keep every connection busy,
# however quickly it answers, and few enough to hold all their bodies and answers in memory.
REQUESTS_PER_CONNECTION: Final = 20


Request = TypeVar("Request")
Response = TypeVar("Response")


class Door:
    """Lets requests in: at most `places` at a time, of which a tenant alone may have four fifths.

    `max_wait` is how long a request may wait outside, `request_timeout` how long it may take in
    all, both in seconds.
    """

    def __init__(
        self, places: int, *, max_wait: float, request_timeout: float, refusals: RefusalMetrics
    ) -> None:
        self._turnstile = Turnstile(places)
        self._max_wait = max_wait
        self._request_timeout = request_timeout
        self._refusals = refusals

    async def serve(
        self, tenant_id: str, handler: Callable[[Request], Awaitable[Response]], request: Request
    ) -> Response:
        """Lets a request of a tenant in, and returns the handler's response; waiting and handling
        have one deadline. Raises TenantBusy, Unavailable.
        """
        begun = begin_deadline(self._request_timeout)
        try:
            if not self._turnstile.try_enter(tenant_id):
                await self._wait(tenant_id)
            try:
                return await handler(request)
            finally:
                self._turnstile.leave(tenant_id)
        finally:
            end_deadline(begun)

    def deadline(self) -> AbstractContextManager[None]:
        """A block in which a request waits and is handled, within `request_timeout` seconds."""
        return deadline_after(self._request_timeout)

    async def enter(self, tenant_id: str) -> None:
        """Lets a request of a tenant in; call `leave` when it has ended. Raises TenantBusy,
        Unavailable.
        """
        if not self._turnstile.try_enter(tenant_id):
            await self._wait(tenant_id)

    async def _wait(self, tenant_id: str) -> None:
        try:
            await self._turnstile.enter(tenant_id, current_deadline().at_most(self._max_wait))
        except TimeoutError:
            self._refuse(tenant_id)

    def leave(self, tenant_id: str) -> None:
        """Frees the place of a request that has ended."""
        self._turnstile.leave(tenant_id)

    def usage(self) -> Usage:
        return self._turnstile.usage()

    def _refuse(self, tenant_id: str) -> NoReturn:
        if self._turnstile.is_busy_with(tenant_id):
            self._refusals.refused("tenant_requests")
            raise TenantBusy from None
        self._refusals.refused("requests")
        raise Unavailable("too many requests are under way, try again in a moment") from None
