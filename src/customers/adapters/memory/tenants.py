"""The committed state of every tenant, and the queue of the transactions that change it."""

from asyncio import Lock, Task, current_task
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any

from attrs import define, field

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import State
from customers.core.errors.availability import Unavailable


@define(eq=False, repr=False)
class Tenant:
    state: State = field(factory=State)
    lock: Lock = field(factory=Lock)


@define(eq=False, repr=False)
class ReadView(StateReader):
    """The state of `_tenant` at each read; a consistent view has a `Tenant` that never changes."""

    _tenant: Tenant
    _has_ended: bool = field(default=False, init=False)

    @property
    def state(self) -> State:
        if self._has_ended:
            raise RuntimeError("the view has ended: open another one")
        return self._tenant.state

    def end(self) -> None:
        """Ends the view: it can no longer be read."""
        self._has_ended = True


@asynccontextmanager
async def _open(tenant: Tenant) -> AsyncIterator[ReadView]:
    view = ReadView(tenant)
    try:
        yield view
    finally:
        view.end()


@define(eq=False, repr=False)
class TenantStates:
    _tenants: dict[str, Tenant] = field(factory=dict, init=False)
    _tasks_with_draft: set[Task[Any] | None] = field(factory=set, init=False)
    _replacement_lock: Lock = field(factory=Lock, init=False)
    _is_closed: bool = field(default=False, init=False)

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[ReadView]:
        return _open(self._tenant(tenant_id))

    def consistent_view(self, tenant_id: str) -> AbstractAsyncContextManager[ReadView]:
        """A view of the state that is committed now; later commits do not change it."""
        return _open(Tenant(state=self._tenant(tenant_id).state))

    @asynccontextmanager
    async def draft(self, tenant_id: str) -> AsyncIterator[Draft]:
        """The tenant's draft; it is committed when the block ends without an error. Waits while the
        tenant has another draft.

        Nothing is awaited between the end of the block and the commit, so that a cancellation comes
        before both or after both. Raises RuntimeError inside another draft of the same task.
        """
        tenant = self._tenant(tenant_id)
        with self._not_nested():
            async with tenant.lock:
                draft = Draft(tenant.state)
                try:
                    yield draft
                finally:
                    draft.end()
                tenant.state = draft.result()

    def committed(self) -> Mapping[str, State]:
        """The committed states by tenant."""
        self.check()
        return {tenant_id: tenant.state for tenant_id, tenant in self._tenants.items()}

    async def replace(self, states: Mapping[str, State]) -> None:
        """Replaces the states of all tenants at once; tenants without a new state become empty.

        Waits for the drafts that have begun. Raises RuntimeError inside a draft of the same task.
        """
        with self._not_nested():
            async with self._replacement_lock, AsyncExitStack() as locks:
                self.check()
                for tenant_id in states:
                    self._tenant(tenant_id)
                await self._lock_all(locks)
                for tenant_id, tenant in self._tenants.items():
                    tenant.state = states.get(tenant_id) or State()

    def check(self) -> None:
        """Raises Unavailable once closed."""
        if self._is_closed:
            raise Unavailable("the storage is closed")

    async def close(self) -> None:
        """Refuses new work, waits for the drafts that have begun, and drops all states."""
        self._is_closed = True
        for tenant in self._tenants.values():
            async with tenant.lock:
                pass
        self._tenants = {}

    async def _lock_all(self, locks: AsyncExitStack) -> None:
        """Locks every tenant, including those that are added meanwhile.

        No deadlock: only one task at a time holds more than one of these locks.
        """
        locked: set[str] = set()
        while added := self._tenants.keys() - locked:
            for tenant_id in added:
                await locks.enter_async_context(self._tenants[tenant_id].lock)
            locked |= added

    def _tenant(self, tenant_id: str) -> Tenant:
        self.check()
        if tenant_id not in self._tenants:
            self._tenants[tenant_id] = Tenant()
        return self._tenants[tenant_id]

    @contextmanager
    def _not_nested(self) -> Iterator[None]:
        task = current_task()
        if task in self._tasks_with_draft:
            raise RuntimeError("transactions cannot be nested: end the first one before the next")
        self._tasks_with_draft.add(task)
        try:
            yield
        finally:
            self._tasks_with_draft.discard(task)
