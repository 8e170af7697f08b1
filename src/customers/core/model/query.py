"""Questions about many customers: which (a filter), in what order (a sort), from where (a key)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.folding import fold
from customers.core.model.rules.matches import matches
from customers.core.model.rules.tree import Rule

MOST_PER_PAGE = 100
MOST_PER_JOURNAL = 200

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
        """The customer's value for this sort; None for a date that is missing."""
        return _READ[self](customer)


class SortDirection(StrEnum):
    ASC = "asc"
    DESC = "desc"


_READ: dict[SortField, Callable[[Customer], SortValue]] = {
    sort: attrgetter(
        sort.value
        if sort.value in ("created_at", "updated_at", "email", "first_name", "last_name")
        else f"statistics.{sort.value}"
    )
    for sort in SortField
}


@frozen(kw_only=True)
class RuleAt:
    """A rule and the moment at which it is asked."""

    rule: Rule
    now: datetime


@frozen(kw_only=True)
class MembersOf:
    """The stored members of a segment, without some and with some others."""

    segment_id: UUID
    without: frozenset[UUID] = frozenset()
    plus: frozenset[UUID] = frozenset()


@frozen(kw_only=True)
class CustomerFilter:
    """Living customers that satisfy all that is given. Texts and tags are folded, ends included.

    `members_of` keeps those whom a storage has among a segment's members, `assigned_to` those put
    into a segment by hand and `not_assigned_to` all others, `rule` those a rule matches.
    """

    search: str = ""
    statuses: frozenset[CustomerStatus] = frozenset()
    types: frozenset[CustomerType] = frozenset()
    tags: frozenset[str] = frozenset()
    created_from: datetime | None = None
    created_to: datetime | None = None
    min_total_spent: Decimal | None = None
    max_total_spent: Decimal | None = None
    members_of: MembersOf | None = None
    assigned_to: UUID | None = None
    not_assigned_to: UUID | None = None
    rule: RuleAt | None = None

    def keeps(self, customer: Customer) -> bool:
        """Whether a living customer satisfies all but what only the storage knows: who is among
        a segment's members, and who was put into it.
        """
        return (
            (not self.search or self.search in customer.search_text)
            and (not self.statuses or customer.status in self.statuses)
            and (not self.types or customer.customer_type in self.types)
            and (not self.tags or self.tags <= {fold(tag) for tag in customer.tags})
            and _within(customer.created_at, self.created_from, self.created_to)
            and _within(customer.statistics.total_spent, self.min_total_spent, self.max_total_spent)
            and (self.rule is None or matches(self.rule.rule, customer, self.rule.now))
        )


@frozen(kw_only=True)
class CustomerSort:
    """How customers are sorted: by one value, missing ones last, ties by id the same way."""

    by: SortField = SortField.CREATED_AT
    order: SortDirection = SortDirection.DESC


@frozen(kw_only=True)
class CustomerKey:
    """A place in an order of customers: the last one seen."""

    value: SortValue
    id: UUID


@frozen(kw_only=True)
class CustomerPage:
    """A page by number, with the total of which it is part."""

    customers: Sequence[Customer]
    total: int
    page: "Page"


@frozen(kw_only=True)
class JournalKey:
    """A place in a list that is newest first: the last one seen. `id` breaks ties."""

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

    def of_total(self, total: int) -> int:
        """How many pages hold so many."""
        return -(-total // self.size)


def search_key(search: str) -> str:
    """What a search looks for: folded; where it holds an @, a space stands for a plus, because
    a caller does not escape it.
    """
    return fold(search.replace(" ", "+") if "@" in search else search)


def _within(value: datetime | Decimal, low: object, high: object) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)  # type: ignore[operator]
