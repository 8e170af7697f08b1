"""The door of a process, for both interfaces: the requests under way, and each one's deadline.

Requests beyond the number of places wait outside, by tenant in turn; so one tenant's requests never
keep another's from being looked at.
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

# Requests under way for each connection: enough to keep every connection busy, however quickly it
# answers, and few enough to hold all their bodies and answers in memory.
REQUESTS_PER_CONNECTION: Final = 20


Request = TypeVar("Request")
Response = TypeVar("Response")


class Door:
    """Lets requests in; a tenant alone may have four fifths of the places.

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
        """The handler's response to a request of a tenant, which is let in first and has a
        deadline. Raises TenantBusy, Unavailable.
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
        """A block in which a request is waiting or under way: it must end before its deadline."""
        return deadline_after(self._request_timeout)

    async def enter(self, tenant_id: str) -> None:
        """Lets a request of a tenant in, which must `leave`. Raises TenantBusy, Unavailable."""
        if not self._turnstile.try_enter(tenant_id):
            await self._wait(tenant_id)

    async def _wait(self, tenant_id: str) -> None:
        try:
            await self._turnstile.enter(tenant_id, current_deadline().at_most(self._max_wait))
        except TimeoutError:
            self._refuse(tenant_id)

    def leave(self, tenant_id: str) -> None:
        """A request has ended."""
        self._turnstile.leave(tenant_id)

    def usage(self) -> Usage:
        return self._turnstile.usage()

    def _refuse(self, tenant_id: str) -> NoReturn:
        if self._turnstile.is_busy_with(tenant_id):
            self._refusals.refused("tenant_requests")
            raise TenantBusy from None
        self._refusals.refused("requests")
        raise Unavailable("too many requests are under way, try again in a moment") from None
