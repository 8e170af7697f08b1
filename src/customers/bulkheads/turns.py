"""Turns: work that takes long lets other tasks run between its steps, and ends in time."""

from asyncio import sleep
from collections.abc import AsyncIterator, Iterable
from time import monotonic
from typing import TypeVar

from customers.bulkheads.deadline import Deadline, current_deadline
from customers.core.errors.availability import Unavailable

Item = TypeVar("Item")

TURN_SECONDS = 0.01
# Some tenths of a millisecond, for items of some ten microseconds each: a short request needs the
# event loop several times.
SLICE_ITEMS = 10


class Turn:
    """The turn of one task. It is over at first, so that the first one to ask gives way."""

    __slots__ = ("_deadline", "_ends")

    def __init__(self, deadline: Deadline | None = None) -> None:
        self._deadline = current_deadline() if deadline is None else deadline
        self._ends = 0.0

    async def give_way(self) -> None:
        """Lets other tasks run if the turn is over. Raises Unavailable after the deadline."""
        if monotonic() < self._ends:
            return
        if self._deadline.is_over():
            raise Unavailable("this took too long, try again in a moment")
        await sleep(0)
        self._ends = monotonic() + TURN_SECONDS


async def in_slices(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items; lets other tasks run before each SLICE_ITEMS of them."""
    for number, item in enumerate(items):
        if number % SLICE_ITEMS == 0:
            await sleep(0)
        yield item
