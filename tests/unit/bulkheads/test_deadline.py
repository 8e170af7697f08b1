"""The deadline of a request reaches the tasks that work for it, and nobody else."""

import asyncio

from customers.bulkheads.deadline import (
    MIN_SECONDS,
    NO_DEADLINE,
    Deadline,
    current_deadline,
    deadline_after,
    work_until,
)


async def test_the_tasks_that_a_request_starts_share_its_deadline() -> None:
    async def of_task() -> Deadline:
        return current_deadline()

    with deadline_after(60):
        assert await asyncio.create_task(of_task()) == current_deadline() != NO_DEADLINE
    assert current_deadline() is NO_DEADLINE


async def test_a_task_may_take_another_deadline_for_itself() -> None:
    other = Deadline.after(7)

    async def of_task() -> Deadline:
        work_until(other)
        return current_deadline()

    with deadline_after(60):
        assert await asyncio.create_task(of_task()) == other != current_deadline()


def test_the_latest_deadline_is_none_if_one_of_them_is() -> None:
    soon, late = Deadline.after(1), Deadline.after(2)
    assert Deadline.latest([soon, late, soon]) == late
    assert Deadline.latest([soon, NO_DEADLINE, late]) == NO_DEADLINE


def test_without_a_deadline_nothing_is_limited() -> None:
    assert NO_DEADLINE.seconds() is None
    assert NO_DEADLINE.at_most(7) == 7
    assert not NO_DEADLINE.is_over()


def test_an_operation_gets_what_is_left_and_at_least_a_little() -> None:
    assert 0 < Deadline.after(60).at_most(100) <= 60
    assert Deadline.after(60).at_most(7) == 7
    over = Deadline.after(-1)
    assert over.is_over()
    assert over.seconds() == MIN_SECONDS
