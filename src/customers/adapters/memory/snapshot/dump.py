"""Dumping states: rows and their plain JSON values.

What follows from other rows is not dumped: statistics, indexes, stored members.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

from attrs import evolve
from immutables import Map

from customers.adapters.memory.snapshot.converter import snapshot_converter
from customers.adapters.memory.snapshot.rows import ErasedCustomer, TenantRows
from customers.adapters.memory.state import State
from customers.core.model.money import Currency
from customers.core.model.order import NO_ORDERS

T = TypeVar("T")


def dump(states: Mapping[str, State], currency: Currency) -> dict[str, Any]:
    """The states by tenant as plain JSON values, sorted; tenants without data are left out."""
    tenants = {tenant_id: _rows_of(state) for tenant_id, state in sorted(states.items())}
    unstructure = snapshot_converter(currency).unstructure
    return {id: unstructure(rows) for id, rows in tenants.items() if rows != TenantRows()}


def _rows_of(state: State) -> TenantRows:
    customers = _sorted([state.living.values(), state.deleted.values()], "id")
    return TenantRows(
        customers=tuple(
            evolve(customer, statistics=NO_ORDERS)
            for customer in customers
            if customer.erased_at is None
        ),
        erased_customers=tuple(
            ErasedCustomer.of(customer, state.erasures[customer.id])
            for customer in customers
            if customer.erased_at is not None
        ),
        addresses=_sorted(state.addresses.values(), "id"),
        payment_methods=_sorted(state.payment_methods.values(), "id"),
        notes=_sorted(map(Map.values, state.notes.values()), "id"),
        communications=_sorted(map(Map.values, state.communications.values()), "id"),
        orders=_sorted(map(Map.values, state.ledger.values()), "order_id"),
        refunds=_sorted([state.refunds.values()], "order_id", "refund_id"),
        segments=_sorted([state.segments.values()], "id"),
        assignments={
            segment_id: dict(sorted(assigned.items()))
            for segment_id, assigned in sorted(state.assignments.items())
            if assigned
        },
        refresh_states={id: state.refresh_states.get(id) for id in sorted(state.segments)},
        changes=_sorted(map(Map.values, state.feeds.values()), "sequence"),
        last_sequence=state.last_sequence,
        pending_changes=dict(sorted(state.pending_changes.items())),
        last_pending_change=state.last_pending_change,
        captures_customers=state.captures_customers,
        captures_orders=state.captures_orders,
    )


def _sorted(groups: Iterable[Iterable[T]], *names: str) -> tuple[T, ...]:
    return tuple(sorted(chain.from_iterable(groups), key=attrgetter(*names)))
