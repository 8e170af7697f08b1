"""An instance that was a draft is equal to one that `__init__` makes."""

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import asdict, evolve, field, fields, frozen, validators
from attrs.exceptions import FrozenInstanceError

from customers.adapters.postgres.engine.construction import draft_of
from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry
from customers.core.model.order import Statistics
from customers.core.model.payment import PaymentMethod
from tests.support.builders import a_customer

# A query may read hundreds of these.
FREQUENT = (Address, Customer, Entry, PaymentMethod, Statistics)


def made(model: type[Any], values: Mapping[str, object]) -> Any:
    """An instance with these values, which was a draft."""
    draft_class = draft_of(model)
    assert draft_class is not None
    draft = draft_class()
    for name, value in values.items():
        setattr(draft, name, value)
    draft.__class__ = model
    return draft


@pytest.mark.parametrize("model", FREQUENT)
def test_what_is_read_often_is_not_made_by_its_init(model: type[object]) -> None:
    assert draft_of(model) is not None


def test_an_instance_is_like_one_of_its_init() -> None:
    customer = a_customer(phone="+49 30 1234")
    constructed = made(Customer, asdict(customer, recurse=False))
    assert type(constructed) is Customer
    assert (constructed, hash(constructed), repr(constructed)) == (
        customer,
        hash(customer),
        repr(customer),
    )
    assert constructed.search_text == customer.search_text
    assert evolve(constructed, first_name="Eve") == evolve(customer, first_name="Eve")


@pytest.mark.parametrize("name", [one.name for one in fields(Customer)])
def test_an_instance_is_frozen(name: str) -> None:
    constructed = made(Customer, asdict(a_customer(), recurse=False))
    with pytest.raises(FrozenInstanceError):
        setattr(constructed, name, None)


@frozen(weakref_slot=False)
class _Checked:
    number: int = field(validator=validators.ge(0))


@frozen(weakref_slot=False)
class _Computed:
    number: int
    double: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.number)


@frozen
class _Referenced:
    number: int


@frozen(weakref_slot=False)
class _Plain:
    number: int


@frozen(weakref_slot=False)
class _Derived(_Plain):
    text: str


@pytest.mark.parametrize("model", [_Checked, _Computed, _Referenced, _Derived])
def test_what_needs_more_than_to_set_own_slots_is_made_by_its_init(model: type[object]) -> None:
    assert draft_of(model) is None
