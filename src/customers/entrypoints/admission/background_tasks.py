"""Work that runs to its end once it has begun, even when its caller disconnects.

gRPC cancels the handler of a caller who disconnected or whose deadline has passed. The work runs in
a task of its own, so that no transaction is interrupted and no connection is left unusable.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from customers.core.errors import CustomersError
from customers.entrypoints.observability.logs import logger

Result = TypeVar("Result")


class BackgroundTasks:
    """The running tasks of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Returns or raises what the work does; cancelling this call does not cancel the work."""
        task = self.start(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_exception)
            raise

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Starts a task that does the work, and returns it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait_until_done(self) -> None:
        """Waits until no task is running."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def _log_exception(task: asyncio.Task[Any]) -> None:
    """Logs an exception after a disconnect, except a CustomersError: only its caller needs it."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, CustomersError):
        logger().error("unhandled exception after client disconnect", exc_info=error)
