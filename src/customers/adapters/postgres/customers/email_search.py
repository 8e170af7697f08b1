"""Looks up the customers of a search for a part of an e-mail address, by the end of its local part.

Most customers share the trigrams of e-mail addresses, so a trigram index rules out hardly anyone. A
search for `begin@rest` can only find customers whose local part ends with `begin`, which the index
over reversed local parts returns, and customers whose stored search text has more than one @.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, CompoundSelect, and_, bindparam, select, union_all

from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import (
    LIVING,
    customers,
    has_more_ats,
    reversed_local_part,
)
from customers.adapters.postgres.schema.types import TEXT
from customers.core.model.search import Search

MAX_CANDIDATES = 1_000
# Too many local parts end with a shorter text.
_MIN_LENGTH = 3
_FIRST_SURROGATE, _AFTER_SURROGATES, _LAST_CHARACTER = 0xD800, 0xE000, "\U0010ffff"


async def candidates(session: Session, search: Search | None) -> Sequence[UUID] | None:
    """The ids of a superset of the living customers that the search finds.

    None without a search, if there are more than MAX_CANDIDATES, or if the index cannot be used:
    the search has no @, has marks (older releases stored an address only with its marks), or the
    text before its @ is too short or begins with U+10FFFF.
    """
    if search is None or search.folded:
        return None
    begin, at_sign, _ = search.text.partition("@")
    if not at_sign or len(begin) < _MIN_LENGTH or begin[0] == _LAST_CHARACTER:
        return None
    low = begin[::-1]
    limit = MAX_CANDIDATES + 1
    rows = await session.rows(_CANDIDATES, low=low, high=_after_prefix(low), limit=limit)
    return None if len(rows) > MAX_CANDIDATES else [row["id"] for row in rows]


def _after_prefix(prefix: str) -> str:
    """The first text, by code point, after all texts with that prefix."""
    following = ord(prefix[-1]) + 1
    if following == _FIRST_SURROGATE:
        following = _AFTER_SURROGATES
    return prefix[:-1] + chr(following)


def _candidates() -> CompoundSelect[Any]:
    has_ending = and_(
        reversed_local_part(customers.c) >= bindparam("low", type_=TEXT),
        reversed_local_part(customers.c) < bindparam("high", type_=TEXT),
    )
    parts = [_ids(has_ending), _ids(has_more_ats(customers.c))]
    return union_all(*(select(part.subquery()) for part in parts))


def _ids(condition: ColumnElement[bool]) -> Any:
    living = select(customers.c.id).where(customers.c.tenant_id == TENANT, LIVING, condition)
    return living.limit(bindparam("limit", type_=BigInteger))


_CANDIDATES = Statement.of(_candidates())
