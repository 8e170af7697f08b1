"""What a search finds in other indexes is looked up before the list, by one statement.

Most searches find no orders, and the statement of the list is then planned without them, which
costs half as much. Most searches with an @ find few customers, who are then listed by their ids.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, literal_column, select, union_all

from customers.adapters.postgres.customers import email_search, order_search
from customers.adapters.postgres.customers.search_predicates import NOTHING_LOOKED_UP, LookedUp
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.statements import Statement
from customers.core.model.search import Search

MAX_CANDIDATES = 1_000
MAX_OWNERS = 1_000


async def look_up(session: Session, search: Search | None, *, finds_deleted: bool) -> LookedUp:
    """Looks up the customers of a search for a list that `finds_deleted` customers, or only living
    ones. Of more than MAX_CANDIDATES or MAX_OWNERS, none are returned.
    """
    if search is None:
        return NOTHING_LOOKED_UP
    endings = None if finds_deleted else email_search.endings(search)
    has_orders = bool(search.order_number or search.order_ids)
    if endings is None and not has_orders:
        return LookedUp(owners=())
    values = {**order_search.order_keys(search), **(endings or {})}
    statement = _OWNERS if endings is None else _CANDIDATES_AND_OWNERS
    rows = await session.rows(statement, limit=max(MAX_CANDIDATES, MAX_OWNERS) + 1, **values)
    candidates = [row["id"] for row in rows if row["kind"] == _CANDIDATE]
    owners = [row["id"] for row in rows if row["kind"] == _OWNER]
    return LookedUp(
        candidates=None if endings is None else _limited(candidates, MAX_CANDIDATES),
        owners=_limited(owners, MAX_OWNERS),
    )


def _limited(ids: Sequence[UUID], limit: int) -> Sequence[UUID] | None:
    return ids if len(ids) <= limit else None


def _of_kind(kind: int, ids: CompoundSelect[Any]) -> Select[Any]:
    return select(literal_column(str(kind)).label("kind"), ids.subquery().columns[0].label("id"))


_CANDIDATE, _OWNER = 1, 2
_OWNERS = Statement.of(_of_kind(_OWNER, order_search.OWNERS))
_CANDIDATES_AND_OWNERS = Statement.of(
    union_all(_of_kind(_CANDIDATE, email_search.CANDIDATES), _of_kind(_OWNER, order_search.OWNERS))
)
