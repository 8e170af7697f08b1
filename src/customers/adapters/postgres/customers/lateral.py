"""Lateral joins and conditions that make PostgreSQL look up rows one by one.

The planner cannot know how many rows an array or a page holds, or how narrow a range is. Where it
guesses many, it reads all customers of a tenant instead. A subquery with an offset is never merged
into the query around it, so the subquery runs once for each row of the outer side.
"""

from typing import Any

from sqlalchemy import (
    BindParameter,
    Select,
    Subquery,
    and_,
    any_,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.elements import CollectionAggregate, ColumnElement
from sqlalchemy.sql.selectable import LateralFromClause

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.segment_tables import customer_segment_members

NO_OFFSET: ColumnElement[int] = literal_column("0")


def lateral(rows: Select[Any], name: str) -> LateralFromClause:
    """The rows that belong to one row of the other side of a join; they may refer to it."""
    return rows.offset(NO_OFFSET).lateral(name)


def in_order(ids: BindParameter[Any]) -> Subquery:
    """The distinct ids of an array, as `id`, in the order in which rows are locked."""
    distinct = select(func.unnest(ids).label("id")).distinct().subquery("distinct_ids")
    return select(distinct.c.id).order_by(distinct.c.id).subquery("ids")


def any_of(array: BindParameter[Any]) -> CollectionAggregate[Any]:
    """For `column == any_of(array)`: any of the values of a parameter.

    The planner would look into an array that is compared directly, and expect a plan for its values
    to be cheaper than one for all arrays. So it would plan every run anew, which takes longer than
    reading ten customers. It does not look into a subquery.
    """
    return any_(cast(select(array).scalar_subquery(), array.type))


def is_membership(segment_id: Any, of_customer: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row of the stored members belongs to the segment and satisfies `of_customer`, a
    condition on its customer id.

    The row is looked up by the customer, who is in few segments, and never by the segment, which
    may have half a million members: no index answers IS NOT DISTINCT FROM. With `=` the planner
    could choose either, because it expects one row for both until the table has statistics.
    """
    member = customer_segment_members.c
    of_segment = member.segment_id.is_not_distinct_from(segment_id)
    return and_(member.tenant_id == TENANT, of_customer, of_segment)
