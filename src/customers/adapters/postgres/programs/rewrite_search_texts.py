"""Rewrites the search texts of older releases while the service runs.

Each step is a short transaction: a caller who changes a customer of the step waits until it has
ended. A run may be interrupted and repeated, and several can run at once.
"""

import asyncio
import logging
import time

from attrs import frozen

from customers.adapters.postgres.customers import search_texts
from customers.adapters.postgres.engine.connection import Connection as SessionConnection
from customers.adapters.postgres.engine.migrate import Connection, connected
from customers.adapters.postgres.engine.requirements import current_revision
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.transaction_session import TransactionSession

_log = logging.getLogger(__name__)

STEP = 200
# Seconds between two lines of progress, and between two tries while others hold the last customers.
_REPORT_EVERY = 5.0
_PAUSE = 0.1


@frozen(kw_only=True)
class Rewriting:
    """The result of a run: the number of search texts rewritten, and the seconds it took."""

    number: int
    seconds: float


async def rewrite_search_texts(dsn: str) -> Rewriting:
    """Rewrites all search texts of older releases, if the revision of the schema allows it; logs
    the progress. Raises Unavailable.
    """
    begin, done = time.monotonic(), 0
    reported_at = begin
    async with connected(dsn) as connection:
        left = total = await _left(connection)
        while left:
            done += (number := await _step(connection))
            if not number:
                await asyncio.sleep(_PAUSE)
            if number < STEP:
                left = await _left(connection)
            if (now := time.monotonic()) - reported_at >= _REPORT_EVERY:
                _log.info("search texts: %s of %s written again", f"{done:,}", f"{total:,}")
                reported_at = now
    return Rewriting(number=done, seconds=time.monotonic() - begin)


async def _left(connection: Connection) -> int:
    """The number of search texts to rewrite; 0 if this program must not rewrite any at the revision
    of the schema.
    """
    if not search_texts.can_be_rewritten(await current_revision(connection)):
        return 0
    return await search_texts.count(Session("", SessionConnection(connection)))


async def _step(connection: Connection) -> int:
    session = TransactionSession("", SessionConnection(connection))
    async with session.all_or_nothing():
        return await search_texts.rewrite(session, STEP)
