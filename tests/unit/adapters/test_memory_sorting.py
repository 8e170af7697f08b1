"""The order of lists in memory, compared with the simplest way to sort."""

from datetime import datetime, timedelta
from decimal import Decimal

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.adapters.memory.sorting import SortedCustomers, newest
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
customer_lists = st.lists(customers, max_size=12).flatmap(st.permutations)


def sort_simply(
    customers: list[Customer], by: SortField, direction: SortDirection
) -> list[Customer]:
    """Two stable sorts, by id and by value; customers without a value come last."""
    descends = direction is SortDirection.DESC
    by_id = sorted(customers, key=lambda customer: customer.id, reverse=descends)
    valued = [customer for customer in by_id if by.of(customer) is not None]
    missing = [customer for customer in by_id if by.of(customer) is None]
    return sorted(valued, key=by.of, reverse=descends) + missing  # type: ignore[arg-type]


@given(customer_lists, st.sampled_from(SortField), st.sampled_from(SortDirection))
@settings(max_examples=150)
def test_a_walk_is_in_order_from_the_start_and_after_every_customer(
    sample: list[Customer], by: SortField, direction: SortDirection
) -> None:
    sort_key, expected = SortedCustomers.of(sample, by), sort_simply(sample, by, direction)
    assert list(sort_key.walk(direction)) == expected
    for index, customer in enumerate(expected):
        key = CustomerKey(value=by.of(customer), id=customer.id)
        assert list(sort_key.walk(direction, key)) == expected[index + 1 :]


@given(customer_lists, st.sampled_from(SortDirection), st.decimals(-1, 4, places=2))
@settings(max_examples=50)
def test_a_walk_continues_after_a_key_whose_customer_has_changed(
    sample: list[Customer], direction: SortDirection, spent: Decimal
) -> None:
    sort_key = SortedCustomers.of(sample, SortField.TOTAL_SPENT)
    ghost = evolve(a_customer(), statistics=some_statistics(f"{spent}"))
    with_ghost = sort_simply([*sample, ghost], SortField.TOTAL_SPENT, direction)
    following = with_ghost[with_ghost.index(ghost) + 1 :]
    assert list(sort_key.walk(direction, CustomerKey(value=spent, id=ghost.id))) == following


@given(st.sets(st.tuples(moments, st.sampled_from("abAB")), max_size=8), st.integers(1, 4))
@settings(max_examples=50)
def test_a_journal_is_read_in_pages_without_gaps_or_repeats(
    items: set[tuple[datetime, str]], limit: int
) -> None:
    read: list[tuple[datetime, str]] = []
    key: JournalKey | None = None
    while page := newest(items, lambda item: item, key, limit):
        assert len(page) <= limit
        read += page
        key = JournalKey(at=page[-1][0], id=page[-1][1])
    assert read == sorted(items, reverse=True)


def test_customers_with_equal_values_are_sorted_by_id() -> None:
    sample = [a_customer(id=numbered_id(number)) for number in (2, 10, 1)]
    sort_key = SortedCustomers.of(sample, SortField.CREATED_AT)
    assert [customer.id for customer in sort_key.walk(SortDirection.ASC)] == [
        numbered_id(n) for n in (1, 2, 10)
    ]
