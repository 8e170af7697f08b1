"""A tenant with one of everything, under the same ids in every tenant; all ways to read it, and
one way each to change it.

What a change must or must not do is said by the contracts that go through these lists.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

from attrs import evolve, frozen

from customers.core.errors import CustomersError
from customers.core.model.address import Address
from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.journal import (
    Communication,
    CommunicationStatus,
    CommunicationType,
    Note,
)
from customers.core.model.order import Entry, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.query import CustomerFilter, CustomerOrder, CustomerSort, Page
from customers.core.model.segment import Segment
from customers.core.ports import Storage, Transaction, View
from tests.builders import (
    NOW,
    SequentialIds,
    a_communication,
    a_customer,
    a_note,
    a_payment_method,
    a_refund,
    a_segment,
    a_stub,
    an_address,
    an_entry,
    later,
)
from tests.contract.steps import (
    EVERYONE,
    add_communications,
    add_notes,
    add_refunds,
    add_segments,
    enter,
    keep,
    put,
    set_addresses,
    set_methods,
)

T = TypeVar("T")

# Far from the ids that builders count.
_ids = SequentialIds(10**12)
ADA, BOB, EVE, HOME, CARD, NOTE, MAIL, SEGMENT, OTHERS = (_ids.new() for _ in range(9))
MEMBERS = CustomerFilter(member_of=SEGMENT)
BY_NAME = CustomerOrder(by=CustomerSort.FIRST_NAME)


@frozen(kw_only=True)
class Scene:
    """Ada has one of everything, Bob nothing, Eve is deleted; Ada is in one of two segments."""

    ada: Customer
    bob: Customer
    eve: Customer
    home: Address
    card: PaymentMethod
    note: Note
    mail: Communication
    order: Entry
    stub: Entry
    refund: StoredRefund
    segment: Segment
    others: Segment


def a_scene(tenant: str) -> Scene:
    """Values of that tenant, which tell it by their names; nothing is stored yet."""
    told: dict[str, Any] = {"tenant_id": tenant, "last_name": tenant}
    ada = a_customer(id=ADA, first_name="Ada", email="ada@example.test", **told)
    order = an_entry(ada, order_id="order", order_number="No 1", refunds_total=Decimal("2.50"))
    return Scene(
        ada=ada,
        bob=a_customer(id=BOB, first_name="Bob", email="bob@example.test", **told),
        eve=a_customer(id=EVE, first_name="Eve", email="eve@example.test", **told),
        home=an_address(ada, id=HOME, company=tenant, is_default=True),
        card=a_payment_method(ada, id=CARD, gateway_payment_method_id="pm", is_default=True),
        note=a_note(ada, id=NOTE, note=tenant),
        mail=a_communication(ada, id=MAIL, external_id="mail", subject=tenant),
        order=order,
        stub=a_stub(ada, order_id="stub"),
        refund=a_refund(order, refund_id="refund"),
        segment=a_segment(tenant_id=tenant, id=SEGMENT, name="VIP", description=tenant),
        others=a_segment(tenant_id=tenant, id=OTHERS, name="Others"),
    )


async def set_up(storage: Storage, tenant: str) -> Scene:
    """Stores a scene; Ada's statistics are those of her order by then."""
    scene = a_scene(tenant)
    await keep(storage, scene.ada, scene.bob, scene.eve)
    await set_addresses(storage, scene.ada, scene.home)
    await set_methods(storage, scene.ada, scene.card)
    await add_notes(storage, scene.ada, scene.note)
    await add_communications(storage, scene.ada, scene.mail)
    ada = await enter(storage, scene.ada, scene.order, scene.stub)
    await add_refunds(storage, ada, scene.refund)
    await add_segments(storage, scene.segment, scene.others)
    await put(storage, scene.segment, ada)
    async with storage.transaction(tenant) as tx:
        await tx.customers.lock(EVE)
        await tx.customers.save(eve := scene.eve.deleted(NOW))
    return evolve(scene, ada=ada, eve=eve)


