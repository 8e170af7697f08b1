"""Joins that look rows up one by one, because there are few of them whatever the planner thinks.

It cannot know how many rows an array holds, or a page, or how narrow a range is; where it guesses
many it reads all customers of a tenant instead. A subquery with an offset is never merged into the
query around it, so that each row of the outer side looks up its own.
"""

from typing import Any

from sqlalchemy import Select, literal_column
from sqlalchemy.sql.selectable import LateralFromClause


def each(rows: Select[Any], name: str) -> LateralFromClause:
    """The rows that belong to one row of what it is joined to, which they may refer to."""
    return rows.offset(literal_column("0")).lateral(name)
