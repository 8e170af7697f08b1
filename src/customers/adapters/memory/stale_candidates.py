"""Whom the stored members of a state may be wrong about, found by marks and by dates."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nsmallest
from itertools import chain, islice
from operator import attrgetter
from uuid import UUID

from customers.adapters.memory.state import NOTHING, State
from customers.core.model.customer import Customer
from customers.core.model.membership import Doubt, Mark, Span
from customers.core.model.query import CustomerFilter

_id = attrgetter("id")


def doubtful(state: State, spans: Collection[Span], most: int) -> Sequence[Doubt]:
    """Customers with marks, deleted ones too, and living ones in a span; each once."""
    with_marks = filter(None, map(state.known, state.marks))
    found = chain(with_marks, _without_marks(state, spans) if spans else ())
    return [_doubt(state, each) for each in islice(found, most)]


def marked(state: State, most: int, customer_ids: Collection[UUID] | None) -> Sequence[Doubt]:
    """Customers with their marks, of all or of those customers; the oldest marks first."""
    wanted = state.marks if customer_ids is None else set(customer_ids) & set(state.marks)
    found = nsmallest(most, wanted, key=lambda each: state.marks[each][0].number)
    known = ((state.known(each), state.marks[each]) for each in found)
    return [_doubt(state, customer, marks) for customer, marks in known if customer is not None]


def contradicted(
    state: State, segment_id: UUID, which: CustomerFilter | None, after: UUID | None, most: int
) -> tuple[Sequence[Doubt], UUID | None]:
    """Of the next customers by id those of whom a filter says something else than is stored."""
    stored = state.members.get(segment_id, NOTHING)
    coming = _next(_everyone(state), after, most + 1)
    looked_at = coming[:most]
    found = [
        _doubt(state, each)
        for each in looked_at
        if each.id not in state.marks
        and (which is not None and state.keeps(which, each)) != (each.id in stored)
    ]
    return found, looked_at[-1].id if len(coming) > most else None


def aged(state: State, spans: Collection[Span], after: UUID | None, most: int) -> Sequence[Doubt]:
    """The next living customers by id, without marks, in one of the spans."""
    return [_doubt(state, each) for each in _next(_without_marks(state, spans), after, most)]


def roll(state: State, after: UUID | None, most: int) -> Sequence[Doubt]:
    """The next customers by id, in doubt or not."""
    return [_doubt(state, each) for each in _next(_everyone(state), after, most)]


def overdue(state: State, spans: Mapping[UUID, Collection[Span]]) -> Collection[UUID]:
    """Those whose spans have anyone living in them."""
    return {
        segment_id
        for segment_id, told in spans.items()
        if any(_is_in(told, each) for each in state.living.values())
    }


def _everyone(state: State) -> Iterable[Customer]:
    return chain(state.living.values(), state.gone.values())


def _without_marks(state: State, spans: Collection[Span]) -> Iterable[Customer]:
    """Living customers in one of the spans."""
    return (
        each for each in state.living.values() if each.id not in state.marks and _is_in(spans, each)
    )


def _is_in(spans: Collection[Span], customer: Customer) -> bool:
    told = ((span, span.date.of(customer)) for span in spans)
    return any(date is not None and span.low <= date <= span.high for span, date in told)


def _next(customers: Iterable[Customer], after: UUID | None, most: int) -> list[Customer]:
    """The first by id beyond one."""
    return nsmallest(
        most, (each for each in customers if after is None or each.id > after), key=_id
    )


def _doubt(state: State, customer: Customer, marks: tuple[Mark, ...] = ()) -> Doubt:
    return Doubt(
        customer=customer,
        inside=frozenset(id for id, each in state.members.items() if customer.id in each),
        assigned=frozenset(id for id, each in state.assignments.items() if customer.id in each),
        marks=marks,
    )
