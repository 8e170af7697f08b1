"""Calls that wait together share a statement, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from random import Random

import pytest
from attrs import define, field

from customers.bulkheads.deadline import (
    NO_DEADLINE,
    Deadline,
    current_deadline,
    deadline_after,
)
from customers.bulkheads.groups import MAX_CALLS, MAX_UNDER_WAY, GroupObserver, Groups
from customers.core.errors.availability import TenantBusy, Unavailable

BAD, UNKNOWN = "bad", "unknown"
CALLER = ContextVar("caller", default="nobody")


class Late(Exception):
    """The error of a call that still waits for a statement at its deadline."""


class Unanswered(Exception):
    """The error of a call whose statement has no answer at its deadline."""


@define(eq=False)
class Server(GroupObserver):
    """Answers each key but UNKNOWN with the tenant, the key, and the state when the statement was
    sent, once the gate is open; a statement with the key BAD fails.
    """

    state: int = 0
    gate: asyncio.Event = field(factory=asyncio.Event)
    bad_gate: asyncio.Event | None = None
    """What a statement for the bad key alone waits for after the gate."""
    connection_gate: asyncio.Event | None = None
    """What opening a session waits for."""
    refusal: Exception | None = None
    failure: Exception = field(factory=ZeroDivisionError)
    sent: list[tuple[str, Sequence[str]]] = field(factory=list)
    deadlines: list[Deadline] = field(factory=list)
    callers: list[str] = field(factory=list)
    tasks: list[asyncio.Task[object] | None] = field(factory=list)
    sizes: list[int] = field(factory=list)
    refused: int = 0
    under_way: list[str] = field(factory=list)
    max_under_way: int = 0

    def groups(self) -> Groups[str, str, str]:
        return Groups(self.connect, self.ask, self)

    @asynccontextmanager
    async def connect(self, tenant_id: str) -> AsyncIterator[str]:
        self.under_way.append(tenant_id)
        self.max_under_way = max(self.max_under_way, self.under_way.count(tenant_id))
        try:
            if self.connection_gate is not None:
                await self.connection_gate.wait()
            if self.refusal is not None:
                await self.gate.wait()
                raise self.refusal
            yield tenant_id
        finally:
            self.under_way.remove(tenant_id)

    async def ask(self, tenant_id: str, keys: Sequence[str]) -> Mapping[str, str]:
        self.sent.append((tenant_id, keys))
        self.deadlines.append(current_deadline())
        self.callers.append(CALLER.get())
        self.tasks.append(asyncio.current_task())
        answers = {key: f"{tenant_id} {key} {self.state}" for key in keys if key != UNKNOWN}
        await self.gate.wait()
        if keys == [BAD] and self.bad_gate is not None:
            await self.bad_gate.wait()
        if BAD in keys:
            raise self.failure
        return answers

    def shared(self, calls: int) -> None:
        self.sizes.append(calls)

    def unanswered(self) -> Exception:
        return Unanswered()

    def late(self, tenant_id: str) -> Exception:
        return Late(tenant_id)

    def refused_together(self, error: TenantBusy | Unavailable) -> Exception:
        self.refused += 1
        return type(error)(f"{error} (again)")


Calls = list["asyncio.Task[str | None]"]


async def begin(groups: Groups[str, str, str], *keys: str, tenant: str = "a") -> Calls:
    """Starts a call for each key, in order; returns their tasks."""
    calls = [asyncio.create_task(groups.call(tenant, key)) for key in keys]
    await settle()
    return calls


async def settle() -> None:
    """Lets every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def outcomes(calls: Calls) -> list[object]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def test_a_lone_call_is_made_at_once_in_its_own_task() -> None:
    server = Server()
    [call] = await begin(server.groups(), "1")
    assert server.sent == [("a", ["1"])]
    assert server.tasks == [call]
    server.gate.set()
    assert await call == "a 1 0"
    assert server.sizes == []


async def test_calls_that_come_while_statements_are_under_way_share_the_next_one() -> None:
    server = Server()
    calls = await begin(server.groups(), *"12345")
    assert server.sent == [("a", ["1"]), ("a", ["2"])]
    server.gate.set()
    assert await outcomes(calls) == [f"a {key} 0" for key in "12345"]
    assert server.sent[2:] == [("a", ["3", "4", "5"])]
    assert server.sizes == [3]


async def test_a_call_is_only_answered_by_a_statement_that_was_sent_after_it() -> None:
    server = Server()
    groups = server.groups()
    old = await begin(groups, "1", "2")
    server.state = 1
    new = await begin(groups, "1", "2", "1")
    server.gate.set()
    assert await outcomes(old) == ["a 1 0", "a 2 0"]
    assert await outcomes(new) == ["a 1 1", "a 2 1", "a 1 1"]
    assert server.sent[2:] == [("a", ["1", "2"])]


