"""The indexes of a state always say what its customers say, and old states stay as they were."""

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
    lambda number, email, status, kind, is_gone: a_customer(
        id=numbered_id(number),
        email=email,
        status=status,
        customer_type=kind,
        deleted_at=NOW if is_gone else None,
    ),
    st.integers(1, 4),
    st.sampled_from(EMAILS),
    st.sampled_from(CustomerStatus),
    st.sampled_from(CustomerType),
    st.booleans(),
)


def kept(state: State) -> list[dict[Any, Any]]:
    return [dict(each) for each in (state.living, state.gone, state.emails, state.tallies)]


def following(state: State, customer: Customer) -> State:
    """The state after a write, unless it is refused."""
    refused = customer.is_living and state.is_email_taken(customer)
    return state if refused else state.with_customer(customer)


@given(st.lists(customers, max_size=20))
@settings(max_examples=100)
def test_emails_and_tallies_are_those_of_the_living(written: list[Customer]) -> None:
    state = reduce(following, written, State())
    living = list(state.living.values())
    assert dict(state.emails) == {each.email_key: each.id for each in living}
    tallied = {kind: number for kind, number in state.tallies.items() if number}
    assert tallied == Counter((each.status, each.customer_type) for each in living)
    assert not set(state.living) & set(state.gone)


@given(st.lists(customers, min_size=1, max_size=10))
@settings(max_examples=50)
def test_a_state_is_not_changed_by_those_that_follow(written: list[Customer]) -> None:
    states = [State()]
    told = [kept(states[0])]
    for customer in written:
        states.append(following(states[-1], customer))
        told.append(kept(states[-1]))
    assert [kept(state) for state in states] == told
