"""How a process is asked to end, and when it heeds that."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def leave_when_asked() -> None:
    """Until there is a Stop, SIGTERM and SIGINT end the process at once, with exit code 0."""
    for number in _SIGNALS:
        signal.signal(number, _leave)


class Stop:
    """Asked for once; whatever asks after that does nothing."""

    def __init__(self) -> None:
        self._starting = asyncio.current_task()
        self._asked = asyncio.Event()

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        if self.is_asked:
            return
        self._asked.set()
        if self._starting is not None:
            self._starting.cancel()

    async def wait(self) -> None:
        """The start is over; returns when it is asked."""
        self._starting = None
        await self._asked.wait()


@asynccontextmanager
async def until_stopped() -> AsyncIterator[Stop]:
    """A Stop that SIGTERM and SIGINT ask for. Until the block waits for it, that breaks it off."""
    stop, loop = Stop(), asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.ask)
    try:
        yield stop
    except asyncio.CancelledError:
        if not stop.is_asked:
            raise


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(0)
