"""Writes to a full tenant, for a transaction that has called `lock_everything`."""

from collections.abc import Awaitable, Callable

from attrs import evolve

from customers.core.model.customer import CustomerStatus
from customers.core.model.journal import CommunicationStatus
from customers.core.model.membership import RefreshState
from customers.core.ports.storage import Transaction
from tests.support.builders import (
    NOW,
    a_communication,
    a_customer,
    a_payment_method,
    a_segment,
    a_verification,
    an_address,
    an_entry,
    later,
)
from tests.support.full_tenant import ADA, BOB, EVE, MAIL, NOTE, OTHERS, SEGMENT, FullTenant
from tests.support.membership_steps import a_change
from tests.support.storage_steps import ASSIGNMENT


async def _delete(tx: Transaction, full_tenant: FullTenant) -> None:
    await tx.payment_methods.release(ADA)
    await tx.customers.save(full_tenant.ada.deleted(later(days=1)))


async def _reclaim(tx: Transaction, full_tenant: FullTenant) -> None:
    await _delete(tx, full_tenant)
    await tx.customers.save(full_tenant.ada.with_next_version(later(days=1)))
    await tx.payment_methods.reclaim(ADA)


async def _assign_members(tx: Transaction, full_tenant: FullTenant) -> None:
    await tx.memberships.apply([a_change(full_tenant.segment, full_tenant.bob)])
    await tx.assignments.add_members(SEGMENT, ASSIGNMENT)


async def _remove_pending_changes(tx: Transaction, full_tenant: FullTenant) -> None:
    await tx.memberships.apply([], await tx.memberships.with_pending_changes(9))


WRITES: dict[str, Callable[[Transaction, FullTenant], Awaitable[object]]] = {
    "add a customer": lambda tx, full_tenant: tx.customers.add(
        a_customer(tenant_id=full_tenant.ada.tenant_id)
    ),
    "save a customer": lambda tx, full_tenant: tx.customers.save(
        evolve(full_tenant.ada, status=CustomerStatus.BLOCKED, email="new@example.test")
    ),
    "delete": _delete,
    "delete and restore": _reclaim,
    "restore": lambda tx, full_tenant: tx.customers.save(full_tenant.eve.restored(later(days=1))),
    "change an address": lambda tx, full_tenant: tx.addresses.replace(
        ADA, [full_tenant.home], [evolve(full_tenant.home, city="Paris")]
    ),
    "remove an address": lambda tx, full_tenant: tx.addresses.replace(ADA, [full_tenant.home], []),
    "add an address": lambda tx, full_tenant: tx.addresses.replace(
        ADA, [full_tenant.home], [full_tenant.home, an_address(full_tenant.ada)]
    ),
    "change a method": lambda tx, full_tenant: tx.payment_methods.replace(
        ADA, [full_tenant.card], [evolve(full_tenant.card, is_active=False)]
    ),
    "remove a method": lambda tx, full_tenant: tx.payment_methods.replace(
        ADA, [full_tenant.card], []
    ),
    "add a method": lambda tx, full_tenant: tx.payment_methods.replace(
        ADA, [full_tenant.card], [full_tenant.card, a_payment_method(full_tenant.ada)]
    ),
    "remove a note": lambda tx, full_tenant: tx.notes.remove(ADA, NOTE),
    "add a verification": lambda tx, full_tenant: tx.verifications.add(
        a_verification(full_tenant.ada)
    ),
    "use a verification": lambda tx, _: tx.verifications.use(ADA, later(days=1)),
    "remove a verification": lambda tx, _: tx.verifications.remove(ADA, NOW),
    "add a communication": lambda tx, full_tenant: tx.communications.add(
        a_communication(full_tenant.ada)
    ),
    "move a communication": lambda tx, full_tenant: tx.communications.save(
        full_tenant.mail.move(CommunicationStatus.OPENED)
    ),
    "cancel an order": lambda tx, full_tenant: tx.orders.save(
        full_tenant.order.cancel(later(days=1))
    ),
    "record the order of a stub": lambda tx, full_tenant: tx.orders.save(
        an_entry(full_tenant.ada, order_id="stub")
    ),
    "change a segment": lambda tx, full_tenant: tx.segments.save(
        evolve(full_tenant.segment, name="New")
    ),
    "add a segment": lambda tx, full_tenant: tx.segments.add(
        a_segment(tenant_id=full_tenant.segment.tenant_id)
    ),
    "remove a segment": lambda tx, full_tenant: tx.segments.remove(SEGMENT),
    "assign": lambda tx, full_tenant: tx.assignments.add(SEGMENT, [BOB], ASSIGNMENT),
    "unassign": lambda tx, full_tenant: tx.assignments.remove(SEGMENT, [ADA]),
    "clear assignments": lambda tx, full_tenant: tx.assignments.clear(SEGMENT),
    "assign members": _assign_members,
    "apply a change": lambda tx, full_tenant: tx.memberships.apply(
        [a_change(full_tenant.segment, full_tenant.bob)]
    ),
    "remove pending changes": _remove_pending_changes,
    "save a refresh state": lambda tx, full_tenant: tx.memberships.save_refresh_state(
        OTHERS, RefreshState(target=NOW)
    ),
    "erase": lambda tx, full_tenant: tx.erasures.erase(full_tenant.ada.erased(later(days=1))),
}


async def lock_everything(tx: Transaction) -> None:
    """Takes every lock that any of the writes needs."""
    await tx.memberships.acquire_lock()
    for customer_id in (ADA, BOB, EVE):
        await tx.customers.get_any_for_update(customer_id)
    for order_id in ("order", "stub"):
        await tx.orders.claim(order_id, ADA)
    await tx.communications.get_for_update(ADA, MAIL)
    for segment_id in (SEGMENT, OTHERS):
        await tx.segments.get_for_update(segment_id)
