"""The queries of lists of customers: filters, sorting, and pages by number or by cursor."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from attrs import evolve, fields, frozen

from customers.core.errors import InvalidValue, Problem
from customers.core.model.contact_gates import CountryCodeGate, email_key
from customers.core.model.customer import CustomerStatusChoice, CustomerTypeChoice
from customers.core.model.customer_filter import CustomerFilter, DeletedCustomers
from customers.core.model.folding import fold
from customers.core.model.money import Currency
from customers.core.model.problems import Problems
from customers.core.model.query import (
    MAX_PAGE_SIZE,
    CustomerKey,
    CustomerSort,
    Page,
    SortDirection,
    SortField,
)
from customers.core.model.search import Search
from customers.core.model.values import ChoiceGate, IdGate, TextGate
from customers.entrypoints.http.cursors import scope_of
from customers.entrypoints.http.gates import (
    AddressGate,
    BooleanGate,
    CountGate,
    CursorGate,
    NumberGate,
    PageSizeLimit,
    RangeEndGate,
    SearchGate,
)
from customers.entrypoints.http.query import Query, parameters_of, snake
from customers.entrypoints.http.request import RequestContext

# More than a request line can hold.
_MAX_SEARCH = 10_000
_AMOUNT = "In whole units of the currency, rounded as amounts in bodies are; inclusive."
_RANGE = "A timestamp, or a day in UTC; inclusive."

Tag = Annotated[str, TextGate(max_length=100)]


@frozen(kw_only=True)
class CustomerPageQuery(Query):
    """A page of customers: by cursor if `cursor` is present, by number otherwise.

    An empty cursor selects the first page; `key` is the position that any other cursor holds.
    """

    is_of_list: ClassVar[bool] = True

    sort_by: Annotated[SortField, ChoiceGate(SortField)] = SortField.CREATED_AT
    sort_order: Annotated[SortDirection, ChoiceGate(SortDirection)] = SortDirection.DESC
    page: Annotated[int, CountGate(), "The page number, from 1; not with `cursor`."] = 1
    size: Annotated[int, PageSizeLimit(limit=MAX_PAGE_SIZE)] = 20
    cursor: (
        Annotated[
            str,
            CursorGate(keeps_empty=True),
            "Empty for the first page, then the `nextCursor` of the previous page.",
        ]
        | None
    ) = None
    key: CustomerKey | None = None

    @property
    def filter(self) -> CustomerFilter:
        return CustomerFilter()

    @property
    def sort(self) -> CustomerSort:
        return CustomerSort(by=self.sort_by, direction=self.sort_order)

    @property
    def numbered_page(self) -> Page:
        return Page(number=self.page, size=self.size)

    @property
    def is_by_cursor(self) -> bool:
        return self.cursor is not None

    def bind(self, context: RequestContext, problems: Problems) -> Self:
        return self._at_cursor(context, problems)

    def _at_cursor(self, context: RequestContext, problems: Problems) -> Self:
        if self.is_by_cursor and self.page > 1:
            message = "a list that is walked by cursor has no page numbers; leave out page"
            problems.extend([Problem(field="page", code="INVALID_VALUE", message=message)])
        # A cursor is bound to the tenant and the path, which may be invalid if there are problems.
        if not self.cursor or context.problems:
            return self
        try:
            key = context.cursors.customer_key(self.cursor, self.sort_by, self.scope(context))
        except InvalidValue as error:
            problems.extend([error.at("cursor")])
            return self
        return evolve(self, key=key)

    def scope(self, context: RequestContext) -> bytes:
        """What a cursor is bound to."""
        sort = [("by", str(self.sort_by)), ("order", str(self.sort_order))]
        return scope_of(context.tenant, context.request.path, self.scope_values(), sort)

    def scope_values(self) -> list[tuple[str, str]]:
        """The filters that are set, as texts that do not depend on how the query spelled them."""
        return _scope_of(self.filter)


@frozen(kw_only=True)
class CustomerFilterQuery(CustomerPageQuery):
    """A page of the customers that satisfy all filters."""

    search: Annotated[
        str,
        SearchGate(max_length=_MAX_SEARCH),
        "Part of the e-mail address, of the name (words in any order) or of the phone number (at "
        "least five digits, in any spelling), or a whole order number or order id. Letter case and "
        "accents do not matter, but an order id in mixed case must be typed exactly. In a "
        "search with an @, a space stands for a plus.",
    ] = ""
    status: tuple[CustomerStatusChoice, ...] = ()
    customer_type: tuple[CustomerTypeChoice, ...] = ()
    tags: Annotated[tuple[Tag, ...], "Customers that have all of these tags."] = ()
    country_code: tuple[Annotated[str, CountryCodeGate(blank=False)], ...] = ()
    email: Annotated[str, AddressGate(), "The customer with this e-mail address."] | None = None
    marketing_opt_in: Annotated[bool, BooleanGate()] | None = None
    email_verified: Annotated[bool, BooleanGate()] | None = None
    has_account: Annotated[bool, BooleanGate(), "Whether there is a `userId`."] | None = None
    created_from: Annotated[datetime, RangeEndGate(is_upper=False), _RANGE] | None = None
    created_to: Annotated[datetime, RangeEndGate(is_upper=True), _RANGE] | None = None
    updated_from: Annotated[datetime, RangeEndGate(is_upper=False), _RANGE] | None = None
    updated_to: Annotated[datetime, RangeEndGate(is_upper=True), _RANGE] | None = None
    last_order_from: Annotated[datetime, RangeEndGate(is_upper=False), _RANGE] | None = None
    last_order_to: Annotated[datetime, RangeEndGate(is_upper=True), _RANGE] | None = None
    min_total_orders: Annotated[int, CountGate(0)] | None = None
    max_total_orders: Annotated[int, CountGate(0)] | None = None
    min_total_spent: Annotated[Decimal, NumberGate(), _AMOUNT] | None = None
    max_total_spent: Annotated[Decimal, NumberGate(), _AMOUNT] | None = None
    deleted: Annotated[
        DeletedCustomers,
        ChoiceGate(DeletedCustomers),
        "Whether the list excludes deleted customers, has only them, or includes them; they have "
        "the key `deletedAt`. Erased customers are in no list, and segments have no deleted "
        "members.",
    ] = DeletedCustomers.EXCLUDE

    def bind(self, context: RequestContext, problems: Problems) -> Self:
        return self._with_money(context.deployment.currency, problems)._at_cursor(context, problems)

    def _with_money(self, currency: Currency, problems: Problems) -> Self:
        """The query with bounds of spend in whole units of the currency."""
        bounds: dict[str, Any] = {}
        for name in ("min_total_spent", "max_total_spent"):
            try:
                if (value := getattr(self, name)) is not None:
                    bounds[name] = currency.bound(value)
            except InvalidValue as error:
                problems.extend([error.at(name)])
        return evolve(self, **bounds) if bounds else self

    @property
    def filter(self) -> CustomerFilter:
        return CustomerFilter(
            search=Search.of(self.search),
            statuses=frozenset(self.status),
            types=frozenset(self.customer_type),
            tags=frozenset(map(fold, self.tags)),
            country_codes=frozenset(self.country_code),
            email_key=None if self.email is None else email_key(self.email),
            marketing_opt_in=self.marketing_opt_in,
            email_verified=self.email_verified,
            has_account=self.has_account,
            created_from=self.created_from,
            created_to=self.created_to,
            updated_from=self.updated_from,
            updated_to=self.updated_to,
            last_order_from=self.last_order_from,
            last_order_to=self.last_order_to,
            min_total_orders=self.min_total_orders,
            max_total_orders=self.max_total_orders,
            min_total_spent=self.min_total_spent,
            max_total_spent=self.max_total_spent,
            deleted=self.deleted,
        )


@frozen(kw_only=True)
class MemberPageQuery(CustomerFilterQuery):
    """The customers of a segment. `is_paged` is whether the request has any of these parameters;
    without them the route answers with a plain array instead of a page.
    """

    is_paged: bool = False

    def bind(self, context: RequestContext, problems: Problems) -> Self:
        if not context.request.query_string:
            return self
        names = (parameter.name for parameter in parameters_of(type(self)))
        is_paged = self.is_by_cursor or any(_is_present(context, name) for name in names)
        return evolve(super().bind(context, problems), is_paged=is_paged)


@frozen(kw_only=True)
class CustomerListQuery(CustomerFilterQuery):
    """A page of a tenant's customers, or of the customers in one segment."""

    segment_id: Annotated[UUID, IdGate(), "Only members of this segment."] | None = None

    def scope_values(self) -> list[tuple[str, str]]:
        segment = [] if self.segment_id is None else [("segment", str(self.segment_id))]
        return [*super().scope_values(), *segment]


def _is_present(context: RequestContext, parameter: str) -> bool:
    """Whether the request has the parameter, in any spelling, with a value that is not blank."""
    query = context.request.query.items()
    return any(text.strip() and snake(name) == parameter for name, text in query)


def _scope_of(filter: CustomerFilter) -> list[tuple[str, str]]:
    values = {
        field.name: getattr(filter, field.name)
        for field in fields(CustomerFilter)
        if getattr(filter, field.name) != field.default
    }
    return [
        (name, str(sorted(map(str, value)) if isinstance(value, frozenset) else _stable(value)))
        for name, value in values.items()
    ]


def _stable(value: object) -> object:
    """The value; an amount as a text that does not depend on how the query spelled it."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
