"""Steps on stored members, marks and standings that several contracts share.

What is checked stays in the contracts.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from customers.core.model.customer import Customer
from customers.core.model.membership import (
    Cause,
    Doubt,
    Flip,
    Mark,
    MemberChange,
    Standing,
)
from customers.core.model.query import CustomerFilter, CustomerOrder, MembersOf
from customers.core.model.segment import Segment
from customers.core.ports import Storage, Transaction
from tests.support.builders import NOW

MANY = 1_000


def a_flip(segment: Segment, customer: Customer, **overrides: Any) -> Flip:
    """A customer entered a segment at `NOW`, because of its rule."""
    given: dict[str, Any] = {
        "segment_id": segment.id,
        "customer_id": customer.id,
        "entered": True,
        "at": NOW,
        "cause": Cause.RULE,
    }
    return Flip(**given | overrides)


def ids(customers: Iterable[Customer]) -> set[UUID]:
    return {customer.id for customer in customers}


@asynccontextmanager
async def members_locked(storage: Storage, tenant: str) -> AsyncIterator[Transaction]:
    """A transaction that holds the tenant's stored members."""
    async with storage.transaction(tenant) as tx:
        await tx.segments.lock_members()
        yield tx


async def settle(
    storage: Storage, tenant: str, flips: Sequence[Flip], settled: Sequence[Doubt] = ()
) -> None:
    async with members_locked(storage, tenant) as tx:
        await tx.segments.settle(flips, settled)


async def let_in(storage: Storage, segment: Segment, *customers: Customer) -> None:
    """Stores customers as members."""
    await settle(storage, segment.tenant_id, [a_flip(segment, each) for each in customers])


async def let_out(storage: Storage, segment: Segment, *customers: Customer) -> None:
    flips = [a_flip(segment, each, entered=False) for each in customers]
    await settle(storage, segment.tenant_id, flips)


async def stored_members(storage: Storage, segment: Segment) -> list[Customer]:
    """The living ones, oldest id first."""
    which = CustomerFilter(members_of=MembersOf(segment_id=segment.id))
    async with storage.view(segment.tenant_id) as view:
        found = await view.customers.after(which, CustomerOrder(), None, MANY)
    return sorted(found, key=lambda each: each.id)


async def stand(storage: Storage, segment: Segment, standing: Standing) -> None:
    async with members_locked(storage, segment.tenant_id) as tx:
        await tx.segments.stand(segment.id, standing)


async def standing_of(storage: Storage, segment: Segment) -> Standing:
    async with storage.view(segment.tenant_id) as view:
        return (await view.segments.standings([segment.id]))[segment.id]


async def watch(
    storage: Storage, tenant: str, *, customers: bool = True, orders: bool = True
) -> None:
    async with members_locked(storage, tenant) as tx:
        await tx.segments.watch(customers=customers, orders=orders)


async def marked(
    storage: Storage, tenant: str, customer_ids: Collection[UUID] | None = None
) -> list[Doubt]:
    """Customers with their marks, oldest id first."""
    async with members_locked(storage, tenant) as tx:
        found = await tx.segments.marked(MANY, customer_ids)
    return sorted(found, key=lambda doubt: doubt.customer.id)


async def marks_of(storage: Storage, customer: Customer) -> Sequence[Mark]:
    found = await marked(storage, customer.tenant_id, [customer.id])
    return found[0].marks if found else ()


async def changes(
    storage: Storage, segment: Segment, after: int = 0, limit: int = MANY
) -> Sequence[MemberChange]:
    async with storage.view(segment.tenant_id) as view:
        return await view.segments.changes(segment.id, after, limit)
