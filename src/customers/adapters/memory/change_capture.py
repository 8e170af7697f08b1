"""Marks in memory: what each change of a customer leaves behind where it is watched.

Who is in doubt because of them is found in `doubts`.
"""

from collections.abc import Iterable

from attrs import evolve

from customers.adapters.memory.state import State, placed
from customers.core.model.customer import Customer
from customers.core.model.membership import Cause, Doubt, Mark


def changed(state: State, customer: Customer) -> State:
    """With a new customer, or the new value of a known one, and with its mark if it is watched."""
    before = state.known(customer.id)
    cause = _cause(before, customer)
    kept = state.with_customer(customer)
    is_watched = state.watches_orders if cause is Cause.ORDER else state.watches_customers
    return _with_mark(kept, customer, cause, before) if is_watched else kept


def erased(state: State, customer: Customer) -> State:
    """With a nameless customer, whose older marks would tell who it was: all are one now."""
    kept = evolve(state.with_customer(customer), marks=placed(state.marks, customer.id, None))
    is_marked = state.watches_customers or customer.id in state.marks
    return _with_mark(kept, customer, Cause.CUSTOMER, None) if is_marked else kept


def unmarked(state: State, doubts: Iterable[Doubt]) -> State:
    """Without the marks that the doubts tell of; those that were left meanwhile stay."""
    marks = state.marks
    for doubt in doubts:
        read = {mark.number for mark in doubt.marks}
        left = (each for each in marks.get(doubt.customer.id, ()) if each.number not in read)
        marks = placed(marks, doubt.customer.id, tuple(left) or None)
    return evolve(state, marks=marks)


def _cause(before: Customer | None, after: Customer) -> Cause:
    """Orders change statistics and, like everything else, the version."""
    if before is None:
        return Cause.CUSTOMER
    counted = evolve(
        before,
        statistics=after.statistics,
        version=after.version,
        updated_at=after.updated_at,
    )
    return Cause.ORDER if counted == after else Cause.CUSTOMER


def _with_mark(state: State, customer: Customer, cause: Cause, before: Customer | None) -> State:
    number = state.last_mark + 1
    mark = Mark(number=number, at=customer.updated_at, cause=cause, before=before)
    theirs = (*state.marks.get(customer.id, ()), mark)
    return evolve(state, marks=state.marks.set(customer.id, theirs), last_mark=number)
