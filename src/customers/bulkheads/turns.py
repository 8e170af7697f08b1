"""Lets other tasks run between the steps of long work; a `Turn` also ends work at its deadline."""

from asyncio import sleep
from collections.abc import AsyncIterator, Iterable
from time import monotonic
from typing import TypeVar

from customers.bulkheads.deadline import Deadline, current_deadline
from customers.core.errors.availability import Unavailable

Item = TypeVar("Item")

TURN_SECONDS = 0.01
# Few enough that a slice takes less than a millisecond: a short request needs the event loop
# several times, and may wait for a slice each time.
SLICE_ITEMS = 10


class Turn:
    """The time for which a task may work before it lets other tasks run. A new turn is over, so
    that the first `give_way` lets them run.
    """

    __slots__ = ("_deadline", "_ends")

    def __init__(self, deadline: Deadline | None = None) -> None:
        self._deadline = current_deadline() if deadline is None else deadline
        self._ends = 0.0

    async def give_way(self) -> None:
        """If the turn is over, lets other tasks run and begins the next turn, or raises Unavailable
        after the deadline.
        """
        if monotonic() < self._ends:
            return
        if self._deadline.is_over():
            raise Unavailable("this took too long, try again in a moment")
        await sleep(0)
        self._ends = monotonic() + TURN_SECONDS


async def in_slices(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yields the items; lets other tasks run before each slice of SLICE_ITEMS items."""
    for number, item in enumerate(items):
        if number % SLICE_ITEMS == 0:
            await sleep(0)
        yield item
