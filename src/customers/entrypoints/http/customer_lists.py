"""Lists of customers: their queries, and their pages by number and by cursor."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from aiohttp import web
from attrs import evolve, frozen

from customers.core.errors import InvalidValue, Problem
from customers.core.model.customer import Customer, StatusChoice, TypeChoice
from customers.core.model.folding import fold
from customers.core.model.query import (
    MOST_PER_PAGE,
    CustomerFilter,
    CustomerKey,
    CustomerPage,
    CustomerSort,
    Page,
    SortDirection,
    SortField,
    search_key,
)
from customers.core.model.values import ChoiceGate, TextGate
from customers.entrypoints.http.cursors import customer_cursor, customer_key, scope_of
from customers.entrypoints.http.gates import (
    CountGate,
    CursorGate,
    NumberGate,
    PageSizeGate,
    RangeEndGate,
)
from customers.entrypoints.http.links import link_header
from customers.entrypoints.http.query import Query, parameters_of, snake
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response

# More than a request line can hold.
_MAX_SEARCH = 10_000
_RANGE = "A timestamp, or a day in UTC; inclusive."

Tag = Annotated[str, TextGate(most=100)]


@frozen(kw_only=True)
class CustomerPageQuery(Query):
    """A page of customers: by cursor if `cursor` is present, by number otherwise.

    An empty cursor is the first page's; `key` is the place that a cursor names.
    """

    sort_by: Annotated[SortField, ChoiceGate(SortField)] = SortField.CREATED_AT
    sort_order: Annotated[SortDirection, ChoiceGate(SortDirection)] = SortDirection.DESC
    page: Annotated[int, CountGate(), "The page number, from 1."] = 1
    size: Annotated[int, PageSizeGate(limit=MOST_PER_PAGE)] = 20
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
        return CustomerSort(by=self.sort_by, order=self.sort_order)

    @property
    def numbered_page(self) -> Page:
        return Page(number=self.page, size=self.size)

    @property
    def is_by_cursor(self) -> bool:
        return self.cursor is not None

    def bind(self, context: RequestContext, problems: list[Problem]) -> Self:
        if not self.cursor:
            return self
        try:
            key = customer_key(self.cursor, self.sort_by, self.scope(context))
        except InvalidValue as error:
            problems.append(error.at("cursor"))
            return self
        return evolve(self, key=key)

    def scope(self, context: RequestContext) -> bytes:
        """What a cursor is bound to, in names that must not change while callers hold cursors."""
        sort = [("by", str(self.sort_by)), ("order", str(self.sort_order))]
        return scope_of(context.tenant, context.request.path, self.filter_scope(), sort)

    def filter_scope(self) -> list[tuple[str, str]]:
        return []


@frozen(kw_only=True)
class MemberPageQuery(CustomerPageQuery):
    """A page of a segment's customers, if any parameter is given; `is_paged` is whether."""

    is_paged: bool = False

    def bind(self, context: RequestContext, problems: list[Problem]) -> Self:
        names = {parameter.name for parameter in parameters_of(type(self))}
        is_paged = self.is_by_cursor or any(
            text.strip() and snake(name) in names for name, text in context.request.query.items()
        )
        return evolve(super().bind(context, problems), is_paged=is_paged)


@frozen(kw_only=True)
class CustomerListQuery(CustomerPageQuery):
    """A page of the customers that satisfy all filters."""

    search: Annotated[
        str,
        TextGate(most=_MAX_SEARCH),
        "Part of the e-mail address, first name, last name, full name or phone number; "
        "case-insensitive.",
    ] = ""
    status: tuple[StatusChoice, ...] = ()
    customer_type: tuple[TypeChoice, ...] = ()
    tags: Annotated[tuple[Tag, ...], "Customers that have all of these tags."] = ()
    created_from: Annotated[datetime, RangeEndGate(is_upper=False), _RANGE] | None = None
    created_to: Annotated[datetime, RangeEndGate(is_upper=True), _RANGE] | None = None
    min_total_spent: Annotated[Decimal, NumberGate()] | None = None
    max_total_spent: Annotated[Decimal, NumberGate()] | None = None

    @property
    def filter(self) -> CustomerFilter:
        return CustomerFilter(
            search=search_key(self.search),
            statuses=frozenset(self.status),
            types=frozenset(self.customer_type),
            tags=frozenset(map(fold, self.tags)),
            created_from=self.created_from,
            created_to=self.created_to,
            min_total_spent=self.min_total_spent,
            max_total_spent=self.max_total_spent,
        )

    def filter_scope(self) -> list[tuple[str, str]]:
        """The filters that are set: the same text however they were spelled."""
        filter = self.filter
        values = {
            "search": filter.search,
            "statuses": filter.statuses,
            "types": filter.types,
            "tags": filter.tags,
            "created_from": filter.created_from,
            "created_to": filter.created_to,
            "min_total_spent": filter.min_total_spent,
            "max_total_spent": filter.max_total_spent,
        }
        return [
            (name, str(sorted(map(str, value)) if isinstance(value, frozenset) else value))
            for name, value in values.items()
            if value not in _NOT_SET
        ]


_NOT_SET: tuple[object, ...] = (None, "", frozenset())


def page_response(
    context: RequestContext, numbered: CustomerPage, encode: Callable[[Customer], Any]
) -> web.Response:
    """A page by number, with links to its neighbours."""
    page, total = numbered.page, numbered.total
    pages = page.of_total(total)
    body = {
        "customers": [encode(customer) for customer in numbered.customers],
        "total": total,
        "page": page.number,
        "pageSize": page.size,
        "totalPages": pages,
        "pagination": {
            "page": page.number,
            "limit": page.size,
            "total": total,
            "totalPages": pages,
            "hasNext": page.number < pages,
            "hasPrevious": page.number > 1,
        },
    }
    links = _neighbours(page.number, pages)
    return json_response(body, headers=link_header(context.request, "page", links))


def cursor_page_response(
    context: RequestContext,
    query: CustomerPageQuery,
    customers: Sequence[Customer],
    encode: Callable[[Customer], Any],
) -> web.Response:
    """A page by cursor; `customers` holds one more than the page if there is a next one."""
    size, cursor = query.size, None
    page = customers[:size]
    if len(customers) > size:
        last = CustomerKey(value=query.sort_by.of(page[-1]), id=page[-1].id)
        cursor = customer_cursor(last, query.scope(context))
    body = {
        "customers": [encode(customer) for customer in page],
        "nextCursor": cursor,
        "pageSize": size,
    }
    links = {"first": ""} | ({"next": cursor} if cursor else {})
    return json_response(body, headers=link_header(context.request, "cursor", links))


def _neighbours(number: int, pages: int) -> dict[str, object]:
    """The page numbers that a page links to, by relation."""
    last = max(pages, 1)
    links: dict[str, object] = {"first": 1, "last": last}
    if number > 1:
        links["prev"] = min(number - 1, last)
    if number < pages:
        links["next"] = number + 1
    return links
