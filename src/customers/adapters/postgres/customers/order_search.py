"""Selects the customers of the orders that a search names by their whole number or their id."""

from collections.abc import Mapping
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

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.ledger_tables import customer_orders, order_number_key
from customers.adapters.postgres.schema.types import TEXT, TEXTS
from customers.core.model.search import Search


def order_keys(search: Search) -> Mapping[str, object]:
    """The parameters of the selects of this module."""
    number, ids = search.order_number or None, list(search.order_ids)
    return {"order_number": number, "order_ids": ids}


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
# At most `limit` of them.
OWNERS = union_all(BY_NUMBER, BY_ID).limit(bindparam("limit", type_=BigInteger))
