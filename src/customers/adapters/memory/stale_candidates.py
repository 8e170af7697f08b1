"""Stale candidates in memory: customers found by their pending changes, by their dates, and by
comparing a filter with the stored members. `scan` returns all customers, stale or not.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nsmallest
from itertools import chain, islice
from operator import attrgetter
from uuid import UUID

from customers.adapters.memory.state import EMPTY, State
from customers.bulkheads.turns import Turn
from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import DateRange
from customers.core.model.pending_changes import PendingChange, StaleCandidate

_id = attrgetter("id")


def stale_candidates(
    state: State, date_ranges: Collection[DateRange], limit: int
) -> Sequence[StaleCandidate]:
    pending = filter(None, map(state.any_customer, state.pending_changes))
    crossed = _without_pending(state, date_ranges) if date_ranges else ()
    return [_candidate(state, customer) for customer in islice(chain(pending, crossed), limit)]


def with_pending_changes(
    state: State, limit: int, customer_ids: Collection[UUID] | None
) -> Sequence[StaleCandidate]:
    """At most `limit` customers with pending changes, those with the oldest ones first."""
    pending = state.pending_changes
    ids = pending if customer_ids is None else set(customer_ids) & set(pending)
    oldest = nsmallest(limit, ids, key=lambda customer_id: pending[customer_id][0].number)
    customers = ((state.any_customer(customer_id), pending[customer_id]) for customer_id in oldest)
    return [
        _candidate(state, customer, changes)
        for customer, changes in customers
        if customer is not None
    ]


async def mismatched(
    state: State,
    segment_id: UUID,
    customer_filter: CustomerFilter | None,
    after: UUID | None,
    limit: int,
) -> tuple[Sequence[StaleCandidate], UUID | None]:
    members = state.members.get(segment_id, EMPTY)
    following = _next(_all_customers(state), after, limit + 1)
    compared = following[:limit]
    candidates, turn = list[StaleCandidate](), Turn()
    for customer in compared:
        if customer.id in state.pending_changes:
            continue
        matches = customer_filter is not None and state.matches(customer_filter, customer)
        if matches != (customer.id in members):
            candidates.append(_candidate(state, customer))
        await turn.give_way()
    return candidates, compared[-1].id if len(following) > limit else None


def crossed(
    state: State, date_ranges: Collection[DateRange], after: UUID | None, limit: int
) -> Sequence[StaleCandidate]:
    customers = _next(_without_pending(state, date_ranges), after, limit)
    return [_candidate(state, customer) for customer in customers]


def scan(state: State, after: UUID | None, limit: int) -> Sequence[StaleCandidate]:
    return [_candidate(state, customer) for customer in _next(_all_customers(state), after, limit)]


def due(state: State, date_ranges: Mapping[UUID, Collection[DateRange]]) -> Collection[UUID]:
    return {
        segment_id
        for segment_id, ranges in date_ranges.items()
        if any(_is_in(ranges, customer) for customer in state.living.values())
    }


def _all_customers(state: State) -> Iterable[Customer]:
    return chain(state.living.values(), state.deleted.values())


def _without_pending(state: State, date_ranges: Collection[DateRange]) -> Iterable[Customer]:
    """Living customers without pending changes and with a date in one of the ranges."""
    return (
        customer
        for customer in state.living.values()
        if customer.id not in state.pending_changes and _is_in(date_ranges, customer)
    )


def _is_in(date_ranges: Collection[DateRange], customer: Customer) -> bool:
    return any(
        (date := date_range.date.of(customer)) is not None
        and date_range.low <= date <= date_range.high
        for date_range in date_ranges
    )


def _next(customers: Iterable[Customer], after: UUID | None, limit: int) -> list[Customer]:
    """At most `limit` customers, those after an id if there is one, in order of their ids."""
    following = (customer for customer in customers if after is None or customer.id > after)
    return nsmallest(limit, following, key=_id)


def _candidate(
    state: State, customer: Customer, pending_changes: tuple[PendingChange, ...] = ()
) -> StaleCandidate:
    assignments = state.assignments.items()
    return StaleCandidate(
        customer=customer,
        member_of=frozenset(id for id, ids in state.members.items() if customer.id in ids),
        assigned_to=frozenset(id for id, ids in assignments if customer.id in ids),
        pending_changes=pending_changes,
    )
