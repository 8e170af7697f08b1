"""The sweeper of a process: calls the sweeping of segments now and then, while the service runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from customers.core.errors import Unavailable
from customers.core.services.sweeping import Builds, Sweeping
from customers.entrypoints.logs import logger
from customers.entrypoints.metrics import Metrics

# A sweeper that dies keeps the others waiting for so long.
LEASE_SECONDS = 10.0
# Time moves few customers in a minute, and reads see to those themselves.
ROUND_SECONDS = 30.0
PAUSE_OF_BUILDS = 0.05
PAUSE_AFTER_FAILURE = 5.0


@asynccontextmanager
async def swept(sweeping: Sweeping, metrics: Metrics, every: float) -> AsyncIterator[None]:
    """Sweeps while the block runs, with pauses of so many seconds; never if they are 0."""
    task = asyncio.create_task(_sweep(sweeping, metrics, every)) if every else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _sweep(sweeping: Sweeping, metrics: Metrics, every: float) -> None:
    loop, next_round, is_failing = asyncio.get_running_loop(), 0.0, False
    while True:
        try:
            builds = await sweeping.settle(LEASE_SECONDS)
            if builds is not None and loop.time() >= next_round:
                await sweeping.follow_time(LEASE_SECONDS)
                next_round = loop.time() + ROUND_SECONDS
            is_failing = False
        except Unavailable as reason:
            builds = None
            if not is_failing:
                logger().warning("segments are not swept", reason=str(reason))
            is_failing = True
        except Exception:
            builds, is_failing = None, True
            logger().exception("segments were not swept")
        metrics.tell_builds(*_numbers(builds))
        await asyncio.sleep(_pause(every, builds, is_failing))


def _numbers(builds: Builds | None) -> tuple[int, float]:
    told = builds or Builds()
    return told.number, told.progress


def _pause(every: float, builds: Builds | None, is_failing: bool) -> float:
    if is_failing:
        return max(every, PAUSE_AFTER_FAILURE)
    return min(every, PAUSE_OF_BUILDS) if builds and builds.number else every
