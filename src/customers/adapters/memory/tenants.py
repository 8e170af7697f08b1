"""What is committed of each tenant, and the queue of those who mean to change it."""

from asyncio import Lock, Task, current_task
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from attrs import define, field

from customers.adapters.memory.draft import Draft, Source
from customers.adapters.memory.state import State
from customers.core.errors import Unavailable


@define(eq=False, repr=False)
class Tenant:
    state: State = field(factory=State)
    lock: Lock = field(factory=Lock)


@define(eq=False, repr=False)
class Glance(Source):
    """What a view reads: the committed state at the moment of each read."""

    _tenant: Tenant
    _has_ended: bool = field(default=False, init=False)

    @property
    def state(self) -> State:
        if self._has_ended:
            raise RuntimeError("the view has ended: open another one")
        return self._tenant.state

    def end(self) -> None:
        """From now on nothing is read."""
        self._has_ended = True


@define(eq=False, repr=False)
class Tenants:
    _tenants: dict[str, Tenant] = field(factory=dict, init=False)
    _drafting: set[Task[Any] | None] = field(factory=set, init=False)
    _replacing: Lock = field(factory=Lock, init=False)
    _is_closed: bool = field(default=False, init=False)

    @asynccontextmanager
    async def glance(self, tenant_id: str) -> AsyncIterator[Glance]:
        glance = Glance(self._tenant(tenant_id))
        try:
            yield glance
        finally:
            glance.end()

    @asynccontextmanager
    async def consistent_view(self, tenant_id: str) -> AsyncIterator[Glance]:
        """A look at what is committed now, whatever is committed meanwhile."""
        glance = Glance(Tenant(state=self._tenant(tenant_id).state))
        try:
            yield glance
        finally:
            glance.end()

    @asynccontextmanager
    async def draft(self, tenant_id: str) -> AsyncIterator[Draft]:
        """The tenant's only draft at that time; committed when the block ends well.

        Nothing is awaited between the end of the block and the commit, so that a cancellation
        comes before both or after both. Raises RuntimeError inside another draft of the same task.
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
        """What is committed of everyone."""
        self.check()
        return {tenant_id: tenant.state for tenant_id, tenant in self._tenants.items()}

    async def replace(self, states: Mapping[str, State]) -> None:
        """Puts these states in the place of all that is committed; others are empty from then on.

        Waits for the drafts that have begun; nothing is committed between one tenant and the next.
        Raises RuntimeError inside a draft of the same task.
        """
        with self._not_nested():
            async with self._replacing, AsyncExitStack() as held:
                self.check()
                for tenant_id in states:
                    self._tenant(tenant_id)
                await self._hold_all(held)
                for tenant_id, tenant in self._tenants.items():
                    tenant.state = states.get(tenant_id) or State()

    def check(self) -> None:
        """Raises Unavailable once closed."""
        if self._is_closed:
            raise Unavailable("the storage is closed")

    async def close(self) -> None:
        """Lets nobody in any more, waits for the drafts, and forgets everything."""
        self._is_closed = True
        for tenant in self._tenants.values():
            async with tenant.lock:
                pass
        self._tenants = {}

    async def _hold_all(self, held: AsyncExitStack) -> None:
        """Takes the lock of every tenant, those who come meanwhile included.

        Only one task at a time holds more than one of them, so none waits for ever.
        """
        mine: set[str] = set()
        while coming := self._tenants.keys() - mine:
            for tenant_id in coming:
                await held.enter_async_context(self._tenants[tenant_id].lock)
            mine |= coming

    def _tenant(self, tenant_id: str) -> Tenant:
        self.check()
        if tenant_id not in self._tenants:
            self._tenants[tenant_id] = Tenant()
        return self._tenants[tenant_id]

    @contextmanager
    def _not_nested(self) -> Iterator[None]:
        task = current_task()
        if task in self._drafting:
            raise RuntimeError("a transaction inside a transaction: end the first one before")
        self._drafting.add(task)
        try:
            yield
        finally:
            self._drafting.discard(task)
