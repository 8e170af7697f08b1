"""Lookups of rows one by one, because there are few of them whatever the planner thinks.

It cannot know how many rows an array holds, or a page, or how narrow a range is; where it guesses
many it reads all customers of a tenant instead. A subquery with an offset is never merged into the
query around it, so that each row of the outer side looks up its own.
"""

from typing import Any

from sqlalchemy import Select, and_, literal_column
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import LateralFromClause

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.segment_tables import customer_segment_members


def each(rows: Select[Any], name: str) -> LateralFromClause:
    """The rows that belong to one row of what it is joined to, which they may refer to."""
    return rows.offset(literal_column("0")).lateral(name)


def is_stored(segment_id: Any, customer_id: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row of the members is of a segment and, by a condition on its id, of a customer.

    Looked up by the customer, who is in few segments, and never by the segment, which may have
    half a million members: what an index cannot answer leaves the planner no choice. Until it has
    numbers of a table that is filling up, it takes either for one row.
    """
    member = customer_segment_members.c
    is_of_it = member.segment_id.is_not_distinct_from(segment_id)
    return and_(member.tenant_id == TENANT, customer_id, is_of_it)
