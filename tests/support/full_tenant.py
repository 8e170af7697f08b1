"""A tenant with one of everything, under the same ids in every tenant, and ways to read it.

`full_tenant_writes` lists ways to change it.
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from attrs import evolve, frozen

from customers.core.errors import CustomersError
from customers.core.model.address import Address
from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.customer_filter import CustomerFilter, MembersOf
from customers.core.model.journal import Communication, CommunicationType, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import DateRange, RefreshState
from customers.core.model.order import StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import StaleCandidate
from customers.core.model.query import CustomerSort, Page, SortField
from customers.core.model.rules.timing import DateField
from customers.core.model.segment import Segment
from customers.core.model.verification import Verification
from customers.core.ports.storage import Storage, Transaction, View
from tests.support.builders import (
    NOW,
    SequentialIds,
    a_communication,
    a_customer,
    a_note,
    a_payment_method,
    a_refund,
    a_segment,
    a_stub,
    a_verification,
    an_address,
    an_entry,
)
from tests.support.membership_steps import save_refresh_state, set_capture, store_members
from tests.support.storage_steps import (
    EVERYONE,
    add_communications,
    add_customers,
    add_notes,
    add_refunds,
    add_segments,
    add_verifications,
    assign,
    save_entries,
    searching,
    set_addresses,
    set_methods,
)

T = TypeVar("T")

# Far from the ids that builders count.
_ids = SequentialIds(10**12)
ADA, BOB, EVE, HOME, CARD, NOTE, MAIL, SEGMENT, OTHERS = (_ids.new() for _ in range(9))
MEMBERS = CustomerFilter(members_of=MembersOf(segment_id=SEGMENT))
ASSIGNED = CustomerFilter(assigned_to=SEGMENT)
CREATED_NOW = DateRange(date=DateField.CREATED_AT, low=NOW, high=NOW)
BY_NAME = CustomerSort(by=SortField.FIRST_NAME)


@frozen(kw_only=True)
class FullTenant:
    """Ada has one of everything, Bob nothing; Eve is deleted and has a pending change.

    Ada is assigned to one of the two segments, and is a stored member of it.
    """

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
    verification: Verification


def a_full_tenant(tenant: str) -> FullTenant:
    """The values of a full tenant before they are stored: Eve is not deleted yet."""
    fields: dict[str, Any] = {"tenant_id": tenant, "last_name": tenant}
    ada = a_customer(id=ADA, first_name="Ada", email="ada@example.test", **fields)
    order = an_entry(ada, order_id="order", order_number="No 1", refunds_total=Decimal("2.50"))
    return FullTenant(
        ada=ada,
        bob=a_customer(id=BOB, first_name="Bob", email="bob@example.test", **fields),
        eve=a_customer(id=EVE, first_name="Eve", email="eve@example.test", **fields),
        home=an_address(ada, id=HOME, company=tenant, is_default=True),
        card=a_payment_method(ada, id=CARD, gateway_payment_method_id="pm", is_default=True),
        note=a_note(ada, id=NOTE, note=tenant),
        mail=a_communication(ada, id=MAIL, external_id="mail", subject=tenant),
        order=order,
        stub=a_stub(ada, order_id="stub"),
        refund=a_refund(order, refund_id="refund"),
        segment=a_segment(tenant_id=tenant, id=SEGMENT, name="VIP", description=tenant),
        others=a_segment(tenant_id=tenant, id=OTHERS, name="Others"),
        verification=a_verification(ada, f"token of {tenant}"),
    )


async def store_full_tenant(storage: Storage, tenant: str) -> FullTenant:
    """Stores a full tenant; returns it with the statistics of Ada's order."""
    full_tenant = a_full_tenant(tenant)
    await add_customers(storage, full_tenant.ada, full_tenant.bob, full_tenant.eve)
    await set_addresses(storage, full_tenant.ada, full_tenant.home)
    await set_methods(storage, full_tenant.ada, full_tenant.card)
    await add_notes(storage, full_tenant.ada, full_tenant.note)
    await add_communications(storage, full_tenant.ada, full_tenant.mail)
    await add_verifications(storage, full_tenant.ada, full_tenant.verification)
    ada = await save_entries(storage, full_tenant.ada, full_tenant.order, full_tenant.stub)
    await add_refunds(storage, ada, full_tenant.refund)
    await add_segments(storage, full_tenant.segment, full_tenant.others)
    await assign(storage, full_tenant.segment, ada)
    await store_members(storage, full_tenant.segment, ada)
    await save_refresh_state(storage, full_tenant.segment, RefreshState(watermark=NOW))
    await set_capture(storage, tenant)
    async with storage.transaction(tenant) as tx:
        await tx.customers.get_for_update(EVE)
        await tx.customers.save(eve := full_tenant.eve.deleted(NOW))
    return evolve(full_tenant, ada=ada, eve=eve)


async def _by_id(read: Awaitable[Sequence[StaleCandidate]]) -> list[StaleCandidate]:
    return sorted(await read, key=lambda candidate: candidate.customer.id)


async def _numbered(
    view: View | Transaction, customer_filter: CustomerFilter
) -> Sequence[Customer] | int:
    """The customers of the page, or the total of an empty one."""
    page = await view.customers.page_with_total(customer_filter, BY_NAME, Page())
    return page.customers or page.total


