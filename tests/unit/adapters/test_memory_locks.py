"""Forgotten locks: a database would lose an update now and then, the memory storage says so."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import evolve, frozen

from customers.adapters.memory.storage import MemoryStorage
from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication
from customers.core.model.membership import Assignment, RefreshState
from customers.core.model.order import Entry
from customers.core.model.segment import Segment
from customers.core.ports.storage import Transaction
from tests.support.builders import (
    NOW,
    USD,
    a_communication,
    a_customer,
    a_note,
    a_payment_method,
    a_refund,
    a_segment,
    an_address,
    an_entry,
)

BY_HAND = Assignment(assigned_at=NOW)


@frozen(kw_only=True)
class Kept:
    """What was stored before: one of each that a transaction can lock."""

    customer: Customer
    address: Address
    communication: Communication
    entry: Entry
    segment: Segment


Write = Callable[[Transaction, Kept], Awaitable[Any]]

OF_A_CUSTOMER: dict[str, Write] = {
    "save": lambda tx, kept: tx.customers.save(kept.customer.with_next_version(NOW)),
    "addresses": lambda tx, kept: tx.addresses.replace(kept.customer.id, [kept.address], []),
    "methods": lambda tx, kept: tx.payment_methods.replace(
        kept.customer.id, [], [a_payment_method(kept.customer)]
    ),
    "release": lambda tx, kept: tx.payment_methods.release(kept.customer.id),
    "reclaim": lambda tx, kept: tx.payment_methods.reclaim(kept.customer.id),
    "note": lambda tx, kept: tx.notes.add(a_note(kept.customer)),
    "communication": lambda tx, kept: tx.communications.add(a_communication(kept.customer)),
    "claim": lambda tx, kept: tx.orders.claim(kept.entry.order_id, kept.customer.id),
    "erase": lambda tx, kept: tx.erasures.erase(kept.customer.erased(NOW)),
}
OF_OTHERS: dict[str, Write] = {
    "communication": lambda tx, kept: tx.communications.save(kept.communication),
    "entry": lambda tx, kept: tx.orders.save(kept.entry),
    "refund": lambda tx, kept: tx.orders.add_refund(a_refund(kept.entry)),
    "segment": lambda tx, kept: tx.segments.save(evolve(kept.segment, name="another")),
}
# These need the members locked as well.
OF_A_SEGMENT: dict[str, Write] = {
    "remove": lambda tx, kept: tx.segments.remove(kept.segment.id),
    "put": lambda tx, kept: tx.assignments.add(kept.segment.id, {kept.customer.id}, BY_HAND),
    "put members": lambda tx, kept: tx.assignments.add_members(kept.segment.id, BY_HAND),
    "take": lambda tx, kept: tx.assignments.remove(kept.segment.id, {kept.customer.id}),
    "empty": lambda tx, kept: tx.assignments.clear(kept.segment.id),
}
OF_MEMBERS: dict[str, Write] = {
    "stored": lambda tx, kept: tx.memberships.members_among(kept.segment.id, {kept.customer.id}),
    "watch": lambda tx, kept: tx.memberships.set_capture(customers=True, orders=True),
    "is watched": lambda tx, kept: tx.memberships.capture_barrier_passed(kept.segment.id),
    "marked": lambda tx, kept: tx.memberships.with_pending_changes(9),
    "contradicted": lambda tx, kept: tx.memberships.mismatched(kept.segment.id, None, None, 9),
    "aged": lambda tx, kept: tx.memberships.crossed([], None, 9),
    "settle": lambda tx, kept: tx.memberships.apply([]),
    "stand": lambda tx, kept: tx.memberships.save_refresh_state(
        kept.segment.id, RefreshState(watermark=NOW)
    ),
}
MISREAD: dict[str, Write] = {
    "addresses": lambda tx, kept: tx.addresses.replace(kept.customer.id, [], [kept.address]),
    "methods": lambda tx, kept: tx.payment_methods.replace(
        kept.customer.id, [a_payment_method(kept.customer)], []
    ),
}


async def once(storage: MemoryStorage, kept: Kept, *steps: Write) -> None:
    """The steps in one transaction."""
    async with storage.transaction("tenant") as tx:
        for step in steps:
            await step(tx, kept)


async def lock_customer(tx: Transaction, kept: Kept) -> None:
    await tx.customers.get_for_update(kept.customer.id)


async def lock_memberships(tx: Transaction, kept: Kept) -> None:
    await tx.memberships.acquire_lock()


async def lock_segment(tx: Transaction, kept: Kept) -> None:
    await tx.segments.get_for_update(kept.segment.id)


async def lock_others(tx: Transaction, kept: Kept) -> None:
    await tx.communications.get_for_update(kept.customer.id, kept.communication.id)
    await tx.orders.claim(kept.entry.order_id, kept.customer.id)
    await tx.segments.get_for_update(kept.segment.id)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
async def kept(storage: MemoryStorage) -> Kept:
    customer, segment = a_customer(), a_segment()
    kept = Kept(
        customer=customer,
        address=an_address(customer),
        communication=a_communication(customer),
        entry=an_entry(customer),
        segment=segment,
    )
    async with storage.transaction("tenant") as tx:
        await tx.customers.add(customer)
        await tx.addresses.replace(customer.id, [], [kept.address])
        await tx.communications.add(kept.communication)
        await tx.orders.claim(kept.entry.order_id, customer.id)
        await tx.orders.save(kept.entry)
        await tx.segments.add(segment)
    return kept


@pytest.mark.parametrize("write", OF_A_CUSTOMER.values(), ids=OF_A_CUSTOMER)
async def test_a_write_to_a_customer_who_is_not_locked_is_refused(
    storage: MemoryStorage, kept: Kept, write: Write
) -> None:
    with pytest.raises(RuntimeError, match=f"customer {kept.customer.id} is not locked"):
        await once(storage, kept, write)
    await once(storage, kept, lock_customer, write)


@pytest.mark.parametrize("write", OF_OTHERS.values(), ids=OF_OTHERS)
async def test_a_write_to_anything_else_that_is_not_locked_is_refused(
    storage: MemoryStorage, kept: Kept, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="is not locked"):
        await once(storage, kept, lock_customer, write)
    await once(storage, kept, lock_customer, lock_others, write)


@pytest.mark.parametrize("write", OF_A_SEGMENT.values(), ids=OF_A_SEGMENT)
async def test_a_change_of_what_was_put_by_hand_needs_the_members_and_the_segment(
    storage: MemoryStorage, kept: Kept, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="members are not locked"):
        await once(storage, kept, lock_segment, write)
    with pytest.raises(RuntimeError, match=f"segment {kept.segment.id} is not locked"):
        await once(storage, kept, lock_memberships, write)
    await once(storage, kept, lock_memberships, lock_segment, write)


@pytest.mark.parametrize("write", OF_MEMBERS.values(), ids=OF_MEMBERS)
async def test_what_is_about_stored_members_needs_them_locked(
    storage: MemoryStorage, kept: Kept, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="members are not locked"):
        await once(storage, kept, lock_segment, write)
    await once(storage, kept, lock_memberships, write)


@pytest.mark.parametrize("first", [lock_customer, lock_segment])
async def test_the_members_are_locked_before_anything_else_or_not_at_all(
    storage: MemoryStorage, kept: Kept, first: Write
) -> None:
    with pytest.raises(RuntimeError, match="locked already"):
        await once(storage, kept, first, lock_memberships)
    await once(storage, kept, lock_memberships, first, lock_memberships)


async def test_a_forgotten_lock_dooms_the_transaction_too(
    storage: MemoryStorage, kept: Kept
) -> None:
    async def swallow(tx: Transaction, kept: Kept) -> None:
        with pytest.raises(RuntimeError, match="is not locked"):
            await tx.customers.save(kept.customer.with_next_version(NOW))

    with pytest.raises(RuntimeError, match="doomed by RuntimeError"):
        await once(storage, kept, swallow)


async def test_a_lock_ends_with_its_transaction(storage: MemoryStorage, kept: Kept) -> None:
    await once(storage, kept, lock_customer)
    with pytest.raises(RuntimeError, match="is not locked"):
        await once(storage, kept, OF_A_CUSTOMER["save"])


@pytest.mark.parametrize("write", MISREAD.values(), ids=MISREAD)
async def test_a_list_is_not_replaced_by_who_did_not_read_it(
    storage: MemoryStorage, kept: Kept, write: Write
) -> None:
    with pytest.raises(RuntimeError, match="not what is stored"):
        await once(storage, kept, lock_customer, write)


async def test_an_id_is_never_given_to_a_second_customer(
    storage: MemoryStorage, kept: Kept
) -> None:
    with pytest.raises(RuntimeError, match="another customer's"):
        await storage.autocommit("tenant").add_customer(a_customer(id=kept.customer.id))
    async with storage.view("tenant") as view:
        assert await view.customers.get(kept.customer.id) == kept.customer


async def test_only_a_nameless_value_replaces_an_erased_customer(
    storage: MemoryStorage, kept: Kept
) -> None:
    async def erase(tx: Transaction, kept: Kept) -> None:
        await tx.erasures.erase(kept.customer.deleted(NOW))

    with pytest.raises(RuntimeError, match="still has a name"):
        await once(storage, kept, lock_customer, erase)
