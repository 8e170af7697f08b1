"""Where the server keeps copies of personal values outside of rows: in statistics and indexes.

All but PLANNED_BY_STATISTICS is derived from the map of `personal_columns`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import Column, Index, Integer, Table
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.visitors import iterate

from customers.adapters.postgres.schema.personal_columns import is_personal
from customers.adapters.postgres.schema.tables import customers

# The planner needs statistics of these columns to choose between the index of a list's criteria and
# that of its sort. The statistics hold values of some customers; those of customers who were erased
# disappear with the next ANALYZE.
PLANNED_BY_STATISTICS = (
    customers.c.search_text,
    customers.c.tags_folded,
    customers.c.country_code,
)


@frozen(order=True)
class IndexedExpression:
    """An expression in an index, identified by the index and its place there, counted from 1."""

    index: str
    place: int


def personal_tables(tables: Sequence[Table]) -> Sequence[Table]:
    """The tables with a personal column."""
    return [table for table in tables if any(map(is_personal, table.columns))]


def columns_without_statistics(tables: Sequence[Table]) -> Sequence[Column[object]]:
    """The personal columns of which the server must not keep statistics."""
    columns = (column for table in tables for column in table.columns)
    return [one for one in columns if is_personal(one) and one not in set(PLANNED_BY_STATISTICS)]


def expressions_without_statistics(tables: Sequence[Table]) -> Sequence[IndexedExpression]:
    """The indexed expressions over personal columns of which the server must not keep statistics.

    Flags are left out, because statistics of 0 and 1 identify nobody.
    """
    return [
        IndexedExpression(str(index.name), place)
        for index in _indexes(tables)
        for place, part in enumerate(_parts(index), start=1)
        if not isinstance(part, Column) and _holds_personal_values(part)
        if not isinstance(part.type, Integer)
    ]


def personal_indexes(table: Table) -> Sequence[str]:
    """The names of the indexes that hold personal values, or what is computed from them."""
    indexes = _indexes([table])
    return [str(one.name) for one in indexes if any(map(_holds_personal_values, _parts(one)))]


def _indexes(tables: Sequence[Table]) -> Iterator[Index]:
    for table in tables:
        yield from sorted(table.indexes, key=lambda index: str(index.name))


def _parts(index: Index) -> Sequence[ColumnElement[Any]]:
    return [part for part in index.expressions if not isinstance(part, str)]


def _holds_personal_values(part: ColumnElement[Any]) -> bool:
    return any(isinstance(one, Column) and is_personal(one) for one in iterate(part))
