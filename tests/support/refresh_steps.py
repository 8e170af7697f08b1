"""Steps of tests of refreshes: storing customers and segments, reading the results."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import define, evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.publish import publish
from customers.core.membership.refresh import refresh_step
from customers.core.model.customer import Customer
from customers.core.model.membership import Assignment, Cause, RefreshState
from customers.core.model.segment import Segment
from customers.core.ports.storage import Transaction
from tests.support.builders import NOW, a_customer, a_dynamic_segment

TENANT = "tenant"
VIPS = '[{"field": "tags", "operator": "contains", "value": "vip"}]'
OLD = '[{"field": "days_since_created", "operator": "gte", "value": 2}]'
BUYERS = '[{"field": "total_orders", "operator": "gte", "value": 1}]'


@define(kw_only=True, eq=False)
class CountingStorage(MemoryStorage):
    """A memory storage that counts its transactions, and the waits for capture barriers."""

    transactions: int = 0
    waits: int = 0

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        self.transactions += 1
        async with super().transaction(tenant_id) as tx:
            yield tx

    async def wait_for_capture_barrier(
        self, tenant_id: str, segment_id: UUID, seconds: float
    ) -> bool:
        self.waits += 1
        return await super().wait_for_capture_barrier(tenant_id, segment_id, seconds)


async def add(storage: MemoryStorage, at: datetime = NOW, **fields: Any) -> Customer:
    """Stores a new customer who was created at `at`; returns them."""
    customer = a_customer(created_at=at, updated_at=at, **fields)
    async with storage.transaction(TENANT) as tx:
        await tx.customers.add(customer)
    return customer


async def update(
    storage: MemoryStorage, customer: Customer, at: datetime, **fields: Any
) -> Customer:
    """Stores a change that was made to a customer at `at`; returns the changed customer."""
    changed = evolve(customer, updated_at=at, **fields)
    async with storage.transaction(TENANT) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.customers.save(changed)
    return changed


async def publish_new(storage: MemoryStorage, segment: Segment, at: datetime = NOW) -> Segment:
    async with storage.transaction(TENANT) as tx:
        await tx.memberships.acquire_lock()
        await publish(tx, None, segment, at)
    return segment


async def publish_change(
    storage: MemoryStorage, before: Segment, at: datetime = NOW, **fields: Any
) -> Segment:
    after = evolve(before, **fields)
    async with storage.transaction(TENANT) as tx:
        await tx.memberships.acquire_lock()
        await tx.segments.get_for_update(before.id)
        await publish(tx, before, after, at)
    return after


async def ready(storage: MemoryStorage, rules: str) -> Segment:
    """A dynamic segment whose backfill at `NOW` is complete."""
    segment = await publish_new(storage, a_dynamic_segment(rules))
    while await refresh_step(storage, TENANT, segment.id, NOW):
        pass
    assert (await state_of(storage, segment)).is_ready
    return segment


async def assign(storage: MemoryStorage, segment: Segment, *customers: Customer) -> None:
    ids = {customer.id for customer in customers}
    async with storage.transaction(TENANT) as tx:
        await tx.memberships.acquire_lock()
        await tx.segments.get_for_update(segment.id)
        await tx.customers.get_ids_for_update(ids)
        await tx.assignments.add(segment.id, ids, Assignment(assigned_at=NOW))


async def assigned(storage: MemoryStorage, segment: Segment, customer: Customer) -> bool:
    async with storage.view(TENANT) as view:
        return await view.assignments.get(segment.id, customer.id) is not None


async def save_state(storage: MemoryStorage, segment: Segment, state: RefreshState) -> None:
    async with storage.transaction(TENANT) as tx:
        await tx.memberships.acquire_lock()
        await tx.memberships.save_refresh_state(segment.id, state)


async def state_of(storage: MemoryStorage, segment: Segment) -> RefreshState:
    async with storage.view(TENANT) as view:
        return (await view.memberships.refresh_states([segment.id]))[segment.id]


async def feed_of(
    storage: MemoryStorage, segment: Segment
) -> list[tuple[UUID, bool, datetime, Cause]]:
    async with storage.view(TENANT) as view:
        changes = await view.memberships.changes(segment.id, 0, 100)
    return [(change.customer_id, change.entered, change.at, change.cause) for change in changes]


async def pending(storage: MemoryStorage) -> list[Customer]:
    """The customers with pending changes, sorted by id."""
    async with storage.transaction(TENANT) as tx:
        await tx.memberships.acquire_lock()
        candidates = await tx.memberships.with_pending_changes(100)
    return sorted((candidate.customer for candidate in candidates), key=lambda one: one.id)
