"""The address book: shipping and billing have at most one default each."""

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


def address(kind: AddressType = SHIPPING, **overrides: Any) -> Address:
    return an_address(CUSTOMER, address_type=kind, **overrides)


def book_of(*additions: tuple[Address, bool | None]) -> AddressBook:
    """The book after these addresses were added, with the default that each requests."""
    result = AddressBook()
    for item, is_default in additions:
        result = result.add(item, is_default=is_default, now=NOW)
    return result


def test_the_first_address_of_a_type_becomes_its_default() -> None:
    shipping, second, billing = address(), address(), address(BILLING)
    book = book_of((shipping, None), (second, None), (billing, None))
    assert [book[item.id].is_default for item in (shipping, second, billing)] == [True, False, True]


def test_an_address_for_both_is_no_default_if_one_type_has_a_default() -> None:
    shipping, both = address(), address(BOTH)
    assert not book_of((shipping, None), (both, None))[both.id].is_default


def test_an_address_added_as_no_default_is_none() -> None:
    shipping = address()
    assert not book_of((shipping, False))[shipping.id].is_default


def test_a_new_default_replaces_the_defaults_of_the_types_it_serves() -> None:
    shipping, billing, both = address(), address(BILLING), address(BOTH)
    book = book_of((shipping, None), (billing, None), (both, True))
    assert [item.is_default for item in book.addresses] == [True, False, False]
    assert book[both.id].is_default


def test_the_default_comes_first_then_the_oldest() -> None:
    oldest = address(created_at=NOW - timedelta(days=2))
    older = address(created_at=NOW - timedelta(days=1))
    default = address()
    assert book_of((older, False), (oldest, False), (default, True)).addresses[1:] == (
        oldest,
        older,
    )


def test_the_oldest_other_address_of_its_type_replaces_a_removed_default() -> None:
    default, billing, old = address(), address(BILLING), address(created_at=NOW - timedelta(days=1))
    young = address()
    book = book_of((default, None), (billing, None), (young, None), (old, None))
    result = book.remove(default.id, now=NOW)
    assert result[old.id].is_default
    assert not result[young.id].is_default


def test_a_default_that_is_unset_is_not_replaced() -> None:
    default, other = address(), address()
    book = book_of((default, None), (other, None))
    result = book.change(default.id, AddressChange(is_default=False), now=NOW)
    assert not any(item.is_default for item in result.addresses)


def test_a_default_whose_type_changes_is_no_longer_a_default() -> None:
    default = address()
    book = book_of((default, None)).change(default.id, AddressChange(address_type=BILLING), now=NOW)
    assert not book[default.id].is_default


def test_a_change_without_effect_returns_the_same_book() -> None:
    book = book_of((home := address(), None))
    assert book.change(home.id, AddressChange(city="San Francisco"), now=NOW) is book


def test_a_full_addresses_accepts_no_address() -> None:
    full = book_of(*((address(), None) for _ in range(MAX_ADDRESSES)))
    with pytest.raises(AddressLimitExceeded):
        full.add(address(), is_default=None, now=NOW)


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
def test_no_type_ever_has_two_defaults(
    steps: list[tuple[str, AddressType, bool | None, int]],
) -> None:
    book = AddressBook()
    for move, kind, is_default, position in steps:
        book = _moved(book, move, kind, is_default, position)
        for purpose in (SHIPPING, BILLING):
            serving = [item for item in book.addresses if item.address_type.shares(purpose)]
            assert sum(item.is_default for item in serving) <= 1


def _moved(
    book: AddressBook, move: str, kind: AddressType, is_default: bool | None, position: int
) -> AddressBook:
    if move == "add" or not book.addresses:
        full = len(book.addresses) >= MAX_ADDRESSES
        return book if full else book.add(address(kind), is_default=is_default, now=NOW)
    chosen = book.addresses[position % len(book.addresses)].id
    changes = {
        "default": AddressChange(is_default=True),
        "off": AddressChange(is_default=False),
        "type": AddressChange(address_type=kind),
    }
    if move == "remove":
        return book.remove(chosen, now=NOW)
    return book.change(chosen, changes[move], now=NOW)
