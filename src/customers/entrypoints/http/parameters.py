"""What a query may ask, parameter by parameter; the routes list theirs, the handlers read them."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.journal import CommunicationType, Direction
from customers.core.model.numbers import exact_number
from customers.core.model.query import (
    MAX_JOURNAL_PAGE_SIZE,
    MAX_PAGE_SIZE,
    SortDirection,
    SortField,
)
from customers.core.model.values import (
    ChoiceGate,
    DayGate,
    IdGate,
    MomentGate,
    TextGate,
    VisibleGate,
)
from customers.entrypoints.http.queries import Count, Parameter, Sizes

# More than a request line can hold: too long a search finds nothing.
_LONGEST_SEARCH = 10_000
_LAST_INSTANT = timedelta(days=1) - timedelta(microseconds=1)


class DeletionMode(StrEnum):
    """How a customer is deleted, where it is not softly."""

    ERASE = "erase"


@frozen
class RangeEnd:
    """An end of a range of moments: a moment, or a date in UTC, whose last instant ends it."""

    is_high: bool

    def read(self, raw: object) -> datetime:
        try:
            return MomentGate().read(raw)
        except InvalidValue:
            day = DayGate().read(raw)
        start = datetime.combine(day, time.min, tzinfo=UTC)
        return start + _LAST_INSTANT if self.is_high else start


@frozen
class ExactNumber:
    def read(self, raw: object) -> Decimal:
        return exact_number(raw)


# The parts of paths.
ID: Final = IdGate()
ORDER_ID: Final = VisibleGate()

SEARCH: Final = Parameter(
    name="search",
    gate=TextGate(max_length=_LONGEST_SEARCH),
    default="",
    says="A part of the e-mail address, a name, first and last name, or the phone number; "
    "letter case does not count.",
)
STATUSES: Final = Parameter(name="status", gate=ChoiceGate(CustomerStatus), is_list=True)
TYPES: Final = Parameter(name="customer_type", gate=ChoiceGate(CustomerType), is_list=True)
TAGS: Final = Parameter(
    name="tags",
    gate=TextGate(max_length=100),
    is_list=True,
    says="Customers who have all of these tags.",
)
CREATED_FROM: Final = Parameter(
    name="created_from", gate=RangeEnd(False), says="A moment, or a day in UTC; inclusive."
)
CREATED_TO: Final = Parameter(
    name="created_to", gate=RangeEnd(True), says="A moment, or a day in UTC; inclusive."
)
MIN_TOTAL_SPENT: Final = Parameter(name="min_total_spent", gate=ExactNumber())
MAX_TOTAL_SPENT: Final = Parameter(name="max_total_spent", gate=ExactNumber())
FILTERS: Final = (
    SEARCH,
    STATUSES,
    TYPES,
    TAGS,
    CREATED_FROM,
    CREATED_TO,
    MIN_TOTAL_SPENT,
    MAX_TOTAL_SPENT,
)

SORT_BY: Final = Parameter(name="sort_by", gate=ChoiceGate(SortField), default=SortField.CREATED_AT)
SORT_ORDER: Final = Parameter(
    name="sort_order", gate=ChoiceGate(SortDirection), default=SortDirection.DESC
)
PAGE: Final = Parameter(name="page", gate=Count(), default=1, says="A page by number, from 1.")
PAGE_SIZES: Final = Sizes.of(default=20, most=MAX_PAGE_SIZE)
CURSOR: Final = Parameter(
    name="cursor",
    gate=TextGate(max_length=_LONGEST_SEARCH),
    says="Empty for the first page by cursor, then what the page before names as the next one.",
)
BY_NUMBER: Final = (PAGE, *PAGE_SIZES, SORT_BY, SORT_ORDER)
PAGING: Final = (*BY_NUMBER, CURSOR)

JOURNAL_SIZES: Final = Sizes.of(default=50, most=MAX_JOURNAL_PAGE_SIZE)
JOURNAL: Final = (*JOURNAL_SIZES, CURSOR)
COMMUNICATION_TYPES: Final = Parameter(
    name="type", gate=ChoiceGate(CommunicationType), is_list=True
)
DIRECTIONS: Final = Parameter(name="direction", gate=ChoiceGate(Direction), is_list=True)

AFTER: Final = Parameter(
    name="after", gate=Count(least=0), default=0, says="The sequence of the last change known."
)
CHANGE_SIZES: Final = Sizes.of(default=100, most=1_000)

IDS: Final = Parameter(
    name="ids",
    gate=ID,
    is_list=True,
    is_required=True,
    says=f"The ids of 1 to {MAX_PAGE_SIZE} customers.",
)
MODE: Final = Parameter(
    name="mode",
    gate=ChoiceGate(DeletionMode),
    says="`erase` erases the customer (GDPR); without it they are deleted.",
)
