"""Calls that change something: no two statements are about the same subject at once."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest
from attrs import define, field

from customers.bulkheads.deadline import deadline_after
from customers.bulkheads.groups import LEFT_OUT, GroupObserver, Groups, LeftOut
from customers.core.errors.availability import TenantBusy, Unavailable

BAD = "bad 1"


class Late(Exception):
    """The error of a call that still waits for a statement at its deadline."""


class Unanswered(Exception):
    """The error of a call whose statement has no answer at its deadline."""


@define(eq=False)
class Server(GroupObserver):
    """Answers keys such as "x 1", whose subject is x. It leaves out keys whose subject is `taken`;
    `insist` answers a key that was left out, once `free` is set.
    """

    gate: asyncio.Event = field(factory=asyncio.Event)
    free: asyncio.Event = field(factory=asyncio.Event)
    taken: set[str] = field(factory=set)
    failure: Exception = field(factory=ZeroDivisionError)
    broken: str = ""
    """The key whose answer is an error."""
    sent: list[Sequence[str]] = field(factory=list)
    again: list[str] = field(factory=list)
    under_way: list[str] = field(factory=list)

    def groups(self, *, may_repeat: bool = True) -> Groups[str, str, str]:
        return Groups(
            self.connect,
            self.ask,
            self,
            may_repeat=lambda _: may_repeat,
            subject_of=subject_of,
            insist=self.insist,
        )

    @asynccontextmanager
    async def connect(self, tenant_id: str) -> AsyncIterator[str]:
        yield tenant_id

    async def ask(
        self, tenant_id: str, keys: Sequence[str]
    ) -> Mapping[str, str | LeftOut | Exception]:
        self.sent.append(keys)
        subjects = {subject_of(key) for key in keys}
        assert subjects.isdisjoint(self.under_way)
        self.under_way += subjects
        try:
            await self.gate.wait()
        finally:
            self.under_way = [one for one in self.under_way if one not in subjects]
        if BAD in keys:
            raise self.failure
        return {key: self._answer(key) for key in keys}

    def _answer(self, key: str) -> str | LeftOut | Exception:
        if key == self.broken:
            return KeyError(key)
        return LEFT_OUT if subject_of(key) in self.taken else f"new {key}"

    async def insist(self, tenant_id: str, key: str) -> str | None:
        self.again.append(key)
        await self.free.wait()
        return f"late {key}"

    def shared(self, calls: int) -> None: ...

    def unanswered(self) -> Exception:
        return Unanswered()

    def late(self, tenant_id: str) -> Exception:
        return Late(tenant_id)

    def refused_together(self, error: TenantBusy | Unavailable) -> Exception:
        return type(error)(f"{error} (again)")


Calls = list["asyncio.Task[str | None]"]


def subject_of(key: str) -> str:
    return key.partition(" ")[0]


async def begin(groups: Groups[str, str, str], *keys: str) -> Calls:
    """Starts a call for each key, in order; returns their tasks."""
    calls = [asyncio.create_task(groups.call("tenant", key)) for key in keys]
    await settle()
    return calls


async def settle() -> None:
    """Lets every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def outcomes(calls: Calls) -> list[object]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def test_a_call_waits_for_the_statement_about_its_subject_and_no_other_one_does() -> None:
    server = Server()
    calls = await begin(server.groups(), "x 1", "x 2", "y 1", "x 3", "z 1")
    assert server.sent == [["x 1"], ["y 1"]]
    server.gate.set()
    assert await outcomes(calls) == ["new x 1", "new x 2", "new y 1", "new x 3", "new z 1"]
    # The waiting calls share a statement, also those about one subject.
    assert server.sent[2:] == [["x 2", "x 3", "z 1"]]


async def test_calls_that_cannot_go_yet_keep_their_order_and_delay_nobody() -> None:
    server = Server()
    groups = server.groups()
    first = await begin(groups, "x 1")
    second = await begin(groups, "x 2", "x 3")
    third = await begin(groups, "y 1")
    assert server.sent == [["x 1"], ["y 1"]]
    server.gate.set()
    await outcomes([*first, *second, *third])
    assert server.sent[2:] == [["x 2", "x 3"]]


async def test_what_is_left_out_waits_by_itself_and_only_its_subject_waits_with_it() -> None:
    server = Server(taken={"x"})
    server.gate.set()
    groups = server.groups()
    [left_out] = await begin(groups, "x 1")
    assert server.again == ["x 1"]
    behind = await begin(groups, "x 2")
    others = await begin(groups, "y 1", "z 1")
    assert await outcomes(others) == ["new y 1", "new z 1"]
    assert not left_out.done()
    assert ["x 2"] not in server.sent
    server.taken.clear()
    server.free.set()
    assert await outcomes([left_out, *behind]) == ["late x 1", "new x 2"]


