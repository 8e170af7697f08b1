"""The shapes of recorded orders, and of the results of recording them."""

from datetime import datetime
from typing import Annotated, Literal, NotRequired, TypedDict

from customers.entrypoints.json.shapes.customers import Amount, Customer
from customers.entrypoints.json.shapes.errors import Detail


class LedgerOrder(TypedDict):
    orderId: str
    orderNumber: str
    totalAmount: Amount
    currency: str
    orderDate: datetime
    refundedAmount: Amount
    cancelledAt: datetime | None
    recordedAt: datetime


class LedgerRefund(TypedDict):
    refundId: str
    amount: Amount
    refundedAt: datetime
    recordedAt: datetime


class OrderWithRefunds(LedgerOrder):
    refunds: Annotated[list[LedgerRefund], "Oldest first."]


class LedgerResult(TypedDict):
    """The result of recording an order, a refund or a cancellation."""

    message: str
    customer: Customer
    duplicate: Annotated[
        bool,
        "Whether the order, refund or cancellation was already recorded; then it did not count "
        "again.",
    ]
    cancelled: NotRequired[
        Annotated[Literal[True], "Only in answers of `recordOrder`, if the order is cancelled."]
    ]


class OrderOutcome(TypedDict):
    """The outcome of one order of a batch."""

    customerId: Annotated[str | None, "As sent; null if not a string of at most 100 characters."]
    orderId: Annotated[str | None, "As sent; null if not a string of at most 100 characters."]
    status: Annotated[int, "The status that `recordOrder` would have for this order."]
    duplicate: NotRequired[Annotated[bool, "Only present with status 200."]]
    cancelled: NotRequired[Annotated[Literal[True], "Only present if the order is cancelled."]]
    code: NotRequired[Annotated[str, "Present with every status except 200."]]
    message: NotRequired[str]
    details: NotRequired[list["Detail"]]


class OrderBatchResponse(TypedDict):
    outcomes: Annotated[list[OrderOutcome], "In the order of the request."]
