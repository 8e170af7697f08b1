"""Groups: calls of one kind and tenant that wait at the same time share one statement.

A call that finds fewer than MAX_UNDER_WAY statements of its kind and tenant under way sends its own
statement at once, in its own task. The other calls wait until one of these statements ends, and
share the next one. So a call is always answered by a statement that was sent after the call came,
and the busier a tenant is, the fewer statements each of its calls costs.
"""

from asyncio import Future, Task, get_running_loop
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from itertools import islice
from typing import Final, Generic, Protocol, TypeVar

from attrs import define, field

from customers.bulkheads.deadline import Deadline, current_deadline, work_until
from customers.core.errors.availability import TenantBusy, Unavailable

Session = TypeVar("Session")
Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

MAX_UNDER_WAY: Final = 2
MAX_CALLS: Final = 100


class GroupObserver(Protocol):
    """Counts the calls that share statements, and makes the errors of calls that get no answer."""

    def shared(self, calls: int) -> None:
        """Counts a statement that this many calls share."""
        ...

    def late(self, tenant_id: str) -> Exception:
        """Makes the error of a call that waited until its deadline."""
        ...

    def refused_together(self, error: TenantBusy | Unavailable) -> Exception:
        """A copy of the error of a group that was refused before its statement, for another of its
        calls.
        """
        ...


@define(eq=False)
class _Call(Generic[Key, Answer]):
    key: Key
    deadline: Deadline
    answer: "Future[Answer | None]"

    def is_waiting(self) -> bool:
        """Whether the caller still waits for the answer."""
        return not self.answer.done()

    def resolve(self, answer: Answer | None) -> None:
        if self.is_waiting():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if self.is_waiting():
            self.answer.set_exception(error)
            self.answer.exception()  # or asyncio logs it if the caller has left


@define(eq=False)
class _Queue(Generic[Key, Answer]):
    """The statements of a tenant that are under way, and the calls that wait for the next one."""

    under_way: int = 0
    waiting: deque[_Call[Key, Answer]] = field(factory=deque)

    def next_calls(self) -> Sequence[_Call[Key, Answer]]:
        """Removes and returns the first calls whose callers still wait, at most MAX_CALLS."""
        return list(islice(self._next_waiting(), MAX_CALLS))

    def _next_waiting(self) -> Iterator[_Call[Key, Answer]]:
        while self.waiting:
            if (call := self.waiting.popleft()).is_waiting():
                yield call


class Groups(Generic[Session, Key, Answer]):
    """The calls of one kind, by tenant.

    `connect` opens the session of a statement; `ask` runs the statement and returns the answers by
    key, without the keys that have no answer. A statement that fails for several calls is tried
    again for each of them alone.
    """

    def __init__(
        self,
        connect: Callable[[str], AbstractAsyncContextManager[Session]],
        ask: Callable[[Session, Sequence[Key]], Awaitable[Mapping[Key, Answer]]],
        observer: GroupObserver,
    ) -> None:
        self._connect = connect
        self._ask = ask
        self._observer = observer
        self._queues: dict[str, _Queue[Key, Answer]] = {}
        self._tasks: set[Task[None]] = set()
        self._closing: Future[None] | None = None

    async def call(self, tenant_id: str, key: Key) -> Answer | None:
        """The answer to a key of a tenant; None if it has no answer. Raises what a statement for
        this key alone would raise.
        """
        queue = self._queues.get(tenant_id)
        if queue is None:
            queue = self._queues[tenant_id] = _Queue()
        elif queue.under_way >= MAX_UNDER_WAY:
            return await self._wait(tenant_id, queue, key)
        queue.under_way += 1
        try:
            return await self._ask_alone(tenant_id, key)
        finally:
            self._end(tenant_id, queue)

    async def close(self) -> None:
        """Waits until no call is under way."""
        if self._queues:
            self._closing = get_running_loop().create_future()
            await self._closing

    async def _wait(self, tenant_id: str, queue: _Queue[Key, Answer], key: Key) -> Answer | None:
        loop, deadline = get_running_loop(), current_deadline()
        call: _Call[Key, Answer] = _Call(key, deadline, loop.create_future())
        queue.waiting.append(call)
        seconds = deadline.seconds()
        timer = None if seconds is None else loop.call_later(seconds, call.fail, _Late())
        try:
            return await call.answer
        except _Late:
            raise self._observer.late(tenant_id) from None
        finally:
            if timer is not None:
                timer.cancel()

    def _end(self, tenant_id: str, queue: _Queue[Key, Answer]) -> None:
        """Gives the place of a statement that has ended to the waiting calls, if there are any."""
        if queue.waiting:
            self._begin(tenant_id, queue)
            return
        queue.under_way -= 1
        if not queue.under_way:
            del self._queues[tenant_id]
        if not self._queues and self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def _begin(self, tenant_id: str, queue: _Queue[Key, Answer]) -> None:
        """Starts a statement for the waiting calls, in a context of its own."""
        serving = self._serve(tenant_id, queue)
        task = get_running_loop().create_task(serving, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, tenant_id: str, queue: _Queue[Key, Answer]) -> None:
        try:
            if calls := queue.next_calls():
                await self._answer(tenant_id, calls)
        finally:
            self._end(tenant_id, queue)

    async def _answer(self, tenant_id: str, calls: Sequence[_Call[Key, Answer]]) -> None:
        """Answers the calls with one statement, whose deadline is the latest of their deadlines."""
        work_until(Deadline.latest([call.deadline for call in calls]))
        self._observer.shared(len(calls))
        is_connected = False
        try:
            async with self._connect(tenant_id) as session:
                is_connected = True
                answers = await self._ask(session, list({call.key: None for call in calls}))
        except Exception as error:
            if len(calls) == 1:
                calls[0].fail(error)
            elif isinstance(error, TenantBusy | Unavailable) and not is_connected:
                self._refuse(calls, error)
            else:
                await self._answer_one_by_one(tenant_id, calls)
        else:
            for call in calls:
                call.resolve(answers.get(call.key))

    def _refuse(self, calls: Sequence[_Call[Key, Answer]], error: TenantBusy | Unavailable) -> None:
        """Fails each call with an error of its own: tasks that raise the same error object would
        mix their tracebacks in it.
        """
        for place, call in enumerate(filter(_Call.is_waiting, calls)):
            call.fail(self._observer.refused_together(error) if place else error)

    async def _answer_one_by_one(self, tenant_id: str, calls: Sequence[_Call[Key, Answer]]) -> None:
        for call in filter(_Call.is_waiting, calls):
            work_until(call.deadline)
            try:
                call.resolve(await self._ask_alone(tenant_id, call.key))
            except Exception as error:
                call.fail(error)

    async def _ask_alone(self, tenant_id: str, key: Key) -> Answer | None:
        async with self._connect(tenant_id) as session:
            return (await self._ask(session, [key])).get(key)


class _Late(Exception):
    """A call had no answer at its deadline."""
