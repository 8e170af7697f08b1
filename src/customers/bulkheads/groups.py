"""Groups: calls of one kind and tenant that wait at the same time share one statement.

A call that finds fewer than MAX_UNDER_WAY statements of its kind and tenant under way sends its own
statement at once, in its own task. The other calls wait until one of these statements ends; up to
MAX_CALLS of them share the next one. So a call is always answered by a statement that was sent
after the call came, and the busier a tenant is, the fewer statements each of its calls costs.

Calls that change something have a subject, such as a customer, and no two statements are about the
same subject at once: a call whose subject is in use waits. A statement leaves out a call whose
subject another transaction has locked. The first call left out then runs a statement of its own
that waits for the lock; meanwhile only calls about its subject wait, and share the next statement.
"""

from asyncio import Future, Task, get_running_loop, shield
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from enum import Enum
from typing import Final, Generic, Protocol, TypeVar

from attrs import define, field

from customers.bulkheads.deadline import Deadline, current_deadline, work_until
from customers.core.errors.availability import TenantBusy, Unavailable

Session = TypeVar("Session")
Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

MAX_UNDER_WAY: Final = 2
MAX_CALLS: Final = 100


class LeftOut(Enum):
    """The answer to a call that a statement left out."""

    LEFT_OUT = "left out"


LEFT_OUT: Final = LeftOut.LEFT_OUT


class GroupObserver(Protocol):
    """Counts the calls that share statements, and makes the errors of calls that get no answer."""

    def shared(self, calls: int) -> None:
        """Counts a statement for this many calls, one or more, that waited for it."""
        ...

    def unanswered(self) -> Exception:
        """The error of a call whose statement had no answer at the deadline of the call."""
        ...

    def late(self, tenant_id: str) -> Exception:
        """The error of a call that still waited for a statement at its deadline."""
        ...

    def refused_together(self, error: TenantBusy | Unavailable) -> Exception:
        """A copy of the error with which a group failed, for another of its calls."""
        ...


@define(eq=False)
class _Call(Generic[Key, Answer]):
    key: Key
    subject: Hashable
    deadline: Deadline
    answer: "Future[Answer | LeftOut | None]"
    is_sent: bool = False

    def is_waiting(self) -> bool:
        """Whether the caller still waits for the answer."""
        return not self.answer.done()

    def take(self, answer: Answer | LeftOut | Exception | None) -> None:
        if isinstance(answer, Exception):
            self.fail(answer)
        elif self.is_waiting():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if self.is_waiting():
            self.answer.set_exception(error)
            self.answer.exception()  # or asyncio logs it if the caller has left


@define(eq=False)
class _Queue(Generic[Key, Answer]):
    """A tenant's statements under way, their subjects, and the calls that wait for the next one."""

    under_way: int = 0
    waiting: deque[_Call[Key, Answer]] = field(factory=deque)
    _subjects: dict[Hashable, int] = field(factory=dict)

    @property
    def is_unused(self) -> bool:
        return not (self.under_way or self.waiting or self._subjects)

    def is_busy_with(self, subject: Hashable) -> bool:
        """Whether a statement under way is about the subject; None is no subject."""
        return subject is not None and subject in self._subjects

    def has_next(self) -> bool:
        """Whether a waiting call can be sent, because its subject is not in use."""
        return any(not self.is_busy_with(call.subject) for call in self.waiting)

    def next_calls(self) -> Sequence[_Call[Key, Answer]]:
        """Removes and returns the first calls whose subjects are not in use, at most MAX_CALLS;
        drops calls whose callers have left.
        """
        calls, others = list[_Call[Key, Answer]](), deque[_Call[Key, Answer]]()
        while self.waiting and len(calls) < MAX_CALLS:
            call = self.waiting.popleft()
            if call.is_waiting():
                (others if self.is_busy_with(call.subject) else calls).append(call)
        self.waiting.extendleft(reversed(others))
        return calls

    def enter(self, subjects: Iterable[Hashable]) -> None:
        """Notes that a statement about these subjects begins."""
        for subject in subjects:
            if subject is not None:
                self._subjects[subject] = self._subjects.get(subject, 0) + 1

    def leave(self, subjects: Iterable[Hashable]) -> None:
        """Notes that a statement about these subjects has ended."""
        for subject in subjects:
            if subject is not None and (others := self._subjects.pop(subject) - 1):
                self._subjects[subject] = others


