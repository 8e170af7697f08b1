"""Change capture in memory: each captured write of a customer stores a pending change."""

from collections.abc import Iterable

from attrs import evolve

from customers.adapters.memory.state import State, with_value
from customers.core.model.customer import Customer
from customers.core.model.membership import Cause
from customers.core.model.pending_changes import PendingChange, StaleCandidate


def saved(state: State, customer: Customer) -> State:
    """The state with a new or changed customer, and its pending change if captured."""
    before = state.any_customer(customer.id)
    cause = _cause(before, customer)
    is_captured = state.captures_orders if cause is Cause.ORDER else state.captures_customers
    state = state.with_customer(customer)
    return _with_pending_change(state, customer, cause, before) if is_captured else state


def erased(state: State, customer: Customer) -> State:
    """The state with an erased customer. A new pending change replaces the older ones, which hold
    personal values; if there are none, it is stored only while changes of customers are captured.
    """
    is_captured = state.captures_customers or customer.id in state.pending_changes
    pending_changes = with_value(state.pending_changes, customer.id, None)
    state = evolve(state.with_customer(customer), pending_changes=pending_changes)
    return _with_pending_change(state, customer, Cause.CUSTOMER, None) if is_captured else state


def without_applied(state: State, candidates: Iterable[StaleCandidate]) -> State:
    """The state without the pending changes listed in the candidates; newer ones stay."""
    pending_changes = state.pending_changes
    for candidate in candidates:
        applied = {change.number for change in candidate.pending_changes}
        stored = pending_changes.get(candidate.customer.id, ())
        newer = tuple(change for change in stored if change.number not in applied)
        pending_changes = with_value(pending_changes, candidate.customer.id, newer or None)
    return evolve(state, pending_changes=pending_changes)


def _cause(before: Customer | None, after: Customer) -> Cause:
    """ORDER if only statistics, version and update time changed, else CUSTOMER."""
    if before is None:
        return Cause.CUSTOMER
    with_order = evolve(
        before, statistics=after.statistics, version=after.version, updated_at=after.updated_at
    )
    return Cause.ORDER if with_order == after else Cause.CUSTOMER


def _with_pending_change(
    state: State, customer: Customer, cause: Cause, before: Customer | None
) -> State:
    number = state.last_pending_change + 1
    change = PendingChange(number=number, at=customer.updated_at, cause=cause, before=before)
    changes = (*state.pending_changes.get(customer.id, ()), change)
    return evolve(
        state,
        pending_changes=state.pending_changes.set(customer.id, changes),
        last_pending_change=number,
    )