async def test_a_key_without_an_answer_is_answered_by_none() -> None:
    server = Server()
    server.gate.set()
    calls = await begin(server.groups(), *"12", UNKNOWN, "3", UNKNOWN)
    assert await outcomes(calls) == ["a 1 0", "a 2 0", None, "a 3 0", None]


async def test_no_two_tenants_share_a_statement_or_wait_for_each_other() -> None:
    server = Server()
    groups = server.groups()
    calls = await begin(groups, *"123") + await begin(groups, *"123", tenant="b")
    assert server.sent == [("a", ["1"]), ("a", ["2"]), ("b", ["1"]), ("b", ["2"])]
    server.gate.set()
    assert await outcomes(calls) == [f"{tenant} {key} 0" for tenant in "ab" for key in "123"]
    assert server.sent[4:] == [("a", ["3"]), ("b", ["3"])]


async def test_a_caller_who_leaves_is_not_asked_for_and_the_others_are_answered() -> None:
    server = Server()
    calls = await begin(server.groups(), *"12345")
    calls[3].cancel()
    await settle()
    server.gate.set()
    assert await outcomes([*calls[:3], calls[4]]) == [f"a {key} 0" for key in "1235"]
    assert server.sent[2:] == [("a", ["3", "5"])]


async def test_a_caller_may_leave_while_the_shared_statement_is_under_way() -> None:
    server = Server()
    groups = server.groups()
    first = await begin(groups, *"12")
    calls = await begin(groups, *"345")
    first[0].cancel()
    await settle()
    assert server.sent[2:] == [("a", ["3", "4", "5"])]
    calls[0].cancel()
    server.gate.set()
    assert [type(outcome) for outcome in await outcomes(calls)] == [
        asyncio.CancelledError,
        str,
        str,
    ]


async def test_no_statement_is_sent_for_callers_who_have_all_left() -> None:
    server = Server()
    groups = server.groups()
    calls = await begin(groups, *"1234")
    for call in calls:
        call.cancel()
    await outcomes(calls)
    await groups.close()
    assert len(server.sent) == 2


async def test_a_call_without_an_answer_at_its_deadline_fails_alone() -> None:
    server = Server()
    groups = server.groups()
    calls = await begin(groups, *"12")
    with deadline_after(0):
        [late] = await begin(groups, "3")
    calls += await begin(groups, "4")
    with pytest.raises(Late, match="a"):
        await late
    server.gate.set()
    assert await outcomes(calls) == ["a 1 0", "a 2 0", "a 4 0"]
    assert server.sent[2:] == [("a", ["4"])]


@pytest.mark.parametrize("patient", [["4"], []])
async def test_a_call_whose_statement_has_no_session_at_its_deadline_is_not_sent(
    patient: Sequence[str],
) -> None:
    server = Server()
    groups = server.groups()
    calls = await begin(groups, *"12")
    with deadline_after(0):
        [late] = await begin(groups, "3")
    calls += await begin(groups, *patient)
    server.connection_gate = asyncio.Event()
    server.gate.set()
    with pytest.raises(Late, match="a"):
        await late
    server.connection_gate.set()
    assert await outcomes(calls) == [f"a {key} 0" for key in ("1", "2", *patient)]
    await groups.close()
    assert server.sent[2:] == ([("a", patient)] if patient else [])


async def test_a_shared_statement_has_the_latest_deadline_of_its_calls() -> None:
    server = Server()
    groups = server.groups()
    with deadline_after(10):
        calls = await begin(groups, *"12")
    deadlines = []
    for seconds in (40, 50, 30):
        with deadline_after(seconds):
            deadlines.append(current_deadline())
            calls += await begin(groups, str(seconds))
    server.gate.set()
    await outcomes(calls)
    assert server.deadlines[2:] == [deadlines[1]]


async def test_a_shared_statement_has_no_deadline_if_one_of_its_calls_has_none() -> None:
    server = Server()
    groups = server.groups()
    with deadline_after(10):
        calls = await begin(groups, *"123")
    calls += await begin(groups, "4")
    server.gate.set()
    await outcomes(calls)
    assert server.sent[2:] == [("a", ["3", "4"])]
    assert server.deadlines[2] == NO_DEADLINE


async def test_a_shared_statement_is_logged_as_of_none_of_its_callers() -> None:
    server = Server()
    groups = server.groups()
    CALLER.set("ada")
    calls = await begin(groups, *"1234")
    server.gate.set()
    await outcomes(calls)
    assert server.callers == ["ada", "ada", "nobody"]


