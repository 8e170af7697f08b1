"""The contract of single values: the model's gates accept only what every storage can store."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.errors import InvalidValue
from customers.core.model.moments import MomentGate
from customers.core.model.money import MAX_AMOUNT, ZERO, Currency
from customers.core.model.values import TagsGate, TextGate, VisibleGate
from customers.core.ports.storage import Storage
from tests.contract.notes import notes
from tests.contract.orders import newest
from tests.support.builders import USD, a_note, a_tenant, an_entry
from tests.support.storage_steps import (
    a_stored_customer,
    add_notes,
    get_customer,
    save,
    save_entries,
)

LINE = TextGate(max_length=100)
LINES = TextGate(max_length=10_000, multiline=True)
TENTH_OF_A_MILL = Currency.of("CLF")

T = TypeVar("T")

few_examples = settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
many_texts = st.lists(st.text(st.characters(), max_size=20), min_size=5, max_size=10)
AMOUNTS = st.decimals(0, MAX_AMOUNT, places=4) | st.sampled_from(
    [MAX_AMOUNT, Decimal("33.330000000000005")]
)

NOT_STORABLE: dict[str, tuple[Callable[[object], object], object]] = {
    "nul in a line": (LINE.read, "a\0"),
    "nul in lines": (LINES.read, "a\0"),
    "nul in a tag": (TagsGate().read, ["vip", "a\0"]),
    "nul in an order id": (VisibleGate().read, "a\0"),
    "unpaired surrogate in a line": (LINE.read, "a \ud83d"),
    "unpaired surrogate in lines": (LINES.read, "\ude00 b"),
    "no offset": (MomentGate().read, "2026-01-15T09:00:00"),
    "beyond the last moment": (MomentGate().read, "9999-12-31T23:59:59-01:00"),
    "before the first moment": (MomentGate().read, "0001-01-01T00:00:00+01:00"),
    "too many decimals": (USD.amount, Decimal("0.001")),
    "five decimals": (TENTH_OF_A_MILL.amount, Decimal("0.00005")),
    "too much money": (USD.amount, Decimal("1e15")),
}


def accepted(read: Callable[[object], T], values: Iterable[object]) -> Iterator[T]:
    for value in values:
        with suppress(InvalidValue):
            yield read(value)


class ValueContract:
    @few_examples
    @given(values=many_texts)
    async def test_every_accepted_text_is_stored_unchanged(
        self, storage: Storage, values: list[str]
    ) -> None:
        customer = await a_stored_customer(storage, a_tenant())
        for text in accepted(LINE.read, values):
            await save(storage, expected := evolve(customer, first_name=text, last_name=text))
            assert await get_customer(storage, customer) == expected
        added = [a_note(customer, note=text) for text in accepted(LINES.read, values)]
        await add_notes(storage, customer, *added)
        assert await notes(storage, customer) == added[::-1]

    @few_examples
    @given(values=many_texts)
    async def test_every_accepted_tag_is_stored_unchanged(
        self, storage: Storage, values: list[str]
    ) -> None:
        customer = await a_stored_customer(storage, a_tenant())
        tags = TagsGate().read(list(accepted(TextGate(max_length=100, blank=False).read, values)))
        await save(storage, expected := evolve(customer, tags=tags))
        assert await get_customer(storage, customer) == expected

    @few_examples
    @given(values=st.lists(AMOUNTS, min_size=5, max_size=10))
    async def test_every_accepted_amount_is_stored_unchanged(
        self, storage: Storage, values: list[Decimal]
    ) -> None:
        customer = await a_stored_customer(storage, a_tenant())
        amounts = list(accepted(TENTH_OF_A_MILL.amount, values))
        await save_entries(
            storage, customer, *(an_entry(customer, total_amount=amount) for amount in amounts)
        )
        stored_amounts = [entry.total_amount or ZERO for entry in await newest(storage, customer)]
        assert sorted(stored_amounts) == sorted(amounts)

    @pytest.mark.parametrize(("read", "value"), NOT_STORABLE.values(), ids=NOT_STORABLE)
    async def test_values_that_a_storage_cannot_store_are_refused(
        self, read: Callable[[object], object], value: object
    ) -> None:
        with pytest.raises(InvalidValue):
            read(value)
