"""How SIGTERM and SIGINT stop a process, before and after it has installed its stop handler."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def exit_on_signals() -> None:
    """Makes SIGTERM and SIGINT exit at once with code 0, until `stop_on_signals` handles them."""
    for number in _SIGNALS:
        signal.signal(number, _exit)


class StopSignal:
    """The request to stop the process, and whether it was made; only the first request counts."""

    def __init__(self) -> None:
        self._starting_task = asyncio.current_task()
        self._requested = asyncio.Event()

    @property
    def is_requested(self) -> bool:
        return self._requested.is_set()

    def request(self) -> None:
        """Requests the stop; cancels the task that opened the block unless it has called `wait`."""
        if self.is_requested:
            return
        self._requested.set()
        if self._starting_task is not None:
            self._starting_task.cancel()

    async def wait(self) -> None:
        """Marks the start as finished, then waits for the request."""
        self._starting_task = None
        await self._requested.wait()


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[StopSignal]:
    """Handles SIGTERM and SIGINT in the block: each requests the stop of the yielded StopSignal.

    A request cancels the block, unless the block has called `StopSignal.wait`.
    """
    stop, loop = StopSignal(), asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.request)
    try:
        yield stop
    except asyncio.CancelledError:
        if not stop.is_requested:
            raise


def _exit(_: int, __: FrameType | None) -> None:
    sys.exit(0)
