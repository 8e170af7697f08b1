"""The sweeper of a process: calls the sweeping of segments now and then, while the service runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from customers.core.errors import Unavailable
from customers.core.services.sweeper import BackfillProgress, Sweeper
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.metrics import Metrics

# A sweeper that dies keeps the others waiting for so long.
LEASE_SECONDS = 10.0
# Time moves few customers in a minute, and reads see to those themselves.
ROUND_SECONDS = 30.0
PAUSE_OF_BUILDS = 0.05
PAUSE_AFTER_FAILURE = 5.0
# One that is told to end lets go of its connection; whoever waits longer loses it.
SECONDS_TO_END = 0.5


@asynccontextmanager
async def swept(
    sweeping: Sweeper, metrics: Metrics, every: float
) -> AsyncIterator[Callable[[], None]]:
    """Sweeps while the block runs, with pauses of so many seconds; never if they are 0.

    Gives what tells the sweeper to end: it then does so while the block goes on.
    """
    tasks = [asyncio.create_task(_sweep(sweeping, metrics, every))] if every else []

    def end() -> None:
        for task in tasks:
            task.cancel()

    try:
        yield end
    finally:
        end()
        if tasks:
            await asyncio.wait(tasks, timeout=SECONDS_TO_END)


async def _sweep(sweeping: Sweeper, metrics: Metrics, every: float) -> None:
    loop, next_round, is_away = asyncio.get_running_loop(), 0.0, False
    while True:
        builds, pause = None, every
        try:
            builds = await sweeping.refresh(LEASE_SECONDS)
            if builds is not None and loop.time() >= next_round:
                await sweeping.follow_time(LEASE_SECONDS)
                next_round = loop.time() + ROUND_SECONDS
            is_away = False
        except Unavailable as problem:
            if not is_away:
                logger().warning("segments are not swept", problem=str(problem))
            is_away, pause = True, max(every, PAUSE_AFTER_FAILURE)
        except Exception:
            logger().exception("segments were not swept")
            pause = max(every, PAUSE_AFTER_FAILURE)
        metrics.set_segment_builds(*_numbers(builds))
        await asyncio.sleep(min(pause, PAUSE_OF_BUILDS) if builds and builds.count else pause)


def _numbers(builds: BackfillProgress | None) -> tuple[int, float]:
    told = builds or BackfillProgress()
    return told.count, told.progress
