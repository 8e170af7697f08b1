"""The order of lists in memory, held against the plainest way to sort."""

from datetime import datetime, timedelta
from decimal import Decimal

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.adapters.memory.sorting import Sorted, newest
from customers.core.model.customer import Customer
from customers.core.model.query import CustomerKey, JournalKey, SortDirection, SortField
from tests.support.builders import NOW, a_customer, numbered_id, some_statistics

moments = st.integers(0, 3).map(lambda days: NOW + timedelta(days=days))
customers = st.builds(
    lambda created_at, name, spent, date: a_customer(
        created_at=created_at,
        first_name=name,
        statistics=some_statistics(f"{spent}", first_order_date=date, last_order_date=date),
    ),
    moments,
    st.sampled_from(["a", "B", "b", "é", "\U0001f600", "\ufb01", ""]),
    st.decimals(0, 3, places=1),
    st.none() | moments,
)
people = st.lists(customers, max_size=12).flatmap(st.permutations)


def plainly(found: list[Customer], by: SortField, order: SortDirection) -> list[Customer]:
    """Two stable sorts, by id and by value, with those without a value behind."""
    backwards = order is SortDirection.DESC
    by_id = sorted(found, key=lambda each: each.id, reverse=backwards)
    valued = [each for each in by_id if by.of(each) is not None]
    missing = [each for each in by_id if by.of(each) is None]
    return sorted(valued, key=by.of, reverse=backwards) + missing  # type: ignore[arg-type]


@given(people, st.sampled_from(SortField), st.sampled_from(SortDirection))
@settings(max_examples=150)
def test_a_walk_is_in_order_from_the_beginning_and_from_beyond_each_customer(
    found: list[Customer], by: SortField, order: SortDirection
) -> None:
    kept, expected = Sorted.of(found, by), plainly(found, by, order)
    assert list(kept.walk(order)) == expected
    for place, customer in enumerate(expected):
        key = CustomerKey(value=by.of(customer), id=customer.id)
        assert list(kept.walk(order, key)) == expected[place + 1 :]


@given(people, st.sampled_from(SortDirection), st.decimals(-1, 4, places=2))
@settings(max_examples=50)
def test_a_walk_goes_on_from_a_key_whose_customer_has_changed_since(
    found: list[Customer], order: SortDirection, spent: Decimal
) -> None:
    kept = Sorted.of(found, SortField.TOTAL_SPENT)
    ghost = evolve(a_customer(), statistics=some_statistics(f"{spent}"))
    with_ghost = plainly([*found, ghost], SortField.TOTAL_SPENT, order)
    beyond = with_ghost[with_ghost.index(ghost) + 1 :]
    assert list(kept.walk(order, CustomerKey(value=spent, id=ghost.id))) == beyond


@given(st.sets(st.tuples(moments, st.sampled_from("abAB")), max_size=8), st.integers(1, 4))
@settings(max_examples=50)
def test_a_journal_is_read_in_parts_without_gap_or_repetition(
    items: set[tuple[datetime, str]], limit: int
) -> None:
    read: list[tuple[datetime, str]] = []
    key: JournalKey | None = None
    while part := newest(items, lambda item: item, key, limit):
        assert len(part) <= limit
        read += part
        key = JournalKey(at=part[-1][0], id=part[-1][1])
    assert read == sorted(items, reverse=True)


def test_ids_sort_as_numbers_where_values_are_equal() -> None:
    found = [a_customer(id=numbered_id(number)) for number in (2, 10, 1)]
    kept = Sorted.of(found, SortField.CREATED_AT)
    assert [each.id for each in kept.walk(SortDirection.ASC)] == [
        numbered_id(n) for n in (1, 2, 10)
    ]
