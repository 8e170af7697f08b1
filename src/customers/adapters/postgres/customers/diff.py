"""The difference between two lists of addresses or payment methods: rows to remove and to save.

Unique indexes limit the number of defaults, and are checked row by row, so the order matters.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar
from uuid import UUID

from attrs import evolve, frozen

from customers.core.model.address import Address
from customers.core.model.payment import PaymentMethod

Item = TypeVar("Item", Address, PaymentMethod)


@frozen(kw_only=True)
class RowDiff(Generic[Item]):
    """The ids to remove first, and the values to save after that, one by one in their order."""

    removed: Sequence[UUID]
    saved: Sequence[Item]


def difference(before: Sequence[Item], after: Sequence[Item]) -> RowDiff[Item]:
    """The changes that turn the stored `before` into `after`. A changed value that was a default is
    first saved with `is_default` False, so that it never conflicts with a new default.
    """
    stored = {item.id: item for item in before}
    changed = [item for item in after if item != stored.get(item.id)]
    former_defaults = [
        evolve(stored[item.id], is_default=False)
        for item in changed
        if item.id in stored and stored[item.id].is_default
    ]
    removed = stored.keys() - {item.id for item in after}
    return RowDiff(removed=list(removed), saved=former_defaults + changed)
