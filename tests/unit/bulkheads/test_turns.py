"""Long work gives way to other tasks, and ends at its deadline."""

import asyncio

import pytest

from customers.bulkheads import turns
from customers.bulkheads.deadline import Deadline, deadline_after
from customers.bulkheads.turns import Turn
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
