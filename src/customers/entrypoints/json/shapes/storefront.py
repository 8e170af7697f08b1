"""The shapes of what shoppers see of themselves."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypedDict
from uuid import UUID

from customers.core.model.ledger import OrderStatus
from customers.entrypoints.json.shapes.customers import Address, Amount
from customers.entrypoints.json.shapes.ledger import LedgerOrder


class OwnProfile(TypedDict):
    """The profile of a shopper, without what only staff may see."""

    id: Annotated[
        str, "The `userId` as in the path, if the path had the `userId`; else the customer's id."
    ]
    customerId: UUID
    email: str
    emailVerified: bool
    firstName: str
    lastName: str
    phone: str
    dateOfBirth: Annotated[str | None, "Midnight of the day, in UTC."]
    country: str
    countryCode: str
    avatarUrl: str
    marketingOptIn: bool
    totalOrders: Annotated[int, "The number of orders that are not cancelled."]
    totalSpent: Amount
    createdAt: datetime
    updatedAt: datetime


class OwnPaymentMethod(TypedDict):
    """A saved way to pay, without its token."""

    id: UUID
    cardBrand: str
    lastFour: str
    expiryMonth: int | None
    expiryYear: int | None
    isDefault: bool


class OwnOrder(LedgerOrder):
    status: Annotated[
        OrderStatus, "`cancelled`, or `refunded` if the whole amount was, or `completed`."
    ]


class PageMeta(TypedDict):
    page: int
    limit: int
    total: int
    total_pages: Annotated[int, "0 if the list is empty."]


class OwnProfileResponse(TypedDict):
    success: Literal[True]
    data: OwnProfile


class OwnAddressPage(TypedDict):
    """All addresses, on one page."""

    success: Literal[True]
    data: Sequence[Address]
    meta: PageMeta


class OwnPaymentMethodPage(TypedDict):
    """All active payment methods, on one page."""

    success: Literal[True]
    data: Sequence[OwnPaymentMethod]
    meta: PageMeta


class OwnOrderPage(TypedDict):
    success: Literal[True]
    data: Sequence[OwnOrder]
    meta: PageMeta
