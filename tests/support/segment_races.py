"""Races of segments: a fixture that lets tests order the steps of concurrent work.

A test holds a lock until other work is blocked by it, or runs work between two statements of a
method. The expected results are in the tests.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from customers.adapters.postgres.storage import PostgresStorage
from customers.core.membership import refresh
from customers.core.model.customer import Customer, CustomerChange
from customers.core.model.principal import ANYONE
from customers.core.model.segment import Segment, SegmentChange, SegmentDetails
from customers.core.ports.storage import Storage
from tests.support.brute_force import BruteForceCheck
from tests.support.builders import USD, an_entry, rules_text
from tests.support.databases import rows
from tests.support.membership_steps import changes, refresh_state_of
from tests.support.oracle import SegmentOracle

T = TypeVar("T")

ADAS = '[{"field": "first_name", "operator": "eq", "value": "Ada"}]'
ADAS_WITH_ORDERS = (
    '[{"field": "first_name", "operator": "eq", "value": "Ada"},'
    ' {"field": "total_orders", "operator": "gt", "value": 0}]'
)
ONE_ORDER = '[{"field": "total_orders", "operator": "eq", "value": 1}]'


class Races(SegmentOracle):
    """An oracle whose database shows which work is blocked by a lock."""

    def __init__(self, storage: Storage, tenant: str, url: str) -> None:
        super().__init__(storage, tenant)
        self._url = url

    async def publish(self, rules: str) -> Segment:
        """A new dynamic segment, whose backfill has not begun."""
        details = SegmentDetails(name=rules[:99], rules=rules_text(rules), is_dynamic=True)
        created = await self.segments.create(self.tenant, details, strict=True)
        self.segment_ids.append(created.segment.id)
        return created.segment

    async def backfill(self, segment: Segment) -> None:
        """Completes the backfill; waits for writes under way, which may be those of other tests."""
        assert await self.storage.wait_for_capture_barrier(self.tenant, segment.id, 30)
        while await self.refresh_step(segment):
            pass
        assert (await refresh_state_of(self.storage, segment)).is_ready

    async def change_rules(self, segment: Segment, rules: str) -> None:
        change = SegmentChange(rules=rules_text(rules))
        await self.segments.change(self.tenant, segment.id, change, strict=True)

    async def refresh_step(self, segment: Segment) -> bool:
        step = refresh.refresh_step(self.storage, self.tenant, segment.id, self.clock.now())
        return await asyncio.create_task(step)

    async def apply_pending_changes(self) -> None:
        await refresh.apply_pending_changes(self.storage, self.tenant)

    async def record_order(self, customer: Customer, **overrides: Any) -> None:
        entry = an_entry(customer, **overrides)
        assert await self.storage.autocommit(self.tenant).record_order(entry, self.clock.now())

    async def rename(self, customer: Customer, name: str) -> None:
        change = CustomerChange(first_name=name)
        await self.customers.change(
            self.tenant, customer.id, change, principal=ANYONE, versions=None
        )

    async def erase_customer(self, customer: Customer) -> None:
        await self.erasures.erase(self.tenant, customer.id, versions=None)

    async def check_members(self) -> None:
        """Raises AssertionError if any answer about members is wrong."""
        await BruteForceCheck(self).check()

    async def until_blocked(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts work; returns its task once it is blocked by a lock, or done."""
        blocked = await self._blocked_count()
        task = asyncio.create_task(work)
        while not task.done() and await self._blocked_count() <= blocked:
            await asyncio.wait({task}, timeout=0.005)
        return task

    async def _blocked_count(self) -> int:
        sql = (
            "SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'"
        )
        return len(await rows(self._url, sql, self.tenant))


@asynccontextmanager
async def open_races(url: str, tenant: str) -> AsyncIterator[Races]:
    """Races over a storage of their own; the application name of its connections is the tenant."""
    storage = PostgresStorage(f"{url}?application_name={tenant}", currency=USD)
    await storage.open()
    try:
        yield Races(storage, tenant, url)
    finally:
        await storage.close()


def interrupt(
    patch: pytest.MonkeyPatch,
    repository: type,
    name: str,
    work: Callable[[], Coroutine[Any, Any, object]],
) -> None:
    """Makes work run once, over another connection, after the next call of a repository method."""
    method, pending = getattr(repository, name), [work]

    async def interrupted(*arguments: Any) -> Any:
        result = await method(*arguments)
        if pending:
            await asyncio.create_task(pending.pop()())
        return result

    patch.setattr(repository, name, interrupted)


async def feed_of(races: Races, segment: Segment, customer: Customer) -> list[str]:
    """The customer's changes in the segment's feed, with their causes."""
    return [
        f"{'entered' if change.entered else 'left'} by {change.cause}"
        for change in await changes(races.storage, segment)
        if change.customer_id == customer.id
    ]
