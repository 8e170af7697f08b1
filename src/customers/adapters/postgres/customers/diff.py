"""How one list of addresses or payment methods becomes another: what is deleted, what is put.

Each row put is seen at once by the indexes that guard the defaults, so the order matters.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar
from uuid import UUID

from attrs import evolve, frozen

from customers.core.model.address import Address
from customers.core.model.payment import PaymentMethod

Item = TypeVar("Item", Address, PaymentMethod)


@frozen(kw_only=True)
class Replacement(Generic[Item]):
    """The ids to delete first, then the values to put, one by one."""

    gone: Sequence[UUID]
    put: Sequence[Item]


def replacement(before: Sequence[Item], after: Sequence[Item]) -> Replacement[Item]:
    """What turns `before`, as stored, into `after`, and touches nothing that stays the same.

    Defaults that change step down first: between two rows there is never a default too many.
    """
    known = {item.id: item for item in before}
    changed = [item for item in after if item != known.get(item.id)]
    stepping_down = [
        evolve(known[item.id], is_default=False)
        for item in changed
        if item.id in known and known[item.id].is_default
    ]
    gone = known.keys() - {item.id for item in after}
    return Replacement(gone=list(gone), put=stepping_down + changed)
