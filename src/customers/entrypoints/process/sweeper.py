"""Runs the sweeper of segments at intervals, in the background of a serving process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from attrs import define, field

from customers.core.errors.availability import Unavailable
from customers.core.services.sweeper import BackfillProgress, Sweeper
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.process.maintain_command import NONE, BackgroundMaintenance

# How long the other sweepers wait before they take over from one that died.
LEASE_SECONDS = 10.0
# In this interval few memberships change by time alone, and reads correct these anyway.
FOLLOW_TIME_SECONDS = 30.0
PAUSE_DURING_BACKFILL = 0.05
PAUSE_AFTER_FAILURE = 5.0
# Enough for a cancelled sweep to release its connection; closing the storage cuts it off later.
MAX_STOP_SECONDS = 0.5


@asynccontextmanager
async def run_sweeper(
    sweeper: Sweeper, metrics: Metrics, pause: float, maintenance: BackgroundMaintenance = NONE
) -> AsyncIterator[Callable[[], None]]:
    """Sweeps while the block runs, not at all if `pause` is 0. Between sweeps it waits for `pause`
    seconds, less during backfills, and at least PAUSE_AFTER_FAILURE after a failed sweep.

    Yields a function that stops the sweeper early.
    """
    tasks = (
        [asyncio.create_task(_sweep(_Sweeps(sweeper, metrics, maintenance), pause))]
        if pause
        else []
    )

    def stop() -> None:
        for task in (*tasks, *maintenance.tasks()):
            task.cancel()
        sweeper.leave()

    try:
        yield stop
    finally:
        stop()
        if tasks:
            await asyncio.wait([*tasks, *maintenance.tasks()], timeout=MAX_STOP_SECONDS)


async def _sweep(sweeps: "_Sweeps", interval: float) -> None:
    while True:
        backfills, pause = None, interval
        try:
            backfills = await sweeps.sweep()
        except Unavailable:  # the storage has logged the cause
            pause = max(interval, PAUSE_AFTER_FAILURE)
        except ExceptionGroup as failures:  # these tenants rest, the others go on
            for failure in failures.exceptions:
                logger().error("sweep failed", exc_info=failure)
        except Exception:
            logger().exception("sweep failed")
            pause = max(interval, PAUSE_AFTER_FAILURE)
        progress = backfills or BackfillProgress()
        sweeps.metrics.set_segment_builds(progress.count, progress.progress)
        await asyncio.sleep(min(pause, PAUSE_DURING_BACKFILL) if progress.count else pause)


@define(eq=False)
class _Sweeps:
    """The sweeps of this process, one after another, and their metrics."""

    _sweeper: Sweeper
    metrics: Metrics
    _maintenance: BackgroundMaintenance
    _follow_time_at: float = field(default=0.0, init=False)

    async def sweep(self) -> BackfillProgress | None:
        """Sweeps once, if this process gets the lease; returns None if it does not."""
        if not await self._measure():
            return None
        await self._sweeper.rewrite_search_texts()
        backfills = await self._sweeper.refresh(LEASE_SECONDS)
        if backfills is None:
            self.metrics.set_sweeper(is_leader=False)
            return None
        now = asyncio.get_running_loop().time()
        if now >= self._follow_time_at:
            await self._sweeper.follow_time(LEASE_SECONDS)
            self._follow_time_at = now + FOLLOW_TIME_SECONDS
        self.metrics.sweep_succeeded()
        self._maintenance.start()
        return backfills

    async def _measure(self) -> bool:
        """Sets the metrics of the sweeper; returns whether this process gets the lease."""
        lag = None
        try:
            lag = await self._sweeper.lag(LEASE_SECONDS)
        finally:
            self.metrics.set_sweeper(
                is_leader=lag is not None,
                pending_changes=lag.pending_changes if lag else 0,
                lag_seconds=lag.seconds if lag else 0,
                failed_builds=lag.failed_builds if lag else 0,
            )
        return lag is not None
