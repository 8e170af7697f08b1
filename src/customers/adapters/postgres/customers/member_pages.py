"""Lists of a segment's members in the order of their creation, read off the members' own index.

A page is as cheap in a tenant of a million as in a tenant of ten. Every other order, and every
other filter beside the members, is the business of `lists`.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Select,
    Uuid,
    any_,
    bindparam,
    literal_column,
    not_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.filters import PLUS, STORED, WITHOUT
from customers.adapters.postgres.customers.lateral import each
from customers.adapters.postgres.customers.rows import SHOWN
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import customer_segment_members
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.model.query import CustomerFilter, CustomerSort, SortDirection, SortField


def answers(which: CustomerFilter, order: CustomerSort) -> bool:
    """Whether the members' index gives what a filter keeps, in that order."""
    is_plain = which == CustomerFilter(members_of=which.members_of)
    return is_plain and which.members_of is not None and order.by is SortField.CREATED_AT


@lru_cache
def page(order: SortDirection) -> Statement:
    """From an offset; run it with the values of the filter, `limit` and `offset`."""
    return Statement.of(_page(order, _OFFSET + _LIMIT, _OFFSET))


@lru_cache
def after(order: SortDirection) -> Statement:
    """From beyond a key; run it with the values of the filter, `limit` and the key's."""
    return Statement.of(_page(order, _LIMIT, None, is_beyond=True))


def _page(
    order: SortDirection,
    most: ColumnElement[int],
    offset: ColumnElement[int] | None,
    *,
    is_beyond: bool = False,
) -> Select[Any]:
    """A page's customers: looked up one by one, and sorted once more."""
    both = union_all(_stored(order, most, is_beyond), _besides(order, is_beyond))
    chosen = both.subquery("chosen")
    place = (chosen.c.created_at, chosen.c.id)
    page = select(*place).order_by(*_placed(order, *place)).limit(_LIMIT).offset(offset)
    some = page.subquery("page")
    here = select(*SHOWN).where(customers.c.tenant_id == TENANT, customers.c.id == some.c.id)
    found = each(here, "found")
    placed = _placed(order, found.c.created_at, found.c.id)
    return select(found).select_from(some.join(found, true())).order_by(*placed)


def _stored(order: SortDirection, most: ColumnElement[int], is_beyond: bool) -> Select[Any]:
    same = (customers.c.tenant_id == TENANT, customers.c.id == _member.customer_id)
    living = each(select(literal_column("1")).where(*same, LIVING), "living")
    kept = (
        select(_member.created_at, _member.customer_id.label("id"))
        .select_from(customer_segment_members.join(living, true()))
        .where(STORED, *(not_(_member.customer_id == any_(some)) for some in (WITHOUT, PLUS)))
    )
    first = _next(kept, order, _PLACE, is_beyond).order_by(*_placed(order, *_PLACE)).limit(most)
    return select(first.subquery("stored"))


def _besides(order: SortDirection, is_beyond: bool) -> Select[Any]:
    """Those who are members whether they are stored or not: few, so that they need no order."""
    place = (customers.c.created_at, customers.c.id)
    plus = select(*place).where(
        customers.c.tenant_id == TENANT, LIVING, customers.c.id == any_(PLUS)
    )
    return _next(plus, order, place, is_beyond)


def _next(
    chosen: Select[Any],
    order: SortDirection,
    place: tuple[Column[Any], Column[Any]],
    is_beyond: bool,
) -> Select[Any]:
    if not is_beyond:
        return chosen
    here = tuple_(*place)
    key = tuple_(bindparam("key_value", type_=MOMENT), bindparam("key_id", type_=Uuid()))
    return chosen.where(here > key if order is SortDirection.ASC else here < key)


def _placed(order: SortDirection, *place: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    return [part if order is SortDirection.ASC else part.desc() for part in place]


_member = customer_segment_members.c
_PLACE = (_member.created_at, _member.customer_id)
_LIMIT = bindparam("limit", type_=BigInteger)
_OFFSET = bindparam("offset", type_=BigInteger)
