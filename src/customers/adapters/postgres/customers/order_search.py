"""Finds the customers of the orders that a search names by their whole number or their id.

These customers are looked up before the list. Most searches find none, and the statement of the
list is then planned without orders, which costs half as much.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    any_,
    bindparam,
    literal_column,
    select,
    union_all,
)

from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.ledger_tables import customer_orders, order_number_key
from customers.adapters.postgres.schema.types import TEXT, TEXTS
from customers.core.model.search import Search

MAX_OWNERS = 1_000


async def owners(session: Session, search: Search | None) -> Sequence[UUID] | None:
    """The ids of the customers of the recorded orders that the search finds; None if it finds more
    than MAX_OWNERS orders.
    """
    if search is None or not (search.order_number or search.order_ids):
        return ()
    number, limit = search.order_number or None, MAX_OWNERS + 1
    rows = await session.rows(
        _OWNERS, order_number=number, order_ids=list(search.order_ids), limit=limit
    )
    return None if len(rows) > MAX_OWNERS else [row["customer_id"] for row in rows]


def _owners(*conditions: ColumnElement[bool]) -> Select[UUID]:
    """Selects the ids of the customers of the recorded orders that satisfy these conditions."""
    recorded = _order.order_date.is_not(None)
    return select(_order.customer_id).where(_order.tenant_id == TENANT, recorded, *conditions)


_order = customer_orders.c
BY_NUMBER = _owners(
    order_number_key(_order) == bindparam("order_number", type_=TEXT),
    _order.order_number != literal_column("''"),
)
BY_ID = _owners(_order.order_id == any_(bindparam("order_ids", type_=TEXTS)))
_OWNERS = Statement.of(
    union_all(BY_NUMBER, BY_ID).limit(bindparam("limit", type_=BigInteger)),
)
