"""The order of lists, which is the same in every storage: texts by code point, missing values last,
equal values by id.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from typing import Self, TypeVar

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.query import CustomerKey, JournalKey, SortDirection, SortField, SortValue

Item = TypeVar("Item")
Position = tuple[SortValue, int]


@frozen(kw_only=True)
class SortedCustomers:
    """Customers in ascending order of one field, then of id; those without a value separately."""

    by: SortField
    valued: Sequence[Customer]
    missing: Sequence[Customer]

    @classmethod
    def of(cls, customers: Iterable[Customer], by: SortField) -> Self:
        valued: list[Customer] = []
        missing: list[Customer] = []
        for customer in sorted(customers, key=lambda customer: customer.id.int):
            (missing if by.of(customer) is None else valued).append(customer)
        valued.sort(key=by.of)  # type: ignore[arg-type]  # all values of one field compare
        return cls(by=by, valued=valued, missing=missing)

    def walk(self, direction: SortDirection, key: CustomerKey | None = None) -> Iterator[Customer]:
        """All customers in order, or those after a key, which a binary search finds."""
        position = None if key is None else (key.value, key.id.int)
        if key is None or key.value is not None:
            yield from self._after(self.valued, direction, position)
            position = None
        yield from self._after(self.missing, direction, position)

    def _after(
        self, customers: Sequence[Customer], direction: SortDirection, position: Position | None
    ) -> Iterator[Customer]:
        ascends = direction is SortDirection.ASC
        if position is None:
            indexes = range(len(customers))
        elif ascends:
            start = bisect_right(customers, position, key=self._position)
            indexes = range(start, len(customers))
        else:
            indexes = range(bisect_left(customers, position, key=self._position))
        return map(customers.__getitem__, indexes if ascends else reversed(indexes))

    def _position(self, customer: Customer) -> Position:
        return (self.by.of(customer), customer.id.int)


def newest(
    items: Iterable[Item],
    position: Callable[[Item], tuple[datetime, str]],
    after: JournalKey | None,
    limit: int,
) -> Sequence[Item]:
    """At most `limit` items, newest first, ties by id, the greatest first; those after a key, if
    there is one.
    """
    if after is not None:
        items = (item for item in items if position(item) < (after.at, after.id))
    return nlargest(limit, items, key=position)
