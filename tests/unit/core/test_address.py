"""The address book: one default for each purpose, whatever is added, changed or removed."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.core.errors import AddressLimitExceeded
from customers.core.model.address import (
    MAX_ADDRESSES,
    Address,
    AddressBook,
    AddressChange,
    AddressType,
)
from tests.support.builders import NOW, a_customer, an_address

CUSTOMER = a_customer()
SHIPPING, BILLING, BOTH = AddressType


def one(kind: AddressType = SHIPPING, **overrides: Any) -> Address:
    return an_address(CUSTOMER, address_type=kind, **overrides)


def book(*added: tuple[Address, bool | None]) -> AddressBook:
    made = AddressBook()
    for address, asked in added:
        made = made.add(address, is_default=asked, now=NOW)
    return made


def test_the_first_address_for_a_purpose_becomes_its_default_unasked() -> None:
    shipping, second, billing = one(), one(), one(BILLING)
    made = book((shipping, None), (second, None), (billing, None))
    assert [made[each.id].is_default for each in (shipping, second, billing)] == [True, False, True]


def test_an_address_for_both_is_no_default_unasked_where_one_purpose_has_one() -> None:
    shipping, both = one(), one(BOTH)
    assert not book((shipping, None), (both, None))[both.id].is_default


def test_an_address_that_asks_not_to_be_the_default_is_none() -> None:
    shipping = one()
    assert not book((shipping, False))[shipping.id].is_default


def test_a_new_default_takes_over_every_purpose_it_serves() -> None:
    shipping, billing, both = one(), one(BILLING), one(BOTH)
    made = book((shipping, None), (billing, None), (both, True))
    assert [each.is_default for each in made.addresses] == [True, False, False]
    assert made[both.id].is_default


def test_the_default_stands_first_then_the_oldest() -> None:
    oldest = one(created_at=NOW - timedelta(days=2))
    older = one(created_at=NOW - timedelta(days=1))
    default = one()
    assert book((older, False), (oldest, False), (default, True)).addresses[1:] == (oldest, older)


def test_a_removed_default_is_followed_by_the_oldest_other_for_its_purpose() -> None:
    default, billing, old = one(), one(BILLING), one(created_at=NOW - timedelta(days=1))
    young = one()
    made = book((default, None), (billing, None), (young, None), (old, None))
    left = made.remove(default.id, now=NOW)
    assert left[old.id].is_default
    assert not left[young.id].is_default


def test_a_default_turned_off_leaves_none() -> None:
    default, other = one(), one()
    made = book((default, None), (other, None))
    left = made.change(default.id, AddressChange(is_default=False), now=NOW)
    assert not any(each.is_default for each in left.addresses)


def test_a_default_whose_type_changes_gives_up_what_it_no_longer_serves() -> None:
    default = one()
    made = book((default, None)).change(default.id, AddressChange(address_type=BILLING), now=NOW)
    assert not made[default.id].is_default


def test_a_change_that_changes_nothing_is_the_same_book() -> None:
    made = book((address := one(), None))
    assert made.change(address.id, AddressChange(city="San Francisco"), now=NOW) is made


def test_a_full_book_takes_no_more() -> None:
    full = book(*((one(), None) for _ in range(MAX_ADDRESSES)))
    with pytest.raises(AddressLimitExceeded):
        full.add(one(), is_default=None, now=NOW)


moves = st.lists(
    st.tuples(
        st.sampled_from(["add", "default", "type", "off", "remove"]),
        st.sampled_from(AddressType),
        st.sampled_from([None, True, False]),
        st.integers(0, 9),
    ),
    max_size=25,
)


@given(moves)
def test_no_purpose_ever_has_two_defaults(
    steps: list[tuple[str, AddressType, bool | None, int]],
) -> None:
    made = AddressBook()
    for move, kind, asked, place in steps:
        made = _moved(made, move, kind, asked, place)
        for purpose in (SHIPPING, BILLING):
            serving = [each for each in made.addresses if each.address_type.shares(purpose)]
            assert sum(each.is_default for each in serving) <= 1


def _moved(
    made: AddressBook, move: str, kind: AddressType, asked: bool | None, place: int
) -> AddressBook:
    if move == "add" or not made.addresses:
        full = len(made.addresses) >= MAX_ADDRESSES
        return made if full else made.add(one(kind), is_default=asked, now=NOW)
    chosen = made.addresses[place % len(made.addresses)].id
    changes = {
        "default": AddressChange(is_default=True),
        "off": AddressChange(is_default=False),
        "type": AddressChange(address_type=kind),
    }
    if move == "remove":
        return made.remove(chosen, now=NOW)
    return made.change(chosen, changes[move], now=NOW)