@pytest.mark.parametrize("failure", [ZeroDivisionError(), Unavailable("lost")])
async def test_a_statement_that_fails_is_tried_again_call_by_call(failure: Exception) -> None:
    server = Server(failure=failure)
    calls = await begin(server.groups(), *"12", "3", BAD, "4", BAD)
    server.gate.set()
    results = await outcomes(calls)
    assert results[:3] == ["a 1 0", "a 2 0", "a 3 0"]
    assert results[4] == "a 4 0"
    assert [results[3], results[5]] == [failure, failure]
    assert [keys for _, keys in server.sent[3:]] == [["3"], [BAD], ["4"], [BAD]]
    assert server.max_under_way == MAX_UNDER_WAY


async def test_callers_may_leave_while_their_calls_are_tried_one_by_one() -> None:
    server = Server(bad_gate=asyncio.Event())
    calls = await begin(server.groups(), "1", "2", BAD, "3", "4")
    server.gate.set()
    await settle()
    for call in calls[2:4]:
        call.cancel()
    await settle()
    assert server.bad_gate is not None
    server.bad_gate.set()
    assert (await outcomes(calls))[4] == "a 4 0"
    assert [keys for _, keys in server.sent[3:]] == [[BAD], ["4"]]


async def test_a_statement_of_one_call_is_not_tried_again() -> None:
    server = Server()
    calls = await begin(server.groups(), "1", "2", BAD)
    server.gate.set()
    assert isinstance((await outcomes(calls))[2], ZeroDivisionError)
    assert [keys for _, keys in server.sent] == [["1"], ["2"], [BAD]]


async def test_each_call_that_is_tried_again_has_its_own_deadline() -> None:
    server = Server()
    groups = server.groups()
    calls = await begin(groups, *"12")
    deadlines = []
    for seconds, key in ((40, "3"), (50, BAD)):
        with deadline_after(seconds):
            deadlines.append(current_deadline())
            calls += await begin(groups, key)
    server.gate.set()
    await outcomes(calls)
    assert server.deadlines[3:] == deadlines


async def test_the_failure_of_a_lone_call_is_its_own() -> None:
    server = Server()
    calls = await begin(server.groups(), BAD, "1", "2")
    server.gate.set()
    results = await outcomes(calls)
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == ["a 1 0", "a 2 0"]


@pytest.mark.parametrize("refusal", [TenantBusy("busy"), Unavailable("away")])
async def test_calls_that_are_refused_together_have_an_error_each(
    refusal: TenantBusy | Unavailable,
) -> None:
    server = Server(refusal=refusal)
    calls = await begin(server.groups(), *"12345")
    server.gate.set()
    errors = await outcomes(calls)
    assert errors[:3] == [refusal] * 3
    assert [str(error) for error in errors[3:]] == [f"{refusal} (again)"] * 2
    assert errors[3] is not errors[4]
    assert server.refused == 2


async def test_a_defect_before_the_statement_is_met_by_each_call_alone() -> None:
    server = Server(refusal=ZeroDivisionError())
    calls = await begin(server.groups(), *"1234")
    server.gate.set()
    assert [type(error) for error in await outcomes(calls)] == [ZeroDivisionError] * 4
    assert server.refused == 0


async def test_a_statement_is_shared_by_a_limited_number_of_calls() -> None:
    server = Server()
    keys = [str(number) for number in range(2 * MAX_CALLS + 10)]
    calls = await begin(server.groups(), *keys)
    server.gate.set()
    assert await outcomes(calls) == [f"a {key} 0" for key in keys]
    assert server.sizes == [MAX_CALLS, MAX_CALLS, 8]
    assert server.max_under_way == MAX_UNDER_WAY


async def test_closing_waits_for_the_calls_that_wait() -> None:
    server = Server()
    groups = server.groups()
    calls = await begin(groups, *"12345")
    closing = asyncio.create_task(groups.close())
    await settle()
    assert not closing.done()
    server.gate.set()
    await closing
    assert not server.under_way
    assert await outcomes(calls) == [f"a {key} 0" for key in "12345"]


async def test_whatever_happens_each_call_has_its_own_outcome_and_nothing_remains() -> None:
    random = Random(7)
    server = Server()
    groups = server.groups()
    calls = {}
    for _ in range(600):
        tenant, key = random.choice("abc"), random.choice([*"12345", BAD, UNKNOWN])
        calls[asyncio.create_task(groups.call(tenant, key))] = (tenant, key)
        server.gate.set() if random.random() < 0.5 else server.gate.clear()
        if random.random() < 0.1:
            random.choice(list(calls)).cancel()
        if random.random() < 0.3:
            await settle()
    server.gate.set()
    await groups.close()
    for call, (tenant, key) in calls.items():
        [outcome] = await outcomes([call])
        expected = {BAD: ZeroDivisionError, UNKNOWN: type(None)}.get(key, str)
        assert call.cancelled() or type(outcome) is expected
        assert expected is not str or call.cancelled() or outcome == f"{tenant} {key} 0"
    assert server.max_under_way == MAX_UNDER_WAY
    assert max(server.sizes) > 2
