"""How a process is asked to end, and when that is heeded."""

import asyncio
import signal
import sys
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def leave_when_asked() -> None:
    """Until there is a Stop, SIGTERM and SIGINT end the process at once, and in good order."""
    for number in _SIGNALS:
        signal.signal(number, _leave)


class Stop:
    """Asked for by SIGTERM, SIGINT or `ask`, once: what comes after the first does nothing.

    It breaks off (cancels) the task that made it as long as that is starting; afterwards the task
    waits for it.
    """

    def __init__(self) -> None:
        self._starting = asyncio.current_task()
        self._asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.ask)

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
        """The start is over: returns when the process is asked to end."""
        self._starting = None
        await self._asked.wait()


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(0)
