"""Reads and writes of memberships and change capture that several tests share."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter, MembersOf
from customers.core.model.membership import Cause, MembershipChange, RefreshState, SequencedChange
from customers.core.model.pending_changes import PendingChange, StaleCandidate
from customers.core.model.query import CustomerSort
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage, Transaction
from tests.support.builders import NOW

MANY = 1_000


def a_change(segment: Segment, customer: Customer, **overrides: Any) -> MembershipChange:
    """The change by which a customer enters a segment at `NOW` because of its rule."""
    fields: dict[str, Any] = {
        "segment_id": segment.id,
        "customer_id": customer.id,
        "entered": True,
        "at": NOW,
        "cause": Cause.RULE,
    }
    return MembershipChange(**fields | overrides)


def ids(customers: Iterable[Customer]) -> set[UUID]:
    return {customer.id for customer in customers}


@asynccontextmanager
async def membership_transaction(storage: Storage, tenant: str) -> AsyncIterator[Transaction]:
    """A transaction that holds the tenant's membership lock."""
    async with storage.transaction(tenant) as tx:
        await tx.memberships.acquire_lock()
        yield tx


async def apply_changes(
    storage: Storage,
    tenant: str,
    membership_changes: Sequence[MembershipChange],
    refreshed: Sequence[StaleCandidate] = (),
) -> None:
    async with membership_transaction(storage, tenant) as tx:
        await tx.memberships.apply(membership_changes, refreshed)


async def store_members(storage: Storage, segment: Segment, *customers: Customer) -> None:
    """Applies changes by which the customers enter the segment."""
    await apply_changes(
        storage, segment.tenant_id, [a_change(segment, customer) for customer in customers]
    )


async def remove_members(storage: Storage, segment: Segment, *customers: Customer) -> None:
    membership_changes = [a_change(segment, customer, entered=False) for customer in customers]
    await apply_changes(storage, segment.tenant_id, membership_changes)


async def stored_members(storage: Storage, segment: Segment) -> list[Customer]:
    """The living stored members, sorted by id."""
    customer_filter = CustomerFilter(members_of=MembersOf(segment_id=segment.id))
    async with storage.view(segment.tenant_id) as view:
        customers = await view.customers.page_after(customer_filter, CustomerSort(), None, MANY)
    return sorted(customers, key=lambda customer: customer.id)


async def save_refresh_state(
    storage: Storage, segment: Segment, refresh_state: RefreshState
) -> None:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await tx.memberships.save_refresh_state(segment.id, refresh_state)


async def refresh_state_of(storage: Storage, segment: Segment) -> RefreshState:
    async with storage.view(segment.tenant_id) as view:
        return (await view.memberships.refresh_states([segment.id]))[segment.id]


async def set_capture(
    storage: Storage, tenant: str, *, customers: bool = True, orders: bool = True
) -> None:
    async with membership_transaction(storage, tenant) as tx:
        await tx.memberships.set_capture(customers=customers, orders=orders)


async def pending_candidates(
    storage: Storage, tenant: str, customer_ids: Collection[UUID] | None = None
) -> list[StaleCandidate]:
    """Customers with their pending changes, sorted by id."""
    async with membership_transaction(storage, tenant) as tx:
        candidates = await tx.memberships.with_pending_changes(MANY, customer_ids)
    return sorted(candidates, key=lambda candidate: candidate.customer.id)


async def pending_changes_of(storage: Storage, customer: Customer) -> Sequence[PendingChange]:
    candidates = await pending_candidates(storage, customer.tenant_id, [customer.id])
    return candidates[0].pending_changes if candidates else ()


async def changes(
    storage: Storage, segment: Segment, after: int = 0, limit: int = MANY
) -> Sequence[SequencedChange]:
    async with storage.view(segment.tenant_id) as view:
        return await view.memberships.changes(segment.id, after, limit)
