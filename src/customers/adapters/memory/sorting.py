"""Order as every storage keeps it: texts by code point, missing values last, ties by id."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from typing import Self, TypeVar

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.query import (
    CustomerKey,
    JournalKey,
    SortDirection,
    SortField,
    SortValue,
)

Item = TypeVar("Item")


@frozen(kw_only=True)
class Sorted:
    """Customers by one value, ascending, ids too; those that have no value are kept apart."""

    by: SortField
    valued: Sequence[Customer]
    missing: Sequence[Customer]

    @classmethod
    def of(cls, customers: Iterable[Customer], by: SortField) -> Self:
        valued: list[Customer] = []
        missing: list[Customer] = []
        for customer in sorted(customers, key=lambda each: each.id.int):
            (missing if by.of(customer) is None else valued).append(customer)
        valued.sort(key=by.of)  # type: ignore[arg-type]  # of one sort all values compare
        return cls(by=by, valued=valued, missing=missing)

    def walk(self, order: SortDirection, key: CustomerKey | None = None) -> Iterator[Customer]:
        """From the beginning, or from beyond a key; getting there costs the same anywhere."""
        at = None if key is None else (key.value, key.id.int)
        if key is None or key.value is not None:
            yield from self._beyond(self.valued, order, at)
            at = None
        yield from self._beyond(self.missing, order, at)

    def _beyond(
        self, customers: Sequence[Customer], order: SortDirection, at: tuple[SortValue, int] | None
    ) -> Iterator[Customer]:
        if order is SortDirection.ASC:
            start = 0 if at is None else bisect_right(customers, at, key=self._place)
            places = range(start, len(customers))
        else:
            end = len(customers) if at is None else bisect_left(customers, at, key=self._place)
            places = range(end - 1, -1, -1)
        return map(customers.__getitem__, places)

    def _place(self, customer: Customer) -> tuple[SortValue, int]:
        return (self.by.of(customer), customer.id.int)


def newest(
    items: Iterable[Item],
    place: Callable[[Item], tuple[datetime, str]],
    after: JournalKey | None,
    limit: int,
) -> Sequence[Item]:
    """The first of what is beyond a key, newest first; of one moment the greater id comes first."""
    if after is not None:
        items = (item for item in items if place(item) < (after.at, after.id))
    return nlargest(limit, items, key=place)
