"""One way each to change a scene, all for one transaction that has locked everything."""

from collections.abc import Awaitable, Callable

from attrs import evolve

from customers.core.model.customer import CustomerStatus
from customers.core.model.journal import CommunicationStatus
from customers.core.model.membership import RefreshState
from customers.core.ports.storage import Transaction
from tests.contract.full_tenant import ADA, BOB, EVE, MAIL, NOTE, OTHERS, SEGMENT, Scene
from tests.contract.membership_steps import a_flip
from tests.contract.steps import BY_HAND
from tests.support.builders import (
    NOW,
    a_communication,
    a_customer,
    a_note,
    a_payment_method,
    a_segment,
    an_address,
    an_entry,
    later,
)


async def _delete(tx: Transaction, scene: Scene) -> None:
    await tx.payment_methods.release(ADA)
    await tx.customers.save(scene.ada.deleted(later(days=1)))


async def _reclaim(tx: Transaction, scene: Scene) -> None:
    await _delete(tx, scene)
    await tx.customers.save(scene.ada.with_next_version(later(days=1)))
    await tx.payment_methods.reclaim(ADA)


async def _put_members(tx: Transaction, scene: Scene) -> None:
    await tx.memberships.apply([a_flip(scene.segment, scene.bob)])
    await tx.assignments.add_members(SEGMENT, BY_HAND)


async def _settle_marks(tx: Transaction, scene: Scene) -> None:
    await tx.memberships.apply([], await tx.memberships.with_pending_changes(9))


# A change of what a transaction has locked: every customer, order, segment and communication, and
# the members.
WRITES: dict[str, Callable[[Transaction, Scene], Awaitable[object]]] = {
    "add a customer": lambda tx, scene: tx.customers.add(a_customer(tenant_id=scene.ada.tenant_id)),
    "save a customer": lambda tx, scene: tx.customers.save(
        evolve(scene.ada, status=CustomerStatus.BLOCKED, email="new@example.test")
    ),
    "delete": _delete,
    "delete and restore": _reclaim,
    "restore": lambda tx, scene: tx.customers.save(scene.eve.restored(later(days=1))),
    "change an address": lambda tx, scene: tx.addresses.replace(
        ADA, [scene.home], [evolve(scene.home, city="Paris")]
    ),
    "remove an address": lambda tx, scene: tx.addresses.replace(ADA, [scene.home], []),
    "add an address": lambda tx, scene: tx.addresses.replace(
        ADA, [scene.home], [scene.home, an_address(scene.ada)]
    ),
    "change a method": lambda tx, scene: tx.payment_methods.replace(
        ADA, [scene.card], [evolve(scene.card, is_active=False)]
    ),
    "remove a method": lambda tx, scene: tx.payment_methods.replace(ADA, [scene.card], []),
    "add a method": lambda tx, scene: tx.payment_methods.replace(
        ADA, [scene.card], [scene.card, a_payment_method(scene.ada)]
    ),
    "add a note": lambda tx, scene: tx.notes.add(a_note(scene.ada)),
    "remove a note": lambda tx, scene: tx.notes.remove(ADA, NOTE),
    "add a communication": lambda tx, scene: tx.communications.add(a_communication(scene.ada)),
    "move a communication": lambda tx, scene: tx.communications.save(
        scene.mail.move(CommunicationStatus.OPENED)
    ),
    "cancel an order": lambda tx, scene: tx.orders.save(scene.order.cancel(later(days=1))),
    "tell a stub": lambda tx, scene: tx.orders.save(an_entry(scene.ada, order_id="stub")),
    "change a segment": lambda tx, scene: tx.segments.save(evolve(scene.segment, name="New")),
    "add a segment": lambda tx, scene: tx.segments.add(
        a_segment(tenant_id=scene.segment.tenant_id)
    ),
    "remove a segment": lambda tx, scene: tx.segments.remove(SEGMENT),
    "put": lambda tx, scene: tx.assignments.add(SEGMENT, [BOB], BY_HAND),
    "take": lambda tx, scene: tx.assignments.remove(SEGMENT, [ADA]),
    "empty": lambda tx, scene: tx.assignments.clear(SEGMENT),
    "put members": _put_members,
    "settle": lambda tx, scene: tx.memberships.apply([a_flip(scene.segment, scene.bob)]),
    "settle marks": _settle_marks,
    "stand": lambda tx, scene: tx.memberships.save_refresh_state(OTHERS, RefreshState(target=NOW)),
    "erase": lambda tx, scene: tx.erasures.erase(scene.ada.erased(later(days=1))),
}


async def lock_everything(tx: Transaction) -> None:
    """What a transaction locks before it may do any of the writes."""
    await tx.memberships.acquire_lock()
    for customer_id in (ADA, BOB, EVE):
        await tx.customers.get_any_for_update(customer_id)
    for order_id in ("order", "stub"):
        await tx.orders.claim(order_id, ADA)
    await tx.communications.get_for_update(ADA, MAIL)
    for segment_id in (SEGMENT, OTHERS):
        await tx.segments.get_for_update(segment_id)