class Groups(Generic[Session, Key, Answer]):
    """The calls of one kind, by tenant.

    `connect` opens the session of a statement; `ask` runs the statement and returns the answers by
    key, without the keys that have no answer; an answer that is an exception is raised. If a
    statement for several calls fails, each call is tried alone: after an error for which
    `may_repeat` returns true, and if no session could be opened, unless that was refused with
    TenantBusy or Unavailable.

    `subject_of` returns the subject of a key, None without one. A call that `ask` answers with
    LEFT_OUT goes to `insist`, which waits for the lock on the subject.
    """

    def __init__(
        self,
        connect: Callable[[str], AbstractAsyncContextManager[Session]],
        ask: Callable[
            [Session, Sequence[Key]], Awaitable[Mapping[Key, Answer | LeftOut | Exception]]
        ],
        observer: GroupObserver,
        *,
        may_repeat: Callable[[Exception], bool] = lambda _: True,
        subject_of: Callable[[Key], Hashable] = lambda _: None,
        insist: Callable[[Session, Key], Awaitable[Answer | None]] | None = None,
    ) -> None:
        self._connect = connect
        self._ask = ask
        self._observer = observer
        self._may_repeat = may_repeat
        self._subject_of = subject_of
        self._insist = insist
        self._queues: dict[str, _Queue[Key, Answer]] = {}
        self._tasks: set[Task[None]] = set()
        self._closing: Future[None] | None = None

    async def call(self, tenant_id: str, key: Key) -> Answer | None:
        """The answer to a key of a tenant; None if it has no answer. Raises the error of its
        session or statement, an answer that is an exception, or an error that the observer makes.
        """
        if (queue := self._queues.get(tenant_id)) is None:
            queue = self._queues[tenant_id] = _Queue()
        subject = self._subject_of(key)
        if queue.under_way >= MAX_UNDER_WAY or queue.is_busy_with(subject):
            answer = await self._wait(tenant_id, queue, key, subject)
        else:
            answer = await self._ask_at_once(tenant_id, queue, key, subject)
        while isinstance(answer, LeftOut):
            queue = self._queues.setdefault(tenant_id, _Queue())
            if not queue.is_busy_with(subject):
                return await self._ask_again(tenant_id, queue, key, subject)
            answer = await self._wait(tenant_id, queue, key, subject)
        return answer

    async def close(self) -> None:
        """Waits until every call has ended, waiting calls included."""
        if self._queues:
            self._closing = self._closing or get_running_loop().create_future()
            await shield(self._closing)

    async def _wait(
        self, tenant_id: str, queue: _Queue[Key, Answer], key: Key, subject: Hashable
    ) -> Answer | LeftOut | None:
        loop, deadline = get_running_loop(), current_deadline()
        call: _Call[Key, Answer] = _Call(key, subject, deadline, loop.create_future())
        queue.waiting.append(call)
        seconds = deadline.seconds()
        timer = None if seconds is None else loop.call_later(seconds, call.fail, _Late())
        try:
            return await call.answer
        except _Late:
            if call.is_sent:
                raise self._observer.unanswered() from None
            raise self._observer.late(tenant_id) from None
        finally:
            if timer is not None:
                timer.cancel()

    async def _ask_at_once(
        self, tenant_id: str, queue: _Queue[Key, Answer], key: Key, subject: Hashable
    ) -> Answer | LeftOut | None:
        queue.under_way += 1
        queue.enter([subject])
        try:
            return await self._ask_alone(tenant_id, key)
        finally:
            queue.under_way -= 1
            queue.leave([subject])
            self._go_on(tenant_id, queue)

    async def _ask_again(
        self, tenant_id: str, queue: _Queue[Key, Answer], key: Key, subject: Hashable
    ) -> Answer | None:
        """Calls `insist` for a key that was left out; calls about its subject wait meanwhile."""
        if self._insist is None:
            return None
        queue.enter([subject])
        try:
            async with self._connect(tenant_id) as session:
                return await self._insist(session, key)
        finally:
            queue.leave([subject])
            self._go_on(tenant_id, queue)

    def _go_on(self, tenant_id: str, queue: _Queue[Key, Answer]) -> None:
        """Starts a statement for the calls that can be sent now; drops the queue if it is unused.
        When no queue is left, `close` ends.
        """
        if queue.under_way < MAX_UNDER_WAY and queue.has_next():
            queue.under_way += 1
            self._begin(tenant_id, queue)
        if queue.is_unused and self._queues.get(tenant_id) is queue:
            del self._queues[tenant_id]
        if not self._queues and self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def _begin(self, tenant_id: str, queue: _Queue[Key, Answer]) -> None:
        """Starts a task that serves the waiting calls; it does not inherit this task's deadline."""
        serving = self._serve(tenant_id, queue)
        task = get_running_loop().create_task(serving, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, tenant_id: str, queue: _Queue[Key, Answer]) -> None:
        calls = queue.next_calls()
        subjects = [call.subject for call in calls]
        queue.enter(subjects)
        try:
            if calls:
                await self._answer(tenant_id, calls)
        finally:
            queue.under_way -= 1
            queue.leave(subjects)
            self._go_on(tenant_id, queue)

    async def _answer(self, tenant_id: str, calls: Sequence[_Call[Key, Answer]]) -> None:
        """Answers the calls with one statement, whose deadline is the latest of their deadlines.
        Calls whose callers leave before the session is open are not part of it.
        """
        work_until(Deadline.latest([call.deadline for call in calls]))
        self._observer.shared(len(calls))
        is_connected = False
        try:
            async with self._connect(tenant_id) as session:
                is_connected = True
                calls = [call for call in calls if call.is_waiting()]
                answers = await self._send(session, calls)
        except Exception as error:
            is_refusal = isinstance(error, TenantBusy | Unavailable)
            may_repeat = self._may_repeat(error) if is_connected else not is_refusal
            if len(calls) > 1 and may_repeat:
                await self._answer_one_by_one(tenant_id, calls)
            else:
                self._fail(calls, error)
        else:
            for call in calls:
                call.take(answers.get(call.key))

    async def _send(
        self, session: Session, calls: Sequence[_Call[Key, Answer]]
    ) -> Mapping[Key, Answer | LeftOut | Exception]:
        for call in calls:
            call.is_sent = True
        keys = list({call.key: None for call in calls})
        return await self._ask(session, keys) if keys else {}

    def _fail(self, calls: Sequence[_Call[Key, Answer]], error: Exception) -> None:
        """Fails each call, if possible with an error of its own: tasks that raise the same error
        object mix their tracebacks in it.
        """
        for place, call in enumerate(filter(_Call.is_waiting, calls)):
            if place and isinstance(error, TenantBusy | Unavailable):
                call.fail(self._observer.refused_together(error))
            else:
                call.fail(error)

    async def _answer_one_by_one(self, tenant_id: str, calls: Sequence[_Call[Key, Answer]]) -> None:
        for call in filter(_Call.is_waiting, calls):
            work_until(call.deadline)
            try:
                call.take(await self._ask_alone(tenant_id, call.key))
            except Exception as error:
                call.fail(error)

    async def _ask_alone(self, tenant_id: str, key: Key) -> Answer | LeftOut | None:
        async with self._connect(tenant_id) as session:
            answer = (await self._ask(session, [key])).get(key)
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Late(Exception):
    """A call had no answer at its deadline."""
