"""Work that is finished once it has begun, whether or not its caller still waits.

gRPC cancels a handler whose caller has hung up or run out of time. What a handler does here is a
task of its own, so that no transaction is broken off and no connection is left dirty.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from customers.core.errors import CustomersError
from customers.entrypoints.observability.logs import logger

Result = TypeVar("Result")


class BackgroundTasks:
    """The work of one server that has begun and not ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def through(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What the work returns or raises; cancelling the wait for it leaves it running."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_defect)
            raise

    async def finished(self) -> None:
        """Returns when nothing that has begun is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def _log_defect(task: asyncio.Task[Any]) -> None:
    """A refusal was for the caller who has left; a defect is still for us."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, CustomersError):
        logger().error("a call that its caller had left met a defect", exc_info=error)
