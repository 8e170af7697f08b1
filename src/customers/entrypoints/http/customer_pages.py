"""Pages of customers, by number and by cursor."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import web

from customers.core.model.customer import Customer
from customers.core.model.query import CustomerKey, CustomerPage
from customers.entrypoints.http.answer_size import all_rows, first_rows
from customers.entrypoints.http.customer_queries import CustomerPageQuery
from customers.entrypoints.http.links import link_header
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response

# This many customers always fit into an answer. The JSON of one takes about 70 KiB at most: 15,000
# characters of notes and tags, and the short fields.
_ALWAYS_FIT: Final = 50


def page_response(
    context: RequestContext, numbered: CustomerPage, encode: Callable[[Customer], Any]
) -> web.Response:
    """A page by number, with links to other pages. Raises RequestRejected if it is too large."""
    page, total = numbered.page, numbered.total
    pages = page.page_count(total)
    body = {
        "customers": _rows(numbered.customers, encode),
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
    """A page by cursor. If there is a next page, `customers` holds one more than `query.size`. A
    page that would be too large ends earlier.
    """
    (page, count), cursor = first_rows(customers[: query.size], encode), None
    if len(customers) > count:
        last = customers[count - 1]
        key = CustomerKey(value=query.sort_by.of(last), id=last.id)
        cursor = context.cursors.of_customer(key, query.scope(context))
    body = {"customers": page, "nextCursor": cursor, "pageSize": query.size}
    links = {"first": ""} | ({"next": cursor} if cursor else {})
    return json_response(body, headers=link_header(context.request, "cursor", links))


def _rows(customers: Sequence[Customer], encode: Callable[[Customer], Any]) -> Any:
    """The customers, encoded; the size of at most _ALWAYS_FIT customers is not checked. Raises
    RequestRejected if more of them do not fit into an answer.
    """
    if len(customers) <= _ALWAYS_FIT:
        return [encode(customer) for customer in customers]
    return all_rows(customers, encode)


def _neighbours(number: int, pages: int) -> dict[str, object]:
    """The numbers of the pages that a page links to, by the relation of the link."""
    last = max(pages, 1)
    links: dict[str, object] = {"first": 1, "last": last}
    if number > 1:
        links["prev"] = min(number - 1, last)
    if number < pages:
        links["next"] = number + 1
    return links
