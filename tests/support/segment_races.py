"""Where races of segments are made to happen: a world in which it can be seen who waits.

What comes too early waits for a lock that a test holds, or is done while somebody stands between
two statements. What must come of it is said by the tests.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from customers.adapters.postgres.storage import PostgresStorage
from customers.core.membership import refresh
from customers.core.model.customer import Customer, CustomerChange
from customers.core.model.segment import Segment, SegmentChange, SegmentDetails
from customers.core.ports.storage import Storage
from tests.support.brute_force import Witness
from tests.support.builders import USD, an_entry, rules_text
from tests.support.databases import rows
from tests.support.membership_steps import changes, refresh_state_of
from tests.support.oracle import World

T = TypeVar("T")

ADAS = '[{"field": "first_name", "operator": "eq", "value": "Ada"}]'
ADAS_WITH_ORDERS = (
    '[{"field": "first_name", "operator": "eq", "value": "Ada"},'
    ' {"field": "total_orders", "operator": "gt", "value": 0}]'
)
ONE_ORDER = '[{"field": "total_orders", "operator": "eq", "value": 1}]'


class Arena(World):
    """A world in which it can be seen who waits."""

    def __init__(self, storage: Storage, tenant: str, url: str) -> None:
        super().__init__(storage, tenant)
        self._url = url

    async def publish(self, rules: str) -> Segment:
        """A segment of which nobody knows yet how far its members have come."""
        details = SegmentDetails(name=rules[:99], rules=rules_text(rules), is_dynamic=True)
        created = await self.segments.create(self.tenant, details, strict=True)
        self.every_segment.append(created.segment.id)
        return created.segment

    async def build(self, segment: Segment) -> None:
        """Others may be writing to the same database, none of them for long."""
        assert await self.storage.wait_for_capture_barrier(self.tenant, segment.id, 30)
        while await self.refresh_step(segment):
            pass
        assert (await refresh_state_of(self.storage, segment)).is_ready

    async def give_rules(self, segment: Segment, rules: str) -> None:
        change = SegmentChange(rules=rules_text(rules))
        await self.segments.change(self.tenant, segment.id, change, strict=True)

    async def refresh_step(self, segment: Segment) -> bool:
        step = refresh.refresh_step(self.storage, self.tenant, segment.id, self.clock.now())
        return await asyncio.create_task(step)

    async def settle(self) -> None:
        await refresh.apply_pending_changes(self.storage, self.tenant)

    async def count(self, customer: Customer, **told: Any) -> None:
        entry = an_entry(customer, **told)
        assert await self.storage.autocommit(self.tenant).record_order(entry, self.clock.now())

    async def rename(self, customer: Customer, name: str) -> None:
        change = CustomerChange(first_name=name)
        await self.customers.change(self.tenant, customer.id, change, actor=None, versions=None)

    async def forget(self, customer: Customer) -> None:
        await self.erasures.erase(self.tenant, customer.id, versions=None)

    async def is_right(self) -> None:
        """Raises AssertionError where anything told of members is not so."""
        await Witness(self).look()

    async def background_tasks(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Work that has come to a lock which somebody holds, or to its end."""
        waited = await self._waits()
        task = asyncio.create_task(work)
        while not task.done() and await self._waits() <= waited:
            await asyncio.wait({task}, timeout=0.005)
        return task

    async def _waits(self) -> int:
        sql = (
            "SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'"
        )
        return len(await rows(self._url, sql, self.tenant))


@asynccontextmanager
async def opened(url: str, tenant: str) -> AsyncIterator[Arena]:
    """An arena for the time of a block, known to the server by the name of its tenant."""
    storage = PostgresStorage(f"{url}?application_name={tenant}", currency=USD)
    await storage.open()
    try:
        yield Arena(storage, tenant, url)
    finally:
        await storage.close()


def meanwhile(
    patch: pytest.MonkeyPatch,
    repository: type,
    name: str,
    work: Callable[[], Coroutine[Any, Any, object]],
) -> None:
    """Runs work once, over another connection, when a method of a repository has returned."""
    method, waiting = getattr(repository, name), [work]

    async def interrupted(*told: Any) -> Any:
        result = await method(*told)
        if waiting:
            await asyncio.create_task(waiting.pop()())
        return result

    patch.setattr(repository, name, interrupted)


async def turns(arena: Arena, segment: Segment, customer: Customer) -> list[str]:
    """How a customer has come and gone, and why, by the feed."""
    return [
        f"{'entered' if each.entered else 'left'} by {each.cause}"
        for each in await changes(arena.storage, segment)
        if each.customer_id == customer.id
    ]
