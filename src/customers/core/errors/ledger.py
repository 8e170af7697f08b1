"""Errors of orders, refunds and cancellations that contradict the ledger."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from attrs import frozen

from customers.core.errors import Conflict

TOO_MUCH: Final = "is more than what is left of the order"


@frozen(kw_only=True)
class Difference:
    """A field in which a fact contradicts the ledger: its JSON key, and the values in the fact
    (`given`) and in the ledger (`stored`), each None if it was not stated.

    If a refund exceeds its order, `stored` is the amount of the order that is not refunded yet.
    """

    field: str
    given: Decimal | datetime | None
    stored: Decimal | datetime | None
    message: str = "differs from what is recorded"


class LedgerConflict(Conflict):
    """A fact (a reported order, refund or cancellation) contradicts the ledger.

    `differences` names the fields that differ; it is empty if the order belongs to another
    customer.
    """

    def __init__(self, differences: Sequence[Difference] = ()) -> None:
        super().__init__()
        self.differences = tuple(differences)


class OrderConflict(LedgerConflict):
    code = "ORDER_CONFLICT"
    message = "this order was already recorded with a different amount, date or customer"


class RefundConflict(LedgerConflict):
    code = "REFUND_CONFLICT"
    message = "this refund was already recorded with a different amount"


class RefundExceedsOrder(LedgerConflict):
    code = "REFUND_EXCEEDS_ORDER"
    message = "the refunds of an order cannot exceed its amount"
