"""Tasks wait for places; a task that gives up neither waits nor takes a place any more."""

import asyncio

import pytest

from customers.bulkheads.turnstile import Turnstile


async def settle() -> None:
    """Lets every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_task_enters_when_another_one_leaves() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("a")
    waiting = asyncio.create_task(turnstile.enter("b"))
    await settle()
    assert not waiting.done()
    turnstile.leave("a")
    await waiting
    assert turnstile.usage().taken == 1


async def test_a_task_that_waits_for_too_long_raises_a_timeout() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("a")
    with pytest.raises(TimeoutError):
        await turnstile.enter("b", 0.01)
    assert turnstile.usage().waiting == 0


async def test_a_tenant_with_its_share_waits_although_there_are_places() -> None:
    turnstile = Turnstile(10)
    for _ in range(8):
        await turnstile.enter("a")
    with pytest.raises(TimeoutError):
        await turnstile.enter("a", 0.01)
    assert turnstile.is_busy_with("a")
    await turnstile.enter("b")


async def test_cancelled_tasks_cost_no_place() -> None:
    for turns in range(6):
        turnstile = Turnstile(1)
        await turnstile.enter("a")
        tasks = [asyncio.create_task(turnstile.enter(tenant)) for tenant in "bcbc"]
        await settle()
        turnstile.leave("a")
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[:3]:
            task.cancel()
        results = await asyncio.gather(*tasks[:3], return_exceptions=True)
        for tenant, result in zip("bcb", results, strict=True):
            if result is None:
                turnstile.leave(tenant)
        await tasks[3]
        assert turnstile.usage().taken == 1
        assert turnstile.usage().waiting == 0


async def test_who_waits_can_be_turned_away() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("a")
    tasks = [asyncio.create_task(turnstile.enter(tenant)) for tenant in "bc"]
    await settle()
    turnstile.turn_away(ConnectionError)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError]
    turnstile.leave("a")
    assert turnstile.usage().taken == turnstile.usage().waiting == 0
