"""Lists: what the query asks of customers, pages by number and by cursor, the Link header."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote_plus

from aiohttp import web
from attrs import AttrsInstance, fields, frozen

from customers.core.errors import InvalidValue
from customers.core.model.customer import Customer
from customers.core.model.folding import fold
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerPage,
    CustomerSort,
    JournalKey,
    Page,
    search_key,
)
from customers.entrypoints.http import parameters
from customers.entrypoints.http.cursors import (
    customer_cursor,
    customer_key,
    journal_cursor,
    journal_key,
    scope_of,
)
from customers.entrypoints.http.queries import Query, snake
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response


@frozen(kw_only=True)
class ListQuery:
    """One question about a list of customers. `cursor` None asks for a page by number."""

    which: CustomerFilter
    order: CustomerSort
    page: Page
    by_cursor: bool
    key: CustomerKey | None
    scope: bytes


def list_query(context: RequestContext, *, filtered: bool = True) -> ListQuery:
    """The list that a query asks for. Raises Invalid with every bad parameter."""
    query = context.query()
    which = _filter(query) if filtered else CustomerFilter()
    order = CustomerSort(by=query.one(parameters.SORT_BY), order=query.one(parameters.SORT_ORDER))
    page = Page(number=query.one(parameters.PAGE), size=query.size(parameters.PAGE_SIZES))
    scope, key = b"", None
    if query.has(parameters.CURSOR):
        scope = scope_of(context.tenant, context.request.path, _meaning(which), _meaning(order))
    if (cursor := query.raw(parameters.CURSOR)) is not None:
        key = _opened(query, cursor, lambda sealed: customer_key(sealed, order.by, scope))
    query.finish()
    return ListQuery(
        which=which,
        order=order,
        page=page,
        by_cursor=query.has(parameters.CURSOR),
        key=key,
        scope=scope,
    )


def page_response(
    context: RequestContext, numbered: CustomerPage, encoder: Callable[[Customer], Any]
) -> web.Response:
    """The envelope of a page by number, with its Link header."""
    page, total = numbered.page, numbered.total
    pages = page.page_count(total)
    body = {
        "customers": [encoder(customer) for customer in numbered.customers],
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
    return json_response(
        body, headers=_links(context.request, "page", _neighbours(page.number, pages))
    )


def cursor_page_response(
    context: RequestContext,
    question: ListQuery,
    found: Sequence[Customer],
    encoder: Callable[[Customer], Any],
) -> web.Response:
    """A page by cursor. `found` holds one more than the page where there is a next one."""
    size = question.page.size
    shown = found[:size]
    cursor = None
    if len(found) > size:
        last = CustomerKey(value=question.order.by.of(shown[-1]), id=shown[-1].id)
        cursor = customer_cursor(last, question.scope)
    body = {
        "customers": [encoder(customer) for customer in shown],
        "nextCursor": cursor,
        "pageSize": size,
    }
    links = {"first": ""} | ({"next": cursor} if cursor else {})
    return json_response(body, headers=_links(context.request, "cursor", links))


@frozen(kw_only=True)
class JournalQuery:
    """One question about a list that is newest first."""

    key: JournalKey | None
    limit: int
    scope: bytes


def journal_query(context: RequestContext, query: Query, *chosen: Collection[str]) -> JournalQuery:
    """The stretch that a query asks for; `chosen` are the filters that the caller has read from it.

    Raises Invalid with every bad parameter.
    """
    limit = query.size(parameters.JOURNAL_SIZES)
    chosen_texts = [sorted(map(str, each)) for each in chosen]
    scope = scope_of(context.tenant, context.request.path, chosen_texts)
    cursor = query.raw(parameters.CURSOR)
    key = None
    if cursor is not None:
        key = _opened(query, cursor, lambda sealed: journal_key(sealed, scope))
    query.finish()
    return JournalQuery(key=key, limit=limit, scope=scope)


def journal_response(
    context: RequestContext,
    question: JournalQuery,
    found: Sequence[Any],
    encoder: Callable[[Any], Any],
    key: Callable[[Any], JournalKey],
) -> web.Response:
    """A bare array, with the next stretch in the Link header."""
    shown = found[: question.limit]
    links = {}
    if len(found) > question.limit:
        links["next"] = journal_cursor(key(shown[-1]), question.scope)
    return json_response(
        [encoder(each) for each in shown], headers=_links(context.request, "cursor", links)
    )


def _filter(query: Query) -> CustomerFilter:
    return CustomerFilter(
        search=search_key(query.one(parameters.SEARCH)),
        statuses=frozenset(query.many(parameters.STATUSES)),
        types=frozenset(query.many(parameters.TYPES)),
        tags=frozenset(fold(tag or "") for tag in query.many(parameters.TAGS)),
        created_from=query.one(parameters.CREATED_FROM),
        created_to=query.one(parameters.CREATED_TO),
        min_total_spent=query.one(parameters.MIN_TOTAL_SPENT),
        max_total_spent=query.one(parameters.MAX_TOTAL_SPENT),
    )


def _meaning(question: AttrsInstance) -> list[tuple[str, str]]:
    """What is asked, however it was spelled: the same text in every process."""
    said = ((each.name, getattr(question, each.name)) for each in fields(type(question)))
    return [
        (name, str(sorted(map(str, value)) if isinstance(value, frozenset) else value))
        for name, value in said
        if value not in _NOT_ASKED
    ]


def _opened(query: Query, cursor: str, opened: Callable[[str], Any]) -> Any:
    try:
        return opened(cursor)
    except InvalidValue as refused:
        query.refuse(parameters.CURSOR, refused.code, refused.message)
        return None


def _neighbours(number: int, pages: int) -> dict[str, object]:
    last = max(pages, 1)
    links: dict[str, object] = {"first": 1, "last": last}
    if number > 1:
        links["prev"] = min(number - 1, last)
    if number < pages:
        links["next"] = number + 1
    return links


def _links(request: web.Request, name: str, links: Mapping[str, object]) -> dict[str, str]:
    """The Link header (RFC 8288): the request's own address with another value of one parameter."""
    if not links:
        return {}
    url = request.rel_url
    parts = url.raw_query_string.split("&") if url.raw_query_string else []
    kept = [part for part in parts if snake(unquote_plus(part.partition("=")[0])) != name]
    begin = quote(f"{url.raw_path}?{'&'.join([*kept, name])}=", safe=_OF_ADDRESSES)
    written = (f'<{begin}{value}>; rel="{relation}"' for relation, value in links.items())
    return {"Link": ", ".join(written)}


# What may stand in an address as it is, and in the header around it.
_OF_ADDRESSES = "%/?&=+:@!$'()*,;[]-._~"
_NOT_ASKED: tuple[object, ...] = (None, "", frozenset())
