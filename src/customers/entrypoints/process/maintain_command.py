"""The command `customers maintain`, and the same work in the background of the sweeper."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from attrs import define, field

from customers.core.errors.availability import Unavailable
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import database
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.persistent_database import persistent_database

# How often the process that sweeps checks whether maintenance is due.
CHECK_SECONDS = 60.0
OWNER_NEEDED = (
    "a role with row security cannot maintain tables after erasures: let the owner of the tables "
    "run `customers maintain` at intervals"
)


async def maintain(settings: Settings, output: Output, *, is_full: bool) -> None:
    """Maintains the database and prints what was done; exits with 1 if another run is needed."""
    async with persistent_database(settings) as dsn:
        done = await database.maintain(dsn, is_full=is_full)
    if not done.erasures and not is_full:
        output.info(f"{done.place}: nobody was erased since the last run, nothing to do")
        return
    output.info(
        f"{done.place}: maintained after {_counted(done.erasures, 'erasure')} in "
        f"{done.seconds:.1f} s; rewritten tables: {_listed(done.rewritten)}",
        erasures=done.erasures,
        rewritten=list(done.rewritten),
        seconds=round(done.seconds, 3),
    )
    if done.unwritten:
        output.info(
            f"{done.place}: freed space in the files of {_listed(done.unwritten)} may still hold "
            "bytes of erased rows, which no statement can read: new rows overwrite them, and "
            "`customers maintain --full` removes them",
            unwritten=list(done.unwritten),
        )
    for reason in done.unfinished:
        output.error(f"{done.place}: {reason}: run `customers maintain` again later")
    if done.unfinished:
        sys.exit(1)


def background_maintenance(settings: Settings, dsn: str) -> "BackgroundMaintenance":
    """The maintenance that runs beside the sweeper. It does nothing with MAINTAIN_SECONDS=0, memory
    storage, a pooler (which has no session locks) or row security (which logs a warning).
    """
    interval = settings.maintain_seconds
    if not interval or settings.storage == "memory" or settings.pooler == "transaction":
        return NONE
    if settings.has_row_security:
        logger().warning(OWNER_NEEDED)
        return NONE
    return BackgroundMaintenance(lambda: _maintain_if_due(dsn, interval))


@define(eq=False)
class BackgroundMaintenance:
    """Work that runs beside the sweeps of this process, one run at a time."""

    _work: Callable[[], Awaitable[None]] | None
    _check_at: float = field(default=0.0, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Starts the work, unless it runs, or began less than CHECK_SECONDS ago."""
        now = asyncio.get_running_loop().time()
        if self._work is None or self.tasks() or now < self._check_at:
            return
        self._check_at = now + CHECK_SECONDS
        self._task = asyncio.create_task(_logged(self._work))

    def tasks(self) -> Sequence["asyncio.Task[None]"]:
        """The work under way, if any."""
        return () if self._task is None or self._task.done() else (self._task,)


NONE = BackgroundMaintenance(None)


async def _logged(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Unavailable:
        logger().warning("maintenance failed: the database is unavailable")
    except Exception:
        logger().exception("maintenance failed")


async def _maintain_if_due(dsn: str, interval: float) -> None:
    if (done := await database.maintain_if_due(dsn, interval)) is None:
        return
    logger().info(
        "maintained after erasures",
        erasures=done.erasures,
        rewritten=list(done.rewritten),
        unwritten=list(done.unwritten),
        unfinished=list(done.unfinished),
        seconds=round(done.seconds, 3),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
