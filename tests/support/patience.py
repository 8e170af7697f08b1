"""How long tests wait for what must happen sooner or later.

Only a hang takes that long: the wait must outlast every delay of a busy machine.
"""

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
# The deadline of a call that must arrive but is not answered: each costs its test this long.
DEADLINE_SECONDS = 3.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds. Blocks; not for code that runs in an event loop."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still false: {condition}"
        time.sleep(0.02)


async def until(condition: Callable[[], bool]) -> None:
    """As `wait_until`, without blocking the event loop."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - conditions have no event
            await asyncio.sleep(0.001)
