"""Steps on a storage that many tests share, most of them a read or a write."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.erasure import Erasure
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import Assignment
from customers.core.model.money import Currency
from customers.core.model.order import StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.search import Search
from customers.core.model.segment import Segment
from customers.core.model.verification import Verification
from customers.core.ports.storage import Storage, Transaction
from tests.support.builders import NOW, a_customer

EVERYONE = CustomerFilter()


def searching(text: str) -> CustomerFilter:
    """The filter of a search."""
    return CustomerFilter(search=Search.of(text))


LONG_LEASE, SHORT_LEASE = 60.0, 0.001
ASSIGNMENT = Assignment(assigned_at=NOW)

# Long enough for a task to reach its wait; too short a time could only hide a defect.
_A_WHILE = 0.05

T = TypeVar("T")
OpenStorage = TypeVar("OpenStorage", bound=Storage)
StorageIn = Callable[[Currency], AbstractAsyncContextManager[Storage]]
Pause = Callable[[], Awaitable[None]]


@asynccontextmanager
async def opened(storage: OpenStorage) -> AsyncIterator[OpenStorage]:
    """The storage, open until the block ends."""
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


async def add_customers(storage: Storage, *customers: Customer) -> None:
    """Adds new customers of one tenant."""
    async with storage.transaction(customers[0].tenant_id) as tx:
        for customer in customers:
            assert await tx.customers.add(customer)


async def a_stored_customer(storage: Storage, tenant: str, **overrides: Any) -> Customer:
    customer = a_customer(tenant_id=tenant, **overrides)
    await add_customers(storage, customer)
    return customer


async def some_customers(storage: Storage, tenant: str, number: int) -> list[Customer]:
    return [await a_stored_customer(storage, tenant) for _ in range(number)]


async def save(storage: Storage, customer: Customer) -> None:
    """Stores the new value of a customer, who may be deleted."""
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_any_for_update(customer.id)
        await tx.customers.save(customer)


async def delete(storage: Storage, customer: Customer, now: datetime = NOW) -> Customer:
    """Deletes a customer as the use case does; returns the new value."""
    deleted = customer.deleted(now)
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.payment_methods.release(customer.id)
        await tx.customers.save(deleted)
    return deleted


async def erase(storage: Storage, customer: Customer, now: datetime = NOW) -> Erasure:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_any_for_update(customer.id)
        return await tx.erasures.erase(customer.erased(now))


async def get_customer(storage: Storage, customer: Customer) -> Customer:
    async with storage.view(customer.tenant_id) as view:
        return await view.customers.get(customer.id)


async def count(storage: Storage, tenant: str, customer_filter: CustomerFilter = EVERYONE) -> int:
    async with storage.view(tenant) as view:
        return await view.customers.count(customer_filter)


async def set_addresses(storage: Storage, customer: Customer, *addresses: Address) -> None:
    """Gives a customer these addresses and no others."""
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.addresses.replace(customer.id, await tx.addresses.all(customer.id), addresses)


async def set_methods(storage: Storage, customer: Customer, *methods: PaymentMethod) -> None:
    """Gives a customer these payment methods and no others."""
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.payment_methods.replace(
            customer.id, await tx.payment_methods.all(customer.id), methods
        )


async def add_notes(storage: Storage, customer: Customer, *notes: Note) -> None:
    for note in notes:
        assert await storage.autocommit(customer.tenant_id).add_note(note)


async def add_verifications(
    storage: Storage, customer: Customer, *verifications: Verification
) -> None:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        for verification in verifications:
            await tx.verifications.add(verification)


async def add_communications(
    storage: Storage, customer: Customer, *communications: Communication
) -> None:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        for communication in communications:
            await tx.communications.add(communication)


async def save_entries(storage: Storage, customer: Customer, *entries: Entry) -> Customer:
    """Stores ledger entries; returns the customer with the new statistics."""
    async with storage.transaction(customer.tenant_id) as tx:
        before = await tx.customers.get_any_for_update(customer.id)
        for entry in entries:
            await tx.orders.claim(entry.order_id, customer.id)
            await tx.orders.save(entry)
        after = before.with_statistics(await tx.orders.statistics(customer.id), now=NOW)
        await tx.customers.save(after)
    return after


async def add_refunds(storage: Storage, customer: Customer, *refunds: StoredRefund) -> None:
    """Stores refunds, without changing the totals of their entries."""
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_any_for_update(customer.id)
        for refund in refunds:
            await tx.orders.claim(refund.order_id, customer.id)
            await tx.orders.add_refund(refund)


async def add_segments(storage: Storage, *segments: Segment) -> None:
    async with storage.transaction(segments[0].tenant_id) as tx:
        for segment in segments:
            await tx.segments.add(segment)


async def assign(storage: Storage, segment: Segment, *customers: Customer) -> Collection[UUID]:
    """Assigns customers to a segment; returns the ids that were not assigned before."""
    ids = {customer.id for customer in customers}
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.memberships.acquire_lock()
        await tx.segments.get_for_update(segment.id)
        await tx.customers.get_ids_for_update(ids)
        return await tx.assignments.add(segment.id, ids, ASSIGNMENT)


@asynccontextmanager
async def failing_transaction(storage: Storage, tenant: str) -> AsyncIterator[Transaction]:
    """A transaction that an exception at the end of the block rolls back."""
    with suppress(ZeroDivisionError):
        async with storage.transaction(tenant) as tx:
            yield tx
            raise ZeroDivisionError


async def acquire_lease(storage: Storage, holder: UUID) -> None:
    """Waits until the holder has a long lease."""
    while True:
        if await storage.lease(holder, LONG_LEASE):
            return
        await asyncio.sleep(0.01)


async def overlap(
    first: Callable[[Pause], Coroutine[Any, Any, object]],
    second: Callable[[], Coroutine[Any, Any, T]],
) -> T:
    """The result of `second`, started while `first` is paused; `first` then continues."""
    paused, go_on = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        paused.set()
        await go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        first_task = tasks.create_task(first(pause))
        pausing = tasks.create_task(paused.wait())
        await asyncio.wait({first_task, pausing}, return_when=asyncio.FIRST_COMPLETED)
        second_task = tasks.create_task(second())
        await asyncio.wait({second_task}, timeout=_A_WHILE)
        paused.set()
        go_on.set()
    return second_task.result()


def locking(
    storage: Storage, customer: Customer, change: Callable[[Customer], Customer]
) -> Callable[[Pause], Coroutine[Any, Any, None]]:
    """For `overlap`: locks the customer, and saves them changed after the pause."""

    async def lock(pause: Pause) -> None:
        async with storage.transaction(customer.tenant_id) as tx:
            stored = await tx.customers.get_for_update(customer.id)
            await pause()
            await tx.customers.save(change(stored))

    return lock
