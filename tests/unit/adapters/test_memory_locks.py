"""A forgotten lock raises in the memory storage; a database would sometimes lose an update."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import evolve, frozen

from customers.adapters.memory.storage import MemoryStorage
from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication
from customers.core.model.ledger import Entry
from customers.core.model.membership import Assignment, RefreshState
from customers.core.model.segment import Segment
from customers.core.ports.storage import Transaction
from tests.support.builders import (
    NOW,
    USD,
    a_communication,
    a_customer,
    a_payment_method,
    a_refund,
    a_segment,
    an_address,
    an_entry,
)

ASSIGNMENT = Assignment(assigned_at=NOW)


@frozen(kw_only=True)
class Stored:
    """The stored entities that the writes below change or refer to."""

    customer: Customer
    address: Address
    communication: Communication
    entry: Entry
    segment: Segment


Write = Callable[[Transaction, Stored], Awaitable[Any]]

OF_A_CUSTOMER: dict[str, Write] = {
    "save": lambda tx, stored: tx.customers.save(stored.customer.with_next_version(NOW)),
    "addresses": lambda tx, stored: tx.addresses.replace(stored.customer.id, [stored.address], []),
    "methods": lambda tx, stored: tx.payment_methods.replace(
        stored.customer.id, [], [a_payment_method(stored.customer)]
    ),
    "release": lambda tx, stored: tx.payment_methods.release(stored.customer.id),
    "reclaim": lambda tx, stored: tx.payment_methods.reclaim(stored.customer.id),
    "communication": lambda tx, stored: tx.communications.add(a_communication(stored.customer)),
    "claim": lambda tx, stored: tx.orders.claim(stored.entry.order_id, stored.customer.id),
    "erase": lambda tx, stored: tx.erasures.erase(stored.customer.erased(NOW)),
}
OF_OTHERS: dict[str, Write] = {
    "communication": lambda tx, stored: tx.communications.save(stored.communication),
    "entry": lambda tx, stored: tx.orders.save(stored.entry),
    "refund": lambda tx, stored: tx.orders.add_refund(a_refund(stored.entry)),
    "segment": lambda tx, stored: tx.segments.save(evolve(stored.segment, name="another")),
}
# These need the membership lock as well.
OF_A_SEGMENT: dict[str, Write] = {
    "remove": lambda tx, stored: tx.segments.remove(stored.segment.id),
    "add": lambda tx, stored: tx.assignments.add(
        stored.segment.id, {stored.customer.id}, ASSIGNMENT
    ),
    "add members": lambda tx, stored: tx.assignments.add_members(stored.segment.id, ASSIGNMENT),
    "remove assignments": lambda tx, stored: tx.assignments.remove(
        stored.segment.id, {stored.customer.id}
    ),
    "clear": lambda tx, stored: tx.assignments.clear(stored.segment.id),
}
OF_MEMBERS: dict[str, Write] = {
    "members among": lambda tx, stored: tx.memberships.members_among(
        stored.segment.id, {stored.customer.id}
    ),
    "set capture": lambda tx, stored: tx.memberships.set_capture(customers=True, orders=True),
    "capture barrier": lambda tx, stored: tx.memberships.capture_barrier_passed(stored.segment.id),
    "pending changes": lambda tx, stored: tx.memberships.with_pending_changes(9),
    "mismatched": lambda tx, stored: tx.memberships.mismatched(stored.segment.id, None, None, 9),
    "crossed": lambda tx, stored: tx.memberships.crossed([], None, 9),
    "apply": lambda tx, stored: tx.memberships.apply([]),
    "save refresh state": lambda tx, stored: tx.memberships.save_refresh_state(
        stored.segment.id, RefreshState(watermark=NOW)
    ),
}
WITH_WRONG_BEFORE: dict[str, Write] = {
    "addresses": lambda tx, stored: tx.addresses.replace(stored.customer.id, [], [stored.address]),
    "methods": lambda tx, stored: tx.payment_methods.replace(
        stored.customer.id, [a_payment_method(stored.customer)], []
    ),
}


async def run(storage: MemoryStorage, stored: Stored, *steps: Write) -> None:
    """Runs the steps in one transaction."""
    async with storage.transaction("tenant") as tx:
        for step in steps:
            await step(tx, stored)


async def lock_customer(tx: Transaction, stored: Stored) -> None:
    await tx.customers.get_for_update(stored.customer.id)


async def lock_memberships(tx: Transaction, stored: Stored) -> None:
    await tx.memberships.acquire_lock()


async def lock_segment(tx: Transaction, stored: Stored) -> None:
    await tx.segments.get_for_update(stored.segment.id)


async def lock_others(tx: Transaction, stored: Stored) -> None:
    await tx.communications.get_for_update(stored.customer.id, stored.communication.id)
    await tx.orders.claim(stored.entry.order_id, stored.customer.id)
    await tx.segments.get_for_update(stored.segment.id)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
async def stored(storage: MemoryStorage) -> Stored:
    customer, segment = a_customer(), a_segment()
    stored = Stored(
        customer=customer,
        address=an_address(customer),
        communication=a_communication(customer),
        entry=an_entry(customer),
        segment=segment,
    )
    async with storage.transaction("tenant") as tx:
        await tx.customers.add(customer)
        await tx.addresses.replace(customer.id, [], [stored.address])
        await tx.communications.add(stored.communication)
        await tx.orders.claim(stored.entry.order_id, customer.id)
        await tx.orders.save(stored.entry)
        await tx.segments.add(segment)
    return stored


@pytest.mark.parametrize("write", OF_A_CUSTOMER.values(), ids=OF_A_CUSTOMER)
async def test_a_write_without_the_lock_of_its_customer_is_refused(
    storage: MemoryStorage, stored: Stored, write: Write
) -> None:
    with pytest.raises(RuntimeError, match=f"customer {stored.customer.id} is not locked"):
        await run(storage, stored, write)
    await run(storage, stored, lock_customer, write)


@pytest.mark.parametrize("write", OF_OTHERS.values(), ids=OF_OTHERS)
async def test_a_write_without_the_lock_of_its_entity_is_refused(
    storage: MemoryStorage, stored: Stored, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="is not locked"):
        await run(storage, stored, lock_customer, write)
    await run(storage, stored, lock_customer, lock_others, write)


@pytest.mark.parametrize("write", OF_A_SEGMENT.values(), ids=OF_A_SEGMENT)
async def test_a_change_of_assignments_needs_the_membership_lock_and_the_segment(
    storage: MemoryStorage, stored: Stored, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="memberships are not locked"):
        await run(storage, stored, lock_segment, write)
    with pytest.raises(RuntimeError, match=f"segment {stored.segment.id} is not locked"):
        await run(storage, stored, lock_memberships, write)
    await run(storage, stored, lock_memberships, lock_segment, write)


@pytest.mark.parametrize("write", OF_MEMBERS.values(), ids=OF_MEMBERS)
async def test_memberships_need_the_membership_lock(
    storage: MemoryStorage, stored: Stored, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="memberships are not locked"):
        await run(storage, stored, lock_segment, write)
    await run(storage, stored, lock_memberships, write)


@pytest.mark.parametrize("first", [lock_customer, lock_segment])
async def test_the_membership_lock_must_be_the_first_lock(
    storage: MemoryStorage, stored: Stored, first: Write
) -> None:
    with pytest.raises(RuntimeError, match="another lock is held"):
        await run(storage, stored, first, lock_memberships)
    await run(storage, stored, lock_memberships, first, lock_memberships)


async def test_a_forgotten_lock_dooms_the_transaction(
    storage: MemoryStorage, stored: Stored
) -> None:
    async def save_without_lock(tx: Transaction, stored: Stored) -> None:
        with pytest.raises(RuntimeError, match="is not locked"):
            await tx.customers.save(stored.customer.with_next_version(NOW))

    with pytest.raises(RuntimeError, match="doomed by RuntimeError"):
        await run(storage, stored, save_without_lock)


async def test_a_lock_ends_with_its_transaction(storage: MemoryStorage, stored: Stored) -> None:
    await run(storage, stored, lock_customer)
    with pytest.raises(RuntimeError, match="is not locked"):
        await run(storage, stored, OF_A_CUSTOMER["save"])


@pytest.mark.parametrize("write", WITH_WRONG_BEFORE.values(), ids=WITH_WRONG_BEFORE)
async def test_a_list_is_not_replaced_if_before_is_not_what_is_stored(
    storage: MemoryStorage, stored: Stored, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="not what is stored"):
        await run(storage, stored, lock_customer, write)


async def test_a_second_customer_with_an_id_is_refused(
    storage: MemoryStorage, stored: Stored
) -> None:
    with pytest.raises(RuntimeError, match="another customer's"):
        await storage.autocommit("tenant").add_customer(a_customer(id=stored.customer.id))
    async with storage.view("tenant") as view:
        assert await view.customers.get(stored.customer.id) == stored.customer


async def test_an_erasure_needs_a_customer_without_a_name(
    storage: MemoryStorage, stored: Stored
) -> None:
    async def erase(tx: Transaction, stored: Stored) -> None:
        await tx.erasures.erase(stored.customer.deleted(NOW))

    with pytest.raises(RuntimeError, match="still has a name"):
        await run(storage, stored, lock_customer, erase)