async def test_of_what_is_left_out_the_first_is_asked_again_and_the_rest_goes_together() -> None:
    server = Server(taken={"x"})
    groups = server.groups()
    first = await begin(groups, "a 1", "b 1")
    calls = await begin(groups, "x 1", "y 1", "x 2", "x 3")
    server.gate.set()
    await settle()
    assert await outcomes([*first, calls[1]]) == ["new a 1", "new b 1", "new y 1"]
    assert server.again == ["x 1"]
    server.taken.clear()
    server.free.set()
    assert await outcomes(calls) == ["late x 1", "new y 1", "new x 2", "new x 3"]
    assert server.again == ["x 1"]
    assert server.sent[-1] == ["x 2", "x 3"]


async def test_one_after_another_is_asked_again_while_somebody_else_has_the_subject() -> None:
    server = Server(taken={"x"})
    server.free.set()
    groups = server.groups()
    first = await begin(groups, "a 1", "b 1")
    calls = await begin(groups, "x 1", "x 2", "x 3")
    server.gate.set()
    assert await outcomes([*first, *calls]) == [
        *("new a 1", "new b 1"),
        *("late x 1", "late x 2", "late x 3"),
    ]


async def test_a_caller_who_leaves_while_asking_again_lets_the_next_one_go() -> None:
    server = Server(taken={"x"})
    groups = server.groups()
    server.gate.set()
    calls = await begin(groups, "x 1", "x 2")
    calls[0].cancel()
    await settle()
    assert server.again == ["x 1", "x 2"]
    server.free.set()
    assert (await outcomes(calls))[1] == "late x 2"


async def test_an_answer_that_is_an_error_is_that_of_its_own_call() -> None:
    server = Server(broken="y 1")
    groups = server.groups()
    first = await begin(groups, "a 1", "b 1")
    calls = await begin(groups, "x 1", "y 1", "z 1")
    server.gate.set()
    await outcomes(first)
    results = await outcomes([*calls, *await begin(groups, "y 1")])
    assert [type(one) for one in results] == [str, KeyError, str, KeyError]
    assert len(server.sent) == 4


async def test_a_call_whose_statement_has_no_answer_in_time_is_not_told_that_it_was_late() -> None:
    server = Server()
    groups = server.groups()
    first = await begin(groups, "a 1", "b 1")
    with deadline_after(0):
        hasty = await begin(groups, "x 1", "a 2")
    patient = await begin(groups, "y 1")
    first[1].cancel()
    await settle()
    assert server.sent[2:] == [["x 1", "y 1"]]
    errors = await outcomes(hasty)
    assert [type(error) for error in errors] == [Unanswered, Late]
    server.gate.set()
    assert await outcomes(patient) == ["new y 1"]


async def test_closing_waits_for_what_was_left_out() -> None:
    server = Server(taken={"x"})
    server.gate.set()
    groups = server.groups()
    [call] = await begin(groups, "x 1")
    closing = asyncio.create_task(groups.close())
    await settle()
    assert not closing.done()
    server.free.set()
    await closing
    assert await call == "late x 1"
    assert not groups._queues


async def test_a_defect_after_the_statement_is_met_by_all_of_its_calls() -> None:
    server = Server(failure=KeyError("unreadable"))
    groups = server.groups(may_repeat=False)
    first = await begin(groups, "a 1", "b 1")
    calls = await begin(groups, BAD, "y 1", "z 1")
    server.gate.set()
    await outcomes(first)
    assert [type(one) for one in await outcomes(calls)] == [KeyError] * 3
    assert len(server.sent) == 3


async def test_calls_are_not_made_again_if_that_could_make_them_twice() -> None:
    server = Server(failure=Unavailable("lost"))
    groups = server.groups(may_repeat=False)
    first = await begin(groups, "a 1", "b 1")
    calls = await begin(groups, BAD, "y 1", "z 1")
    server.gate.set()
    await outcomes(first)
    errors = await outcomes(calls)
    assert [str(error) for error in errors] == ["lost", "lost (again)", "lost (again)"]
    assert all(isinstance(error, Unavailable) for error in errors)
    assert len(server.sent) == 3


@pytest.mark.parametrize("failure", [ZeroDivisionError(), Unavailable("rolled back")])
async def test_calls_whose_statement_changed_nothing_are_made_one_by_one(
    failure: Exception,
) -> None:
    server = Server(failure=failure)
    groups = server.groups()
    first = await begin(groups, "a 1", "b 1")
    calls = await begin(groups, BAD, "y 1", "z 1")
    server.gate.set()
    await outcomes(first)
    assert await outcomes(calls) == [failure, "new y 1", "new z 1"]


async def test_whatever_happens_every_call_is_answered_and_nothing_remains() -> None:
    chance = Random(7)
    for _ in range(200):
        server = Server(taken=set(chance.sample("uvwxyz", k=chance.randint(0, 3))))
        groups = server.groups()
        calls: Calls = []
        for number in range(30):
            calls += await begin(groups, f"{chance.choice('uvwxyz')} {number}")
            if chance.random() < 0.1:
                calls[chance.randrange(len(calls))].cancel()
            if chance.random() < 0.1:
                server.gate.set()
        server.gate.set()
        server.free.set()
        results = await outcomes(calls)
        assert all(isinstance(one, str | asyncio.CancelledError) for one in results)
        await groups.close()
        assert not groups._queues
