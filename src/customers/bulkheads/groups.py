"""What waits together goes together: calls of one kind and tenant share statements.

A call that finds fewer than MAX_UNDER_WAY statements of its kind and tenant under way makes its
own, in its own task, and waits for nothing. The others wait until one of those ends, and share the
next. So a call is only ever answered by a statement that was sent after it came, and the busier a
tenant is, the fewer statements each of its calls costs.
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
    """Knows why calls get no answer, and counts those that do together."""

    def shared(self, calls: int) -> None:
        """That many calls share a statement."""
        ...

    def late(self, tenant_id: str) -> Exception:
        """The error of a call that waited for others until its deadline."""
        ...

    def refused_together(self, error: TenantBusy | Unavailable) -> Exception:
        """The same error for one more of the calls that were refused before their statement."""
        ...


@define(eq=False)
class _Call(Generic[Key, Answer]):
    key: Key
    deadline: Deadline
    answer: "Future[Answer | None]"

    def is_waiting(self) -> bool:
        """Whether its caller still waits."""
        return not self.answer.done()

    def resolve(self, answer: Answer | None) -> None:
        if self.is_waiting():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if self.is_waiting():
            self.answer.set_exception(error)
            self.answer.exception()  # retrieved, should its caller leave before it runs again


@define(eq=False)
class _Queue(Generic[Key, Answer]):
    """The statements of a tenant that are under way, and the calls that wait for the next one."""

    under_way: int = 0
    waiting: deque[_Call[Key, Answer]] = field(factory=deque)

    def next_calls(self) -> Sequence[_Call[Key, Answer]]:
        """Removes the first calls whose callers still wait."""
        return list(islice(self._next_waiting(), MAX_CALLS))

    def _next_waiting(self) -> Iterator[_Call[Key, Answer]]:
        while self.waiting:
            if (call := self.waiting.popleft()).is_waiting():
                yield call


class Groups(Generic[Session, Key, Answer]):
    """The calls of one kind, by tenant.

    `connect` opens the session of a statement, `ask` returns the answers by key, without those that
    have none. A statement that fails for several calls is tried again for each of them alone.
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
        """The answer to a key of a tenant; None without one. Raises what a statement for this key
        alone would raise.
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
        """A statement has ended: the calls that wait get its place."""
        if queue.waiting:
            self._begin(tenant_id, queue)
            return
        queue.under_way -= 1
        if not queue.under_way:
            del self._queues[tenant_id]
        if not self._queues and self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def _begin(self, tenant_id: str, queue: _Queue[Key, Answer]) -> None:
        """Starts the statement of the calls that wait, in a context that is none of theirs."""
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
        """One statement for all of the calls, which lasts no longer than the last of them."""
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
        """An error for each: one that is raised in several tasks would tell of all of them."""
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
