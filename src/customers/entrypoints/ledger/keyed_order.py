"""Concurrent work in which items that share a key run one after another, in the order given."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def run_in_key_order(
    items: Sequence[Item],
    keys: Callable[[Item], Collection[Hashable]],
    work: Callable[[Item], Awaitable[Result]],
) -> list[Result]:
    """The result of `work` for each item, in the order of the items; `work` must not raise.

    An item starts when every earlier item that shares a key with it is done. When this call is
    cancelled, the items that have not started never do.
    """
    last_tasks: dict[Hashable, asyncio.Task[Result]] = {}
    tasks = []
    for item in items:
        item_keys = keys(item)
        predecessors = {last_tasks[key] for key in item_keys if key in last_tasks}
        task = asyncio.create_task(_run_after(predecessors, work, item))
        last_tasks |= dict.fromkeys(item_keys, task)
        tasks.append(task)
    return await asyncio.gather(*tasks)


async def _run_after(
    predecessors: Collection[asyncio.Task[Result]],
    work: Callable[[Item], Awaitable[Result]],
    item: Item,
) -> Result:
    if predecessors:
        await asyncio.wait(predecessors)
    return await work(item)
