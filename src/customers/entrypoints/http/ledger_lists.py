"""Lists of a customer's orders by cursor, for staff and for the shopper."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from aiohttp import web
from attrs import frozen

from customers.core.model.ledger import Entry
from customers.core.model.query import JournalKey
from customers.entrypoints.http.journal_lists import JournalQuery, journal_response
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.json.encode import Encoder


@frozen(kw_only=True)
class LedgerQuery(JournalQuery):
    def row_key(self, cursor: str, context: RequestContext) -> JournalKey:
        return context.cursors.row_key(cursor, self.scope(context), of_ledger=True)


def ledger_response(
    context: RequestContext, query: LedgerQuery, entries: Sequence[Entry], encoder: Encoder
) -> web.Response:
    """A page of recorded orders; see `journal_response`."""
    return journal_response(context, query, entries, encoder.entry, _key)


def _key(entry: Entry) -> JournalKey:
    """The position of an order in the list. Only recorded orders are listed; they have a date."""
    return JournalKey(at=cast("datetime", entry.order_date), id=entry.order_id)
