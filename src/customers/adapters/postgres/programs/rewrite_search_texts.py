"""Writes the search texts of older releases again, while the service serves.

In steps, each a short transaction: a caller who changes one of its customers meanwhile waits for
it to end. It may be interrupted, repeated, and run several times at once.
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
    """What was done: the number of search texts written again, and the seconds it took."""

    number: int
    seconds: float


async def rewrite_search_texts(dsn: str) -> Rewriting:
    """Writes all search texts of older releases again; logs the progress. Raises Unavailable."""
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
    """The number of search texts to write again; 0 for a schema of an older or newer release."""
    if not search_texts.can_be_rewritten(await current_revision(connection)):
        return 0
    return await search_texts.count(Session("", SessionConnection(connection)))


async def _step(connection: Connection) -> int:
    session = TransactionSession("", SessionConnection(connection))
    async with session.all_or_nothing():
        return await search_texts.rewrite(session, STEP)
