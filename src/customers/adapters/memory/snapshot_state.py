"""Builds the state of a tenant from the rows of a snapshot that are consistent with each other."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve
from immutables import Map

from customers.adapters.memory.snapshot_rows import ErasedCustomer, TenantRows, remaining
from customers.adapters.memory.state import State, token_of
from customers.core.model import journal, membership, payment
from customers.core.model.address import MAX_ADDRESSES, Address, AddressBook, AddressType
from customers.core.model.cards import card_numbers
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.model.ledger import fold_ledger
from customers.core.model.money import Currency
from customers.core.model.pending_changes import PendingChange

T = TypeVar("T")


def state_of(rows: TenantRows, tenant_id: str, currency: Currency) -> State:
    """The state of the rows; inconsistent ones are left out, or get values that are consistent."""
    own = partial(_own, tenant_id)
    state = _with_customers(own(rows.customers), own(rows.erased_customers))
    state = _with_verifications(_with_belongings(state, rows, own), rows, tenant_id)
    for segment in _unique(own(rows.segments), attrgetter("name_key")):
        state = state.with_segment(segment)
    state = evolve(state, api_keys=Map((key.id, key) for key in own(rows.api_keys)))
    state = _with_memberships(_with_orders(state, rows, currency), rows)
    return _with_pending_changes(state, rows)


def _own(tenant_id: str, rows: Iterable[Any]) -> list[Any]:
    """The first row of each id, its `tenant_id` set to that of the tenant."""
    return _unique((evolve(row, tenant_id=tenant_id) for row in rows), attrgetter("id"))


def _with_customers(customers: list[Customer], erased_customers: list[ErasedCustomer]) -> State:
    state = State()
    for customer in customers:
        if not (customer.is_living and state.is_email_taken(customer)):
            state = state.with_customer(customer)
    for row in erased_customers:
        if state.any_customer(row.id) is None:
            state = _with_erased(state, row)
    return state


def _with_belongings(
    state: State, rows: TenantRows, own: Callable[[Iterable[Any]], list[Any]]
) -> State:
    methods = _payment_methods(state, own(rows.payment_methods))
    return evolve(
        state,
        addresses=_addresses(state, own(rows.addresses)),
        payment_methods=methods,
        tokens=Map((token_of(row), row.id) for id in state.living for row in methods.get(id, ())),
        notes=_by_id(state, own(rows.notes)),
        communications=_by_id(state, _unique(own(rows.communications), _external_id)),
    )


def _with_verifications(state: State, rows: TenantRows, tenant_id: str) -> State:
    own = (evolve(row, tenant_id=tenant_id) for row in rows.verifications)
    for customer_id, group in _groups(state, _unique(own, attrgetter("token_hash"))):
        state = state.with_verifications(customer_id, group)
    return state


def _unique(rows: Iterable[T], key: Callable[[T], object]) -> list[T]:
    """The first row of each key."""
    first: dict[object, T] = {}
    for row in rows:
        first.setdefault(key(row), row)
    return list(first.values())


def _with_erased(state: State, row: ErasedCustomer) -> State:
    counts = {kind: row.counts.get(kind, 0) for kind in RecordKind}
    receipt = Erasure(customer_id=row.id, erased_at=row.erased_at, counts=counts)
    nameless = Customer(email="", first_name="", last_name="", **remaining(row))
    return evolve(state.with_customer(nameless), erasures=state.erasures.set(row.id, receipt))


def _groups(state: State, rows: Iterable[Any]) -> Iterable[tuple[UUID, list[Any]]]:
    """The rows of customers who are not erased, by customer."""
    groups = defaultdict(list)
    for row in rows:
        if state.any_customer(row.customer_id) and row.customer_id not in state.erasures:
            groups[row.customer_id].append(row)
    return groups.items()


def _by_id(state: State, rows: Iterable[Any]) -> Map[UUID, Map[UUID, Any]]:
    return Map((id, Map((row.id, row) for row in group)) for id, group in _groups(state, rows))


def _external_id(row: journal.Communication) -> object:
    return (row.customer_id, row.communication_type, row.external_id or row.id)


def _addresses(state: State, rows: list[Address]) -> Map[UUID, tuple[Address, ...]]:
    """The addresses by customer: at most 20 each, with at most one default for each purpose."""

    def default_key(purpose: AddressType, row: Address) -> object:
        is_default = row.is_default and row.address_type.shares(purpose)
        return (row.customer_id, is_default or row.id)

    for purpose in (AddressType.SHIPPING, AddressType.BILLING):
        rows = _unique(rows, partial(default_key, purpose))
    groups = _groups(state, rows)
    return Map((id, AddressBook(group[:MAX_ADDRESSES]).addresses) for id, group in groups)


def _payment_methods(state: State, rows: list[Any]) -> Map[UUID, tuple[Any, ...]]:
    """The payment methods by customer: at most one default each, and none with a card number.

    A method of a deleted customer may have the same token as another method.
    """
    rows = _unique(rows, lambda row: (row.customer_id, row.is_default or row.id))
    rows = _unique(rows, lambda row: token_of(row) if row.customer_id in state.living else row.id)
    rows = [row for row in rows if not card_numbers([*token_of(row), row.card_brand])]
    return Map((id, payment.Wallet(group).methods) for id, group in _groups(state, rows))


def _with_orders(state: State, rows: TenantRows, currency: Currency) -> State:
    """The state with the ledger. An entry has an amount, a date and a moment of recording, or none
    of them if it is a stub; others are left out.
    """
    refunds = {(row.order_id, row.refund_id): row for row in rows.refunds}
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for refund in refunds.values():
        totals[refund.order_id] += refund.amount
    for row in _unique(rows.orders, attrgetter("order_id")):
        unset = {row.total_amount is None, row.order_date is None, row.recorded_at is None}
        if len(unset) == 1 and state.any_customer(row.customer_id):
            order_number = "" if row.customer_id in state.erasures else row.order_number
            entry = evolve(row, order_number=order_number, refunds_total=totals[row.order_id])
            state = state.with_entry(entry)
    stored = ((key, refund) for key, refund in refunds.items() if key[0] in state.order_owners)
    return _with_statistics(evolve(state, refunds=Map(stored)), currency)


def _with_statistics(state: State, currency: Currency) -> State:
    for customer_id, entries in state.ledger.items():
        if customer := state.any_customer(customer_id):
            statistics = fold_ledger(entries.values(), currency)
            state = state.with_customer(evolve(customer, statistics=statistics))
    return state


def _with_memberships(state: State, rows: TenantRows) -> State:
    state, segments = _with_changes(state, rows), state.segments.values()
    unbuilt = {row.id: membership.RefreshState(target=row.updated_at) for row in segments}
    refresh_states = (unbuilt | dict(rows.refresh_states)).items()
    return evolve(
        state,
        assignments=_assignments(state, rows),
        refresh_states=Map((id, row) for id, row in refresh_states if row and id in unbuilt),
        captures_customers=rows.captures_customers or any(row.is_active for row in segments),
        captures_orders=rows.captures_orders or any(map(membership.depends_on_orders, segments)),
    )


def _with_changes(state: State, rows: TenantRows) -> State:
    by_sequence = attrgetter("sequence")
    for change in sorted(_unique(rows.changes, by_sequence), key=by_sequence):
        if change.segment_id in state.segments and state.any_customer(change.customer_id):
            state = state.with_change(change)
    return evolve(state, last_sequence=max(rows.last_sequence, state.last_sequence))


def _assignments(state: State, rows: TenantRows) -> Map[UUID, Map[UUID, membership.Assignment]]:
    """The assignments of customers to manual segments."""
    return Map(
        (id, Map(pair for pair in assigned.items() if state.any_customer(pair[0])))
        for id, assigned in rows.assignments.items()
        if id in state.segments and not state.segments[id].is_dynamic
    )


def _with_pending_changes(state: State, rows: TenantRows) -> State:
    pairs = ((id, row) for id, changes in rows.pending_changes.items() for row in changes)
    numbered = {row.number: (id, row) for id, row in reversed([*pairs])}
    pending: dict[UUID, tuple[PendingChange, ...]] = defaultdict(tuple)
    last = rows.last_pending_change
    for number, (id, row) in sorted(numbered.items()):
        if state.any_customer(id) and (row.before is None or row.before.id == id):
            pending[id] += (row,)
            last = max(last, number)
    return evolve(state, pending_changes=Map(pending), last_pending_change=last)
