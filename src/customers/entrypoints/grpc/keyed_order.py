"""Many things done at once, and those that touch the same in the order in which they stand."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def in_turn(
    items: Sequence[Item],
    keys: Callable[[Item], Collection[Hashable]],
    do: Callable[[Item], Awaitable[Result]],
    at_once: asyncio.Semaphore,
) -> list[Result]:
    """What `do` gives for each item, in their order; `do` must not raise.

    An item is begun once every earlier one that shares a key with it is done, and the semaphore
    lets it in.
    """
    last: dict[Hashable, asyncio.Task[Result]] = {}
    tasks = []
    for item in items:
        own = keys(item)
        before = {last[key] for key in own if key in last}
        task = asyncio.create_task(_after(before, at_once, do, item))
        last |= dict.fromkeys(own, task)
        tasks.append(task)
    return await asyncio.gather(*tasks)


async def _after(
    before: Collection[asyncio.Task[Result]],
    at_once: asyncio.Semaphore,
    do: Callable[[Item], Awaitable[Result]],
    item: Item,
) -> Result:
    if before:
        await asyncio.wait(before)
    async with at_once:
        return await do(item)
