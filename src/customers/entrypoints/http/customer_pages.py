"""Pages of customers, by number and by cursor."""

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from customers.core.model.customer import Customer
from customers.core.model.query import CustomerKey, CustomerPage
from customers.entrypoints.http.customer_queries import CustomerPageQuery
from customers.entrypoints.http.links import link_header
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response


def page_response(
    context: RequestContext, numbered: CustomerPage, encode: Callable[[Customer], Any]
) -> web.Response:
    """A page by number, with links to its neighbours."""
    page, total = numbered.page, numbered.total
    pages = page.page_count(total)
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
        cursor = context.cursors.of_customer(last, query.scope(context))
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
