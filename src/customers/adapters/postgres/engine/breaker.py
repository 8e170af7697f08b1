"""The breaker: after repeated failures to reach the server, requests fail at once.

Meanwhile one probe at a time tries to reach the server. Requests are served again when a probe
succeeds, or when a task opens a connection or releases one without an error.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from customers.adapters.postgres.engine.errors import DRIVER_ERRORS
from customers.core.errors.availability import FaultKind, StorageFault

MAX_FAILURES = 5
PROBE_SECONDS = 1.0
PAUSE_SECONDS = 0.2
SILENCE_SECONDS = 2.0

# The faults of a server that was not reached. A lost connection is not one: the next may work.
_UNREACHED: frozenset[FaultKind] = frozenset(
    ("connection_failed", "connection_refused", "no_answer", "unknown_host")
)


class Breaker:
    """Counts failures in a row; after MAX_FAILURES it has a `fault`, and requests are refused.

    `probe` gets a number of seconds, and raises one of DRIVER_ERRORS if the server is not reached
    in that time. `on_open` is called when the breaker begins to refuse. After `silence_seconds`
    without an answer, `is_suspicious` is true.
    """

    def __init__(
        self,
        probe: Callable[[float], Awaitable[None]],
        on_open: Callable[[StorageFault], Awaitable[None]],
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._probe = probe
        self._silence_seconds = silence_seconds
        self._on_open = on_open
        self._failures = 0
        self._reached_at = monotonic()
        self._probing: asyncio.Task[None] | None = None
        self.fault: StorageFault | None = None
        """Why requests fail at once; None while they are served."""

    @property
    def has_failures(self) -> bool:
        """Whether the last attempt to reach the server failed."""
        return self._failures > 0

    @property
    def is_suspicious(self) -> bool:
        """Whether the last attempt to reach the server failed, or no task has had an answer for
        `silence_seconds`.
        """
        return self.has_failures or monotonic() - self._reached_at > self._silence_seconds

    def failed(self, fault: StorageFault) -> None:
        """Counts a failure if the fault says that the server was not reached."""
        if fault.kind not in _UNREACHED:
            return
        self._failures += 1
        if self._failures >= MAX_FAILURES and self.fault is None:
            self.fault = fault
            self._probing = asyncio.create_task(self._probe_until_reached(fault))

    def succeeded(self) -> None:
        """Records that the server was reached, so that requests are served again."""
        self._failures = 0
        self._reached_at = monotonic()
        self.fault = None

    def stop(self) -> None:
        """Stops probing."""
        if self._probing is not None:
            self._probing.cancel()

    async def _probe_until_reached(self, fault: StorageFault) -> None:
        await self._on_open(fault)
        while self.fault is not None:
            try:
                await self._probe(PROBE_SECONDS)
            except DRIVER_ERRORS:
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self.succeeded()
