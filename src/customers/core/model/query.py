"""Queries for lists: sorts, pages by number, and keys for pages by cursor.

Filters are in `customer_filter`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry

MAX_PAGE_SIZE = 100
MAX_JOURNAL_PAGE_SIZE = 200

SortValue = str | int | Decimal | datetime | None


class SortField(StrEnum):
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    TOTAL_SPENT = "total_spent"
    TOTAL_ORDERS = "total_orders"
    AVERAGE_ORDER_VALUE = "average_order_value"
    LIFETIME_VALUE = "lifetime_value"
    LAST_ORDER_DATE = "last_order_date"
    FIRST_ORDER_DATE = "first_order_date"

    def of(self, customer: Customer) -> SortValue:
        """The value of this field of a customer; None for a missing date."""
        return _GETTERS[self](customer)


class SortDirection(StrEnum):
    ASC = "asc"
    DESC = "desc"


_GETTERS: dict[SortField, Callable[[Customer], SortValue]] = {
    sort_field: attrgetter(
        sort_field.value
        if sort_field.value in ("created_at", "updated_at", "email", "first_name", "last_name")
        else f"statistics.{sort_field.value}"
    )
    for sort_field in SortField
}


@frozen(kw_only=True)
class CustomerSort:
    """The sort of a list of customers; missing values come last, ties are sorted by id."""

    by: SortField = SortField.CREATED_AT
    direction: SortDirection = SortDirection.DESC


@frozen(kw_only=True)
class CustomerKey:
    """The position of a customer in a sorted list; the next page begins after it."""

    value: SortValue
    id: UUID


@frozen(kw_only=True)
class CustomerPage:
    """A page by number, and the total number of customers in the list."""

    customers: Sequence[Customer]
    total: int
    page: "Page"


@frozen(kw_only=True)
class OrderPage:
    """A page by number of a customer's orders, and the total number of orders in the list."""

    entries: Sequence[Entry]
    total: int


@frozen(kw_only=True)
class JournalKey:
    """The position of a row in a list that is newest first; the next page begins after it."""

    at: datetime
    id: str


@frozen(kw_only=True)
class Page:
    """A page by number, from 1."""

    number: int = 1
    size: int = 20

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    def page_count(self, total: int) -> int:
        """The number of pages for a total."""
        return -(-total // self.size)