READS: dict[str, Callable[[View | Transaction], Awaitable[object]]] = {
    "get": lambda view: view.customers.get(ADA),
    "get another": lambda view: view.customers.get(BOB),
    "get the deleted": lambda view: view.customers.get(EVE),
    "profile": lambda view: view.customers.profile(ADA),
    "profiles": lambda view: view.customers.profiles([ADA, BOB, EVE]),
    "by e-mail": lambda view: view.customers.by_email("ada@example.test"),
    "page": lambda view: view.customers.page(EVERYONE, BY_NAME, Page()),
    "page of a search": lambda view: view.customers.page(
        CustomerFilter(search="ada@"), BY_NAME, Page()
    ),
    "page of members": lambda view: view.customers.page(MEMBERS, BY_NAME, Page()),
    "after": lambda view: view.customers.after(EVERYONE, BY_NAME, None, 9),
    "count": lambda view: view.customers.count(EVERYONE),
    "count of members": lambda view: view.customers.count(MEMBERS),
    "count of a search": lambda view: view.customers.count(CustomerFilter(search="ada@")),
    "count of a status": lambda view: view.customers.count(
        CustomerFilter(statuses=frozenset({CustomerStatus.ACTIVE}))
    ),
    "addresses": lambda view: view.addresses.all(ADA),
    "payment methods": lambda view: view.payment_methods.all(ADA),
    "notes": lambda view: view.notes.newest(ADA, None, 9),
    "communications": lambda view: view.communications.newest(ADA, None, 9),
    "orders": lambda view: view.orders.newest(ADA, None, 9),
    "segment": lambda view: view.segments.get(SEGMENT),
    "segments": lambda view: view.segments.all(),
    "put into": lambda view: view.segments.put_into(ADA),
}

LOCKED_READS: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "lock": lambda tx: tx.customers.lock(ADA),
    "lock any": lambda tx: tx.customers.lock_any(EVE),
    "lock all": lambda tx: tx.customers.lock_all([ADA, BOB, EVE]),
    "find a communication": lambda tx: tx.communications.find(ADA, CommunicationType.EMAIL, "mail"),
    "lock a communication": lambda tx: tx.communications.lock(ADA, MAIL),
    "refund amount": lambda tx: tx.orders.refund_amount("order", "refund"),
    "statistics": lambda tx: tx.orders.statistics(ADA),
    "lock a segment": lambda tx: tx.segments.lock(SEGMENT),
    "receipt": lambda tx: tx.erasures.find(ADA),
}


async def _delete(tx: Transaction, scene: Scene) -> None:
    await tx.payment_methods.release(ADA)
    await tx.customers.save(scene.ada.deleted(later(days=1)))


async def _reclaim(tx: Transaction, scene: Scene) -> None:
    await _delete(tx, scene)
    await tx.customers.save(scene.ada.touched(later(days=1)))
    await tx.payment_methods.reclaim(ADA)


# A change of what a transaction has locked: every customer, order, segment and communication.
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
    "put": lambda tx, scene: tx.segments.put(SEGMENT, [BOB], NOW),
    "take": lambda tx, scene: tx.segments.take(SEGMENT, [ADA]),
    "empty": lambda tx, scene: tx.segments.empty(SEGMENT),
    "put matching": lambda tx, scene: tx.segments.put_matching(SEGMENT, EVERYONE, NOW),
    "erase": lambda tx, scene: tx.erasures.erase(scene.ada.erased(later(days=1))),
}


async def lock_everything(tx: Transaction) -> None:
    """What a transaction locks before it may do any of the writes."""
    for customer_id in (ADA, BOB, EVE):
        await tx.customers.lock_any(customer_id)
    for order_id in ("order", "stub"):
        await tx.orders.claim(order_id, ADA)
    await tx.communications.lock(ADA, MAIL)
    for segment_id in (SEGMENT, OTHERS):
        await tx.segments.lock(segment_id)


async def outcome(reading: Awaitable[T]) -> T | type[CustomersError]:
    """What a reading gives, or the kind of its refusal."""
    try:
        return await reading
    except CustomersError as refusal:
        return type(refusal)


async def shown(storage: Storage, tenant: str) -> dict[str, object]:
    """The outcome of every reading of a scene that a view is for."""
    async with storage.view(tenant) as view:
        return {name: _plain(await outcome(read(view))) for name, read in READS.items()}


async def seen(storage: Storage, tenant: str) -> dict[str, object]:
    """What a view shows, and what only a transaction can read."""
    async with storage.transaction(tenant) as tx:
        locked = {name: _plain(await outcome(read(tx))) for name, read in LOCKED_READS.items()}
    return await shown(storage, tenant) | locked


def _plain(value: object) -> object:
    """Comparable whatever the kind of the sequence or collection."""
    return list(value) if isinstance(value, list | tuple) else value