READS: dict[str, Callable[[View | Transaction], Awaitable[object]]] = {
    "get": lambda view: view.customers.get(ADA),
    "get another": lambda view: view.customers.get(BOB),
    "get a deleted customer": lambda view: view.customers.get(EVE),
    "profiles": lambda view: view.customers.profiles([ADA, BOB, EVE]),
    "by e-mail": lambda view: view.customers.by_email("ada@example.test"),
    "by e-mails": lambda view: view.customers.by_emails(
        ["ada@example.test", "nobody@example.test"]
    ),
    "page": lambda view: view.customers.page(EVERYONE, BY_NAME, Page()),
    "page with total": lambda view: _numbered(view, EVERYONE),
    "page with total of a search": lambda view: _numbered(view, searching("ada@")),
    "page of a search": lambda view: view.customers.page(searching("ada@"), BY_NAME, Page()),
    "page of members": lambda view: view.customers.page(MEMBERS, BY_NAME, Page()),
    "after": lambda view: view.customers.page_after(EVERYONE, BY_NAME, None, 9),
    "count": lambda view: view.customers.count(EVERYONE),
    "count of members": lambda view: view.customers.count(MEMBERS),
    "count of a search": lambda view: view.customers.count(searching("ada@")),
    "count of a status": lambda view: view.customers.count(
        CustomerFilter(statuses=frozenset({CustomerStatus.ACTIVE}))
    ),
    "addresses": lambda view: view.addresses.all(ADA),
    "payment methods": lambda view: view.payment_methods.all(ADA),
    "notes": lambda view: view.notes.newest(ADA, None, 9),
    "communications": lambda view: view.communications.newest(ADA, None, 9),
    "verifications": lambda view: view.verifications.all(ADA),
    "orders": lambda view: view.orders.newest(ADA, None, 9),
    "segment": lambda view: view.segments.get(SEGMENT),
    "segments": lambda view: view.segments.all(),
    "assigned segments": lambda view: view.assignments.segments_of(ADA),
    "page of the assigned": lambda view: view.customers.page(ASSIGNED, BY_NAME, Page()),
    "assignment": lambda view: view.assignments.get(SEGMENT, ADA),
    "refresh states": lambda view: view.memberships.refresh_states([SEGMENT]),
    "all refresh states": lambda view: view.memberships.refresh_states(),
    "stale candidates": lambda view: _by_id(view.memberships.stale_candidates([CREATED_NOW], 9)),
    "due segments": lambda view: view.memberships.due({SEGMENT: [CREATED_NOW]}),
    "changes": lambda view: view.memberships.changes(SEGMENT, 0, 9),
}


async def _mismatched(tx: Transaction) -> Sequence[StaleCandidate]:
    return (await tx.memberships.mismatched(SEGMENT, EVERYONE, None, 9))[0]


# For a transaction that holds the membership lock.
LOCKED_READS: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "get for update": lambda tx: tx.customers.get_for_update(ADA),
    "get any for update": lambda tx: tx.customers.get_any_for_update(EVE),
    "get ids for update": lambda tx: tx.customers.get_ids_for_update([ADA, BOB, EVE]),
    "find a communication": lambda tx: tx.communications.find(ADA, CommunicationType.EMAIL, "mail"),
    "lock a communication": lambda tx: tx.communications.get_for_update(ADA, MAIL),
    "refund amount": lambda tx: tx.orders.refund_amount("order", "refund"),
    "statistics": lambda tx: tx.orders.statistics(ADA),
    "lock a segment": lambda tx: tx.segments.get_for_update(SEGMENT),
    "receipt": lambda tx: tx.erasures.find(ADA),
    "stored members": lambda tx: tx.memberships.members_among(SEGMENT, [ADA, BOB, EVE]),
    "pending changes": lambda tx: _by_id(tx.memberships.with_pending_changes(9)),
    "pending changes of two": lambda tx: _by_id(tx.memberships.with_pending_changes(9, [ADA, EVE])),
    "mismatched": _mismatched,
    "crossed": lambda tx: tx.memberships.crossed([CREATED_NOW], None, 9),
}


async def outcome(read: Awaitable[T]) -> T | type[CustomersError]:
    """The value of a read, or the type of its error."""
    try:
        return await read
    except CustomersError as error:
        return type(error)


async def read_view(storage: Storage, tenant: str) -> dict[str, object]:
    """The outcomes of READS in a view, by name."""
    async with storage.view(tenant) as view:
        return await read_all(view)


async def read_all(view: View) -> dict[str, object]:
    return {name: _plain(await outcome(read(view))) for name, read in READS.items()}


async def read_everything(storage: Storage, tenant: str) -> dict[str, object]:
    """The outcomes of READS in a view and of LOCKED_READS in a transaction, by name."""
    async with storage.transaction(tenant) as tx:
        await tx.memberships.acquire_lock()
        locked = {name: _plain(await outcome(read(tx))) for name, read in LOCKED_READS.items()}
    return await read_view(storage, tenant) | locked


def _plain(value: object) -> object:
    """The value, with a tuple made a list, so that equal results of two storages are equal."""
    return list(value) if isinstance(value, list | tuple) else value
