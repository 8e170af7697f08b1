"""The shapes of recorded orders, and of what came of reporting them."""

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
    """The result of recording a fact."""

    message: str
    customer: Customer
    duplicate: Annotated[bool, "Whether it was already recorded; then it did not count again."]
    cancelled: NotRequired[
        Annotated[Literal[True], "The order is cancelled, and does not count; else absent."]
    ]


class OrderOutcome(TypedDict):
    """What came of one order of a batch."""

    customerId: Annotated[str | None, "As given; null for what is not a text."]
    orderId: Annotated[str | None, "As given; null for what is not a text."]
    status: Annotated[int, "The status that the order would have had by itself."]
    duplicate: NotRequired[Annotated[bool, "With status 200."]]
    cancelled: NotRequired[Annotated[Literal[True], "The order is cancelled; else absent."]]
    code: NotRequired[Annotated[str, "With any other status than 200."]]
    message: NotRequired[str]
    details: NotRequired[list["Detail"]]


class OrderBatchResponse(TypedDict):
    outcomes: Annotated[list[OrderOutcome], "In the order of the request."]
