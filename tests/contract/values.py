"""What every storage promises of single values: what the model's gates let through is kept as it
is, and what some storage could not keep does not get through them.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.errors import InvalidValue
from customers.core.model.money import MOST, ZERO, Currency
from customers.core.model.values import MomentGate, TagsGate, TextGate, VisibleGate
from customers.core.ports.storage import Storage
from tests.contract.notes import notes
from tests.contract.orders import newest
from tests.contract.steps import a_kept_customer, add_notes, enter, save, stored
from tests.support.builders import USD, a_note, a_tenant, an_entry

LINE = TextGate(most=100)
LINES = TextGate(most=10_000, lines=True)
TENTH_OF_A_MILL = Currency.of("CLF")

Written = TypeVar("Written")
Kept = TypeVar("Kept")

few_examples = settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
many_texts = st.lists(st.text(st.characters(), max_size=20), min_size=5, max_size=10)
AMOUNTS = st.decimals(0, MOST, places=4) | st.sampled_from([MOST, Decimal("33.330000000000005")])

UNKEEPABLE: dict[str, tuple[Callable[[object], object], object]] = {
    "nul in a line": (LINE.read, "a\0"),
    "nul in lines": (LINES.read, "a\0"),
    "nul in a tag": (TagsGate().read, ["vip", "a\0"]),
    "nul in an order id": (VisibleGate().read, "a\0"),
    "half a pair in a line": (LINE.read, "a \ud83d"),
    "half a pair in lines": (LINES.read, "\ude00 b"),
    "no offset": (MomentGate().read, "2026-01-15T09:00:00"),
    "beyond the last moment": (MomentGate().read, "9999-12-31T23:59:59-01:00"),
    "before the first moment": (MomentGate().read, "0001-01-01T00:00:00+01:00"),
    "too many decimals": (USD.amount, Decimal("0.001")),
    "five decimals": (TENTH_OF_A_MILL.amount, Decimal("0.00005")),
    "too much money": (USD.amount, Decimal("1e15")),
}


def let_through(read: Callable[[object], Kept], values: Iterable[object]) -> Iterator[Kept]:
    for value in values:
        with suppress(InvalidValue):
            yield read(value)


class ValueContract:
    @few_examples
    @given(values=many_texts)
    async def test_every_text_that_is_let_through_is_kept(
        self, storage: Storage, values: list[str]
    ) -> None:
        customer = await a_kept_customer(storage, a_tenant())
        for text in let_through(LINE.read, values):
            await save(storage, expected := evolve(customer, first_name=text, last_name=text))
            assert await stored(storage, customer) == expected
        expected = [a_note(customer, note=text) for text in let_through(LINES.read, values)]
        await add_notes(storage, customer, *expected)
        assert await notes(storage, customer) == expected[::-1]

    @few_examples
    @given(values=many_texts)
    async def test_every_tag_that_is_let_through_is_kept(
        self, storage: Storage, values: list[str]
    ) -> None:
        customer = await a_kept_customer(storage, a_tenant())
        tags = TagsGate().read(list(let_through(TextGate(most=100, blank=False).read, values)))
        await save(storage, expected := evolve(customer, tags=tags))
        assert await stored(storage, customer) == expected

    @few_examples
    @given(values=st.lists(AMOUNTS, min_size=5, max_size=10))
    async def test_every_amount_that_is_let_through_is_kept(
        self, storage: Storage, values: list[Decimal]
    ) -> None:
        customer = await a_kept_customer(storage, a_tenant())
        amounts = list(let_through(TENTH_OF_A_MILL.amount, values))
        await enter(storage, customer, *(an_entry(customer, total_amount=amount) for amount in amounts))
        stored_amounts = [entry.total_amount or ZERO for entry in await newest(storage, customer)]
        assert sorted(stored_amounts) == sorted(amounts)

    @pytest.mark.parametrize(("read", "value"), UNKEEPABLE.values(), ids=UNKEEPABLE)
    async def test_what_some_storage_could_not_keep_is_not_let_through(
        self, read: Callable[[object], object], value: object
    ) -> None:
        with pytest.raises(InvalidValue):
            read(value)
