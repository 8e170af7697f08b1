"""Proves that a statement reads and writes rows of one tenant only, before it can ever run.

Each table of a tenant in a statement must be bound to the parameter `tenant_id`: by a condition
`tenant_id = :tenant_id` of the query that reads it, or by an equality of its `tenant_id` with that
of a table which is bound, in the same query or around it. A new row must have the parameter itself,
or the `tenant_id` of a query's row, and may only replace a row with the same `tenant_id`.

A condition counts where every row must satisfy it: not below OR or NOT, and in the ON of an outer
join for the joined side only. So what is proven is bound; a few forms that are bound are not
proven, and have to be written otherwise.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Delete, Insert, Join, Lateral, Select, Table, Update
from sqlalchemy.dialects.postgresql.dml import OnConflictDoUpdate
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    AsBoolean,
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    ClauseElement,
    ColumnClause,
    False_,
    Grouping,
    Label,
    Tuple,
)
from sqlalchemy.sql.selectable import (
    CTE,
    AliasedReturnsRows,
    CompoundSelect,
    FromClause,
    FromGrouping,
    SelectState,
    SelectStatementGrouping,
    Subquery,
    TableSample,
)

Query: TypeAlias = Select[Any] | Update | Delete
Block: TypeAlias = Query | CompoundSelect[Any] | Insert
TENANT_COLUMN: Final = "tenant_id"
# The statements that ask about all tenants, and why.
ACROSS_TENANTS: Final[Mapping[str, str]] = {
    "old search texts": "search texts of a release before are written again, whoever they are of",
    "some old search texts": "the next of them",
    "rewritten search texts": "those that were chosen, by their whole keys",
    "erasures to export": "`customers erasures export` writes all of them",
    "erasures to maintain": "`customers maintain` cleans the tables of all tenants at once",
    "last maintenance": "as above",
    "maintained erasures": "as above",
    "tenants with segments": "the sweeper asks whose segments there are",
    "tenants to refresh": "the sweeper asks who has something to refresh",
    "api key": "the key of a caller says which tenant they are of; it is found by its whole id",
    "backlog": "the metrics count the pending changes of everybody",
    "verification of a token": "a token is the credential: whoever has it names no tenant",
    "failed builds": "the metrics count the failed builds of everybody",
}


class UnprovenStatement(Exception):
    """A statement that could read or write rows of another tenant."""


def prove(clause: ClauseElement) -> None:
    """Raises UnprovenStatement, which names the table."""
    for block, outer, correlates in _blocks(clause, frozenset(), correlates=False):
        _prove_block(block, outer, correlates=correlates)


def expect_listed(name: str) -> None:
    """Raises UnprovenStatement for a statement about all tenants that ACROSS_TENANTS lacks."""
    if name not in ACROSS_TENANTS:
        raise UnprovenStatement(f"{name!r} is no statement that may ask about all tenants")


def _prove_block(block: Block, outer: frozenset[FromClause], *, correlates: bool) -> None:
    if isinstance(block, Insert):
        _prove_insert(block)
    elif not isinstance(block, CompoundSelect):
        own = _own(block, outer, correlates=correlates)
        bound = _bound(block, own, outer)
        for table in own:
            if _is_of_tenant(table) and table not in bound:
                raise UnprovenStatement(f"{table} is not bound to the tenant")
        if isinstance(block, Update) and TENANT_COLUMN in map(_name, block._values or {}):
            raise UnprovenStatement(f"{block.table} may get rows of another tenant")


def _blocks(
    clause: ClauseElement, outer: frozenset[FromClause], *, correlates: bool
) -> Iterator[tuple[Block, frozenset[FromClause], bool]]:
    """Every block of a statement, with the FROMs around it, and whether it may refer to them by
    leaving them out of its own.
    """
    if isinstance(clause, SelectStatementGrouping):
        yield from _blocks(clause.element, outer, correlates=correlates)
        return
    if isinstance(clause, Select | CompoundSelect | Update | Delete | Insert):
        yield clause, outer, correlates
        if not isinstance(clause, CompoundSelect | Insert):
            outer |= frozenset(_own(clause, outer, correlates=correlates))
    for child, is_expression in _inner_blocks(clause):
        yield from _blocks(child, outer, correlates=is_expression)


def _inner_blocks(
    clause: ClauseElement, *, is_expression: bool | None = None
) -> Iterator[tuple[ClauseElement, bool]]:
    """The blocks directly inside, and whether each stands in an expression or beside lateral ones,
    where SQLAlchemy correlates it.
    """
    for child in clause.get_children():
        if isinstance(child, Select | CompoundSelect | Update | Delete | Insert):
            yield child, is_expression is not False
        elif isinstance(child, Lateral):
            yield from _inner_blocks(child, is_expression=True)
        elif isinstance(child, Subquery | CTE):
            yield from _inner_blocks(child, is_expression=isinstance(clause, Lateral))
        elif not isinstance(child, Table | ColumnClause):
            yield from _inner_blocks(child, is_expression=is_expression)


def _own(block: Query, outer: Collection[FromClause], *, correlates: bool) -> list[FromClause]:
    """The tables and subqueries that a block itself reads or writes."""
    if isinstance(block, Select):
        all_froms = SelectState(block, cast("Any", None)).froms
        froms = _leaves(all_froms)
        named = block._correlate  # what `correlate` names; SQLAlchemy has no public name for it
        if named:
            return [one for one in froms if one not in named or one not in outer]
        # SQLAlchemy correlates by itself only where another FROM remains.
        is_correlated = correlates and block._auto_correlate and len(all_froms) > 1
        return [one for one in froms if not (is_correlated and one in outer)]
    expressions = [*block._where_criteria, *_set_values(block)]
    mentioned = (one for expression in expressions for one in expression._from_objects)
    table = cast("FromClause", block.table)
    others = dict.fromkeys(one for one in mentioned if one is not table and one not in outer)
    return _leaves([table, *others])


def _set_values(block: Update | Delete) -> Iterator[Any]:
    """The expressions that an UPDATE sets."""
    values = block._values if isinstance(block, Update) else None
    return (value for value in (values or {}).values() if isinstance(value, ClauseElement))


def _bound(block: Query, own: Collection[FromClause], outer: Collection[FromClause]) -> set[Any]:
    """The tables of a block that are bound to the tenant."""
    if any(isinstance(condition, False_) for condition in _conjuncts(block.whereclause)):
        return set(own)  # it reads nobody's rows; SQLAlchemy drops what stands beside `false`
    bound: set[Any] = {one for one in own if _has_proven_tenant(one)}
    equal: list[tuple[Any, Any]] = []
    for column, other in _tenant_equalities(block):
        if _is_parameter(other) or (other.table in outer and other.table not in own):
            bound.add(column.table)
        else:
            equal.append((column.table, other.table))
    while more := {table for table, other in equal if other in bound and table not in bound}:
        bound |= more
    return bound


def _tenant_equalities(block: Query) -> Iterator[tuple[Any, Any]]:
    """The columns `tenant_id` for which conditions say something, each with what it equals: the
    parameter or another such column.
    """
    for condition, joined in _conditions(block):
        for left, right in _equalities(condition):
            for column, other in ((left, right), (right, left)):
                is_tenant = _is_tenant_column(column) and (joined is None or column.table in joined)
                if is_tenant and (_is_parameter(other) or _is_tenant_column(other)):
                    yield column, other


def _conditions(block: Query) -> Iterator[tuple[ClauseElement, Collection[FromClause] | None]]:
    """What every row must satisfy, and the tables for which it says something; None for all."""
    yield from ((condition, None) for condition in _conjuncts(block.whereclause))
    froms = SelectState(block, cast("Any", None)).froms if isinstance(block, Select) else ()
    for one in froms:
        yield from _on_conditions(one)


def _on_conditions(
    one: FromClause,
) -> Iterator[tuple[ClauseElement, Collection[FromClause] | None]]:
    one = _ungrouped(one)
    if isinstance(one, Join):
        joined = _leaves([one.right]) if one.isouter or one.full else None
        if not one.full:
            yield from ((condition, joined) for condition in _conjuncts(one.onclause))
        yield from _on_conditions(one.left)
        if joined is None:
            yield from _on_conditions(one.right)


def _prove_insert(insert: Insert) -> None:
    table = cast("FromClause", insert.table)
    if not _is_of_tenant(table):
        return
    if insert.select is not None:
        place = [*map(_name, insert._select_names or ())].index(TENANT_COLUMN)
        values: list[Any] = [query._raw_columns[place] for query in _selects(insert.select)]
    else:
        row = {_name(name): value for name, value in (insert._values or {}).items()}
        values = [row.get(TENANT_COLUMN)]
    if insert._multi_values or not all(map(_is_tenant_value, values)):
        raise UnprovenStatement(f"a new row of {table} may be another tenant's")
    conflict = insert._post_values_clause
    if isinstance(conflict, OnConflictDoUpdate):
        elements = conflict.inferred_target_elements or ()
        if TENANT_COLUMN not in map(_name, elements):
            raise UnprovenStatement(f"a new row of {table} may replace another tenant's")


def _name(column: Any) -> str:
    """The name of a column that may be given by its name."""
    return str(getattr(column, "name", column))


def _selects(query: Any) -> Iterator[Select[Any]]:
    if isinstance(query, SelectStatementGrouping):
        yield from _selects(query.element)
    elif isinstance(query, CompoundSelect):
        for one in query.selects:
            yield from _selects(one)
    elif isinstance(query, Select):
        yield query


def _leaves(froms: Iterable[FromClause]) -> list[FromClause]:
    """Joins taken apart."""
    leaves: list[FromClause] = []
    for one in map(_ungrouped, froms):
        leaves += _leaves([one.left, one.right]) if isinstance(one, Join) else [one]
    return leaves


def _ungrouped(one: FromClause) -> FromClause:
    while isinstance(one, FromGrouping):
        one = one.element
    return one


def _is_of_tenant(one: FromClause) -> bool:
    """Whether it is a table with a tenant, or an alias of one. A subquery is proven by itself."""
    while isinstance(one, AliasedReturnsRows) and (
        isinstance(one, TableSample) or not isinstance(one, Subquery | CTE)
    ):
        one = cast("FromClause", one.element)
    return isinstance(one, Table) and TENANT_COLUMN in one.c


def _has_proven_tenant(one: FromClause) -> bool:
    """Whether it is a subquery with the `tenant_id` of a table in it, which is proven there."""
    if not isinstance(one, Subquery | CTE):
        return False
    return all(
        any(
            getattr(column, "key", None) == TENANT_COLUMN and _is_tenant_value(column)
            for column in query.selected_columns
        )
        for query in _selects(one.element)
    )


def _conjuncts(condition: ClauseElement | None) -> Iterator[ClauseElement]:
    condition = _ungrouped_element(condition)
    if isinstance(condition, AsBoolean) and condition.operator is operators.is_true:
        condition = condition.element
    if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for one in condition.clauses:
            yield from _conjuncts(one)
    elif condition is not None:
        yield condition


def _equalities(condition: ClauseElement) -> Iterator[tuple[Any, Any]]:
    """The pairs of expressions that a condition compares by =, those of tuples too."""
    if not (isinstance(condition, BinaryExpression) and condition.operator is operators.eq):
        return
    left, right = map(_ungrouped_element, (condition.left, condition.right))
    if isinstance(left, Tuple) and isinstance(right, Tuple):
        yield from zip(left.clauses, right.clauses, strict=True)
    else:
        yield left, right


def _ungrouped_element(element: Any) -> Any:
    while isinstance(element, Grouping):
        element = element.element
    return element


def _is_tenant_value(value: Any) -> bool:
    while isinstance(value, Label | Grouping):
        value = value.element
    if not _is_tenant_column(value):
        return _is_parameter(value)
    return _is_of_tenant(value.table) or _has_proven_tenant(value.table)


def _is_parameter(value: Any) -> bool:
    return isinstance(value, BindParameter) and value.key == TENANT_COLUMN


def _is_tenant_column(value: Any) -> bool:
    return (
        isinstance(value, ColumnClause) and value.name == TENANT_COLUMN and value.table is not None
    )
