"""Searches for a part of an e-mail: by what stands before its @, backwards, where those are few.

The trigrams of e-mails are shared by most customers of a database, and rule out hardly anyone. Who
is found by a search with an @ has it in the e-mail, and then the local part ends as the search
begins, or is one of those in whose text there is another @.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, CompoundSelect, and_, bindparam, select, union_all

from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import LIVING, customers, email_ending, many_at
from customers.adapters.postgres.schema.types import TEXT

MOST = 1_000
# What is shorter ends too many local parts.
_SHORTEST = 3
_FIRST_SURROGATE, _AFTER_SURROGATES, _LAST_CHARACTER = 0xD800, 0xE000, "\U0010ffff"


async def candidates(session: Session, search: str) -> Sequence[UUID] | None:
    """Customers among whom are all that a search finds; None where it is no part of an e-mail, or
    they are too many to be looked up one by one.
    """
    begin, at, _ = search.partition("@")
    if not at or len(begin) < _SHORTEST or begin[0] == _LAST_CHARACTER:
        return None
    ending = begin[::-1]
    rows = await session.rows(_CANDIDATES, ending=ending, beyond=_beyond(ending), most=MOST + 1)
    return None if len(rows) > MOST else [row["id"] for row in rows]


def _beyond(beginning: str) -> str:
    """The first text, by code point, after all that begin so."""
    following = ord(beginning[-1]) + 1
    if following == _FIRST_SURROGATE:
        following = _AFTER_SURROGATES
    return beginning[:-1] + chr(following)


def _candidates() -> CompoundSelect[Any]:
    ends_so = and_(
        email_ending(customers.c) >= bindparam("ending", type_=TEXT),
        email_ending(customers.c) < bindparam("beyond", type_=TEXT),
    )
    parts = [_some(ends_so), _some(many_at(customers.c))]
    return union_all(*(select(part.subquery()) for part in parts))


def _some(which: ColumnElement[bool]) -> Any:
    living = select(customers.c.id).where(customers.c.tenant_id == TENANT, LIVING, which)
    return living.limit(bindparam("most", type_=BigInteger))


_CANDIDATES = Statement.of(_candidates())
