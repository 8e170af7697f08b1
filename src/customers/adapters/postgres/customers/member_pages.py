"""Pages of a segment's members by creation time, read off the members' own index.

Such a page costs the same whether a tenant has ten customers or a million. Lists in any other
order, or with a further filter, are in `pages`.
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

from customers.adapters.postgres.customers.filters import OF_SEGMENT, PLUS, WITHOUT
from customers.adapters.postgres.customers.lateral import lateral
from customers.adapters.postgres.customers.rows import (
    CUSTOMERS,
    WITH_STATISTICS,
    with_look_ups,
)
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import customer_segment_members
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.query import CustomerSort, SortDirection, SortField


def supports(customer_filter: CustomerFilter, sort: CustomerSort) -> bool:
    """Whether the filter has no criterion but membership, and the sort is by creation time."""
    members = customer_filter.members_of
    is_plain = customer_filter == CustomerFilter(members_of=members)
    return is_plain and members is not None and sort.by is SortField.CREATED_AT


@lru_cache
def page(direction: SortDirection) -> Statement:
    """A page from an offset; its parameters are the filter's, `limit` and `offset`."""
    return Statement.of(_page(direction, _OFFSET + _LIMIT, _OFFSET))


@lru_cache
def page_after(direction: SortDirection) -> Statement:
    """A page after a key; its parameters are the filter's, `limit` and the key's."""
    return Statement.of(_page(direction, _LIMIT, None, after_key=True))


def _page(
    direction: SortDirection,
    max_members: ColumnElement[int],
    offset: ColumnElement[int] | None,
    *,
    after_key: bool = False,
) -> Select[Any]:
    """The customers of a page, looked up one by one and sorted again."""
    both = union_all(_stored(direction, max_members, after_key), _plus(direction, after_key))
    members = both.subquery("members")
    columns = (members.c.created_at, members.c.id)
    ids = select(*columns).order_by(*_sorted(direction, *columns))
    page = ids.limit(_LIMIT).offset(offset).subquery("page")
    rows = with_look_ups(select(*CUSTOMERS.columns).where(WITH_STATISTICS))
    own = (customers.c.tenant_id == TENANT, customers.c.id == page.c.id)
    customer = lateral(rows.where(*own), "customer")
    in_order = _sorted(direction, customer.c.created_at, customer.c.id)
    return select(customer).select_from(page.join(customer, true())).order_by(*in_order)


def _stored(
    direction: SortDirection, max_members: ColumnElement[int], after_key: bool
) -> Select[Any]:
    """The first `max_members` living stored members, without the customers of WITHOUT and PLUS."""
    own = (customers.c.tenant_id == TENANT, customers.c.id == _member.customer_id)
    living = lateral(select(literal_column("1")).where(*own, LIVING), "living")
    others = (not_(_member.customer_id == any_(ids)) for ids in (WITHOUT, PLUS))
    members = (
        select(_member.created_at, _member.customer_id.label("id"))
        .select_from(customer_segment_members.join(living, true()))
        .where(OF_SEGMENT, *others)
    )
    columns = (_member.created_at, _member.customer_id)
    following = _following(members, direction, columns, after_key)
    first = following.order_by(*_sorted(direction, *columns)).limit(max_members)
    return select(first.subquery("stored"))


def _plus(direction: SortDirection, after_key: bool) -> Select[Any]:
    """The living customers of PLUS, stored as members or not: so few that no limit is needed."""
    columns = (customers.c.created_at, customers.c.id)
    living = select(*columns).where(
        customers.c.tenant_id == TENANT, LIVING, customers.c.id == any_(PLUS)
    )
    return _following(living, direction, columns, after_key)


def _following(
    members: Select[Any],
    direction: SortDirection,
    columns: tuple[Column[Any], Column[Any]],
    after_key: bool,
) -> Select[Any]:
    if not after_key:
        return members
    place = tuple_(*columns)
    key = tuple_(bindparam("key_value", type_=MOMENT), bindparam("key_id", type_=Uuid()))
    return members.where(place > key if direction is SortDirection.ASC else place < key)


def _sorted(direction: SortDirection, *columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    return [column if direction is SortDirection.ASC else column.desc() for column in columns]


_member = customer_segment_members.c
_LIMIT = bindparam("limit", type_=BigInteger)
_OFFSET = bindparam("offset", type_=BigInteger)
