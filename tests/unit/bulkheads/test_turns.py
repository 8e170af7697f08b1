"""Long work gives way to other tasks, and ends at its deadline."""

import asyncio
from itertools import groupby

import pytest

from customers.bulkheads import turns
from customers.bulkheads.deadline import Deadline, deadline_after
from customers.bulkheads.turns import SLICE_ITEMS, Turn, in_slices
from customers.core.errors.availability import Unavailable


async def test_other_tasks_run_when_a_turn_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0)
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await Turn().give_way()
    assert ran.is_set()


async def test_within_a_turn_no_other_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 60)
    turn, ran = Turn(), asyncio.Event()
    await turn.give_way()
    asyncio.get_running_loop().call_soon(ran.set)
    await turn.give_way()
    assert not ran.is_set()


async def test_after_the_deadline_it_ends() -> None:
    with pytest.raises(Unavailable):
        await Turn(Deadline.after(-1)).give_way()
    with deadline_after(-1):
        turn = Turn()
    with pytest.raises(Unavailable):
        await turn.give_way()


async def test_other_tasks_run_between_the_slices_of_many_items() -> None:
    steps: list[str] = []

    async def other() -> None:
        for _ in range(3):
            steps.append("other")
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    async for item in in_slices(range(2 * SLICE_ITEMS + 1)):
        steps.append(str(item))
    await running
    slice_sizes = [len(list(run)) for name, run in groupby(steps, str.isdigit) if name]
    assert slice_sizes == [SLICE_ITEMS, SLICE_ITEMS, 1]
    assert [int(step) for step in steps if step.isdigit()] == list(range(2 * SLICE_ITEMS + 1))
