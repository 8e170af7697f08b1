"""Does the work of many items concurrently; items that share a key follow one another in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def run_in_key_order(
    items: Sequence[Item],
    keys: Callable[[Item], Collection[Hashable]],
    begin: Callable[[Item], Awaitable[asyncio.Task[Result]]],
) -> list[Result]:
    """The result of each item, in the order of the items.

    `begin` waits until there is room for an item, and returns the task that does its work. `begin`
    is called for one item at a time, when every earlier item that shares a key with it is done.
    When this call is cancelled, no further item is begun; tasks that have begun go on.
    """
    order = _KeyOrder([keys(item) for item in items])
    tasks: dict[int, asyncio.Task[Result]] = {}
    for _ in items:
        number = await order.next()
        tasks[number] = task = await begin(items[number])
        task.add_done_callback(partial(order.done, number))
    if tasks:
        await asyncio.wait(tasks.values())
    return [tasks[number].result() for number in range(len(items))]


class _KeyOrder:
    """The items by number: how many items each waits for, and which can begin next."""

    def __init__(self, keys: Sequence[Collection[Hashable]]) -> None:
        last: dict[Hashable, int] = {}
        self._followers: dict[int, list[int]] = {}
        self._awaited: dict[int, int] = {}
        """How many earlier items each item waits for."""
        for number, item_keys in enumerate(keys):
            predecessors = {last[key] for key in item_keys if key in last}
            self._awaited[number] = len(predecessors)
            for predecessor in predecessors:
                self._followers.setdefault(predecessor, []).append(number)
            last |= dict.fromkeys(item_keys, number)
        self._next = deque(number for number, count in self._awaited.items() if not count)
        self._has_next = asyncio.Event()

    async def next(self) -> int:
        """The number of the next item that waits for no other one; returns each number once."""
        while not self._next:
            self._has_next.clear()
            await self._has_next.wait()
        return self._next.popleft()

    def done(self, number: int, _: object) -> None:
        """Marks an item as done; items that only waited for this one can begin."""
        for follower in self._followers.pop(number, ()):
            self._awaited[follower] -= 1
            if not self._awaited[follower]:
                self._next.append(follower)
                self._has_next.set()
