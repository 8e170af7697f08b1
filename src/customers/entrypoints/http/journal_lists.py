"""Lists that are newest first: a bare array, with a link to the next page in the Link header."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Self

from aiohttp import web
from attrs import evolve, frozen

from customers.core.errors import InvalidValue
from customers.core.model.problems import Problems
from customers.core.model.query import MAX_JOURNAL_PAGE_SIZE, JournalKey
from customers.entrypoints.http.answer_size import first_rows
from customers.entrypoints.http.cursors import scope_of
from customers.entrypoints.http.gates import CursorGate, PageSizeLimit
from customers.entrypoints.http.links import link_header
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response


@frozen(kw_only=True)
class JournalQuery(Query):
    """A page of a list; `key` is the position that the cursor holds."""

    is_of_list: ClassVar[bool] = True

    size: Annotated[int, PageSizeLimit(limit=MAX_JOURNAL_PAGE_SIZE)] = 50
    cursor: (
        Annotated[str, CursorGate(), "The `cursor` in the `next` link of the previous page."] | None
    ) = None
    key: JournalKey | None = None

    def bind(self, context: RequestContext, problems: Problems) -> Self:
        # A cursor is bound to the tenant and the path, which may be invalid if there are problems.
        if self.cursor is None or context.problems:
            return self
        try:
            key = self.row_key(self.cursor, context)
        except InvalidValue as error:
            problems.extend([error.at("cursor")])
            return self
        return evolve(self, key=key)

    def row_key(self, cursor: str, context: RequestContext) -> JournalKey:
        """The key in a cursor. Raises InvalidValue for anything but a cursor of this list."""
        return context.cursors.row_key(cursor, self.scope(context))

    def scope(self, context: RequestContext) -> bytes:
        """What a cursor is bound to."""
        return scope_of(context.tenant, context.request.path, self.filter_scope())

    def filter_scope(self) -> list[list[str]]:
        """The filters, as texts that do not depend on how the query spelled them."""
        return []


def journal_response(
    context: RequestContext,
    query: JournalQuery,
    rows: Sequence[Any],
    encode: Callable[[Any], Any],
    key: Callable[[Any], JournalKey],
) -> web.Response:
    """A page of a list, with a link to the next page. If there is one, `rows` holds one more row
    than `query.size`. A page that would be too large ends earlier.
    """
    (page, count), links = first_rows(rows[: query.size], encode), {}
    if len(rows) > count:
        links["next"] = context.cursors.of_row(key(rows[count - 1]), query.scope(context))
    return json_response(page, headers=link_header(context.request, "cursor", links))
