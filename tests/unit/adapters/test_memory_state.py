"""The indexes of a state follow its customers, and a state never changes."""

from collections import Counter
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from customers.adapters.memory.state import State
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from tests.support.builders import NOW, a_customer, numbered_id

EMAILS = ("a@x.test", "A@x.test", "b@x.test", "é@x.test", "É@x.test")

customers = st.builds(
    lambda number, email, status, kind, is_deleted: a_customer(
        id=numbered_id(number),
        email=email,
        status=status,
        customer_type=kind,
        deleted_at=NOW if is_deleted else None,
    ),
    st.integers(1, 4),
    st.sampled_from(EMAILS),
    st.sampled_from(CustomerStatus),
    st.sampled_from(CustomerType),
    st.booleans(),
)


def contents(state: State) -> list[dict[Any, Any]]:
    maps = (state.living, state.deleted, state.emails, state.counters)
    return [dict(mapping) for mapping in maps]


def after_save(state: State, customer: Customer) -> State:
    """The state after a write; unchanged if the write is refused."""
    is_refused = customer.is_living and state.is_email_taken(customer)
    return state if is_refused else state.with_customer(customer)


@given(st.lists(customers, max_size=20))
@settings(max_examples=100)
def test_emails_and_counters_are_those_of_living_customers(written: list[Customer]) -> None:
    state = reduce(after_save, written, State())
    living = list(state.living.values())
    assert dict(state.emails) == {customer.email_key: customer.id for customer in living}
    counters = {kind: count for kind, count in state.counters.items() if count}
    assert counters == Counter((customer.status, customer.customer_type) for customer in living)
    assert not set(state.living) & set(state.deleted)


@given(st.lists(customers, min_size=1, max_size=10))
@settings(max_examples=50)
def test_a_write_leaves_earlier_states_unchanged(written: list[Customer]) -> None:
    states = [State()]
    before = [contents(states[0])]
    for customer in written:
        states.append(after_save(states[-1], customer))
        before.append(contents(states[-1]))
    assert [contents(state) for state in states] == before
