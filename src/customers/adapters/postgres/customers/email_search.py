"""Selects the customers of a search for a part of an e-mail address, by the end of its local part.

Most customers share the trigrams of e-mail addresses, so a trigram index rules out hardly anyone. A
search for `begin@rest` can only find customers whose local part ends with `begin`, which the index
over reversed local parts returns, and customers whose stored search text has more than one @.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, select, union_all

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.tables import (
    LIVING,
    customers,
    has_more_ats,
    reversed_local_part,
)
from customers.adapters.postgres.schema.types import TEXT
from customers.core.model.search import Search

# Too many local parts end with a shorter text.
_MIN_LENGTH = 3
_FIRST_SURROGATE, _AFTER_SURROGATES, _LAST_CHARACTER = 0xD800, 0xE000, "\U0010ffff"


def endings(search: Search) -> Mapping[str, str] | None:
    """The parameters with which CANDIDATES selects a superset of the living customers that the
    search finds.

    None if the index cannot be used: the search has no @, has marks (older releases stored an
    address only with its marks), or the text before its @ is too short or begins with U+10FFFF.
    """
    begin, at_sign, _ = search.text.partition("@")
    if search.folded or not at_sign or len(begin) < _MIN_LENGTH or begin[0] == _LAST_CHARACTER:
        return None
    low = begin[::-1]
    return {"low": low, "high": _after_prefix(low)}


def _after_prefix(prefix: str) -> str:
    """The first text, by code point, after all texts with that prefix."""
    following = ord(prefix[-1]) + 1
    if following == _FIRST_SURROGATE:
        following = _AFTER_SURROGATES
    return prefix[:-1] + chr(following)


def _living(condition: ColumnElement[bool]) -> Select[Any]:
    """Selects the ids of at most `limit` living customers."""
    living = select(customers.c.id).where(customers.c.tenant_id == TENANT, LIVING, condition)
    return living.limit(bindparam("limit", type_=BigInteger))


_HAS_ENDING = and_(
    reversed_local_part(customers.c) >= bindparam("low", type_=TEXT),
    reversed_local_part(customers.c) < bindparam("high", type_=TEXT),
)
CANDIDATES = union_all(
    *(select(_living(one).subquery()) for one in (_HAS_ENDING, has_more_ats(customers.c)))
)
