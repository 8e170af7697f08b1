"""Proves that a statement reads and writes rows of one tenant only, before it can ever run.

Each table of a tenant in a statement must be bound to the parameter `tenant_id`: by a condition
`tenant_id = :tenant_id` of the query that reads it, or by an equality of its `tenant_id` with that
of a table which is bound, in the same query or around it. A new row must have the parameter itself,
or the `tenant_id` of a query's row, and may only replace a row with the same `tenant_id`.

A condition counts only if every row must satisfy it: not below OR or NOT, in the ON of a left join
only for the joined side, and not in that of a full join. So every proven statement is bound, but a
few forms that are bound cannot be proven, and have to be written differently. SQL written as text
cannot be analysed, so a text that may be or hold a query is refused.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Delete, Insert, Join, Lateral, Select, Table, Update
from sqlalchemy.dialects.postgresql.dml import OnConflictDoUpdate
from sqlalchemy.sql import operators, visitors
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
    TextClause,
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
    TableClause,
    TableSample,
    TextualSelect,
)

from customers.adapters.postgres.engine import row_security
from customers.adapters.postgres.schema.all_tables import METADATA

Query: TypeAlias = Select[Any] | Update | Delete
Block: TypeAlias = Query | CompoundSelect[Any] | Insert
TENANT_COLUMN: Final = "tenant_id"
# The names of the statements about all tenants, and what each of them is for.
ACROSS_TENANTS: Final[Mapping[str, str]] = {
    "old search texts": "search texts of an older release are counted, those of all tenants",
    "some old search texts": "the next customers whose search texts are to be rewritten",
    "rewritten search texts": "the rewritten texts are stored, each by tenant and customer id",
    "erasures to export": "`customers erasures export` writes all of them",
    "erasures to maintain": "maintenance cleans the tables of all tenants at once",
    "last maintenance": "maintenance reads when it last cleaned the tables",
    "maintained erasures": "maintenance records which erasures it has cleaned up after",
    "tables with rows": "a restore asks whether it would replace rows of any tenant",
    "tenants with segments": "the sweeper and `customers doctor` ask which tenants have segments",
    "tenants to refresh": "the sweeper asks which tenants have something to refresh",
    "api key": "the key of a caller says which tenant they belong to; it is found by its id alone",
    "api keys": "`customers keys list` without a tenant lists the keys of all",
    "backlog": "the metrics count the pending changes of all tenants",
    "verification of a token": "the token is the credential, and its holder names no tenant",
    "failed builds": "the metrics count the failed builds of all tenants",
}


class UnprovenStatement(Exception):
    """A statement that could read or write rows of another tenant."""


class _Place(Enum):
    """Where a block (a query, or a change of rows) stands in the block around it."""

    EXPRESSION = auto()
    """In an expression or a LATERAL: the block may refer to the FROMs of all blocks around it."""
    FROM = auto()
    WITH = auto()


Froms: TypeAlias = frozenset[FromClause]
_NONE: Final[Froms] = frozenset()
_NAMES_OF_TENANTS: Final = frozenset(
    (
        *(name for name, one in METADATA.tables.items() if TENANT_COLUMN in one.c),
        *row_security.view_names(),
    )
)
_QUOTED, _QUERY = re.compile(r"'[^']*'"), re.compile(r"\b(select|from|table|with)\b", re.I)


def prove(clause: ClauseElement) -> None:
    """Raises UnprovenStatement unless the clause is proven by the rules of this module."""
    for element in visitors.iterate(clause):
        _expect_no_text(element)
    for block, outer, near in _blocks(clause, _NONE, _NONE):
        _prove_block(block, outer, near)


def expect_listed(name: str) -> None:
    """Raises UnprovenStatement for a statement about all tenants that ACROSS_TENANTS lacks."""
    if name not in ACROSS_TENANTS:
        raise UnprovenStatement(f"{name!r} is not a statement that may ask about all tenants")


def _expect_no_text(element: object) -> None:
    """Raises UnprovenStatement for a text that may be or hold a query."""
    text = element.text if isinstance(element, TextClause) else ""
    if isinstance(element, ColumnClause) and element.is_literal:
        text = element.name
    if isinstance(element, TextualSelect) or _QUERY.search(_QUOTED.sub("", text)):
        raise UnprovenStatement("a text may read the rows of another tenant")


def _prove_block(block: Block, outer: Froms, near: Froms) -> None:
    if isinstance(block, Insert):
        _prove_insert(block)
    elif not isinstance(block, CompoundSelect):
        own = _own(block, outer, near)
        bound = _bound(block, own, outer)
        for table in own:
            if _is_of_tenant(table) and table not in bound:
                raise UnprovenStatement(f"{table} is not bound to the tenant")
        if isinstance(block, Update) and TENANT_COLUMN in map(_name, block._values or {}):
            raise UnprovenStatement(f"{block.table} may get rows of another tenant")


def _blocks(
    clause: ClauseElement, outer: Froms, near: Froms
) -> Iterator[tuple[Block, Froms, Froms]]:
    """Every block of a statement, with two sets of FROMs of the blocks around it: all to which it
    may refer; and among these the FROMs of the block directly around it, which SQLAlchemy may not
    count as the block's own (see `_own`).
    """
    if isinstance(clause, SelectStatementGrouping):
        yield from _blocks(clause.element, outer, near)
        return
    own = _NONE
    if isinstance(clause, Select | CompoundSelect | Update | Delete | Insert):
        yield clause, outer, near
        if not isinstance(clause, CompoundSelect | Insert):
            own = frozenset(_own(clause, outer, near))
    for child, place in _inner_blocks(clause):
        if place is _Place.WITH:
            yield from _blocks(child, _NONE, _NONE)
        elif place is _Place.FROM:
            yield from _blocks(child, outer, _NONE)
        elif isinstance(clause, CompoundSelect):
            yield from _blocks(child, outer, near)
        else:
            yield from _blocks(child, outer | own, own)


def _inner_blocks(
    clause: ClauseElement, place: _Place = _Place.EXPRESSION
) -> Iterator[tuple[ClauseElement, _Place]]:
    """The blocks directly inside a clause, and where each stands."""
    for child in (*clause.get_children(), *_other_froms(clause)):
        if isinstance(child, Select | CompoundSelect | Update | Delete | Insert):
            yield child, place
        elif isinstance(child, Lateral):
            yield from _inner_blocks(child)
        elif isinstance(child, CTE):
            yield from _inner_blocks(child, _Place.WITH)
        elif isinstance(child, Subquery):
            is_lateral = isinstance(clause, Lateral)
            yield from _inner_blocks(child, _Place.EXPRESSION if is_lateral else _Place.FROM)
        elif not isinstance(child, Table | ColumnClause):
            yield from _inner_blocks(child, place)


def _own(block: Query, outer: Froms, near: Froms) -> list[FromClause]:
    """The tables and subqueries that a block itself reads or writes."""
    if not isinstance(block, Select):
        return _leaves([cast("FromClause", block.table), *_other_froms(block)])
    froms = SelectState(block, cast("Any", None)).froms
    named = block._correlate  # what `correlate` names; SQLAlchemy has no public name for it
    if named:
        return _leaves(one for one in froms if one not in named or one not in outer)
    # SQLAlchemy correlates by itself only where another FROM remains.
    is_correlated = block._auto_correlate and len(froms) > 1
    return _leaves(one for one in froms if not (is_correlated and one in near))


def _other_froms(clause: ClauseElement) -> Sequence[FromClause]:
    """The tables that an UPDATE or DELETE reads besides its own: those that it names, and those in
    its expressions.
    """
    if not isinstance(clause, Update | Delete):
        return ()
    expressions = [*clause._where_criteria, *_set_values(clause)]
    mentioned = [one for expression in expressions for one in expression._from_objects]
    named = clause._extra_froms if isinstance(clause, Delete) else ()
    others = dict.fromkeys((*named, *mentioned))
    return [one for one in others if one is not clause.table]


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
            bound |= {column.table} if _is_tenant_value(other) else set()
        else:
            equal.append((column.table, other.table))
    while more := {table for table, other in equal if other in bound and table not in bound}:
        bound |= more
    return bound


def _tenant_equalities(block: Query) -> Iterator[tuple[Any, Any]]:
    """Each column `tenant_id` that a condition compares by =, with what it equals: the parameter,
    or the `tenant_id` of another table.
    """
    for condition, joined in _conditions(block):
        for left, right in _equalities(condition):
            for column, other in ((left, right), (right, left)):
                is_tenant = _is_tenant_column(column) and (joined is None or column.table in joined)
                if is_tenant and (_is_parameter(other) or _is_tenant_column(other)):
                    yield column, other


def _conditions(block: Query) -> Iterator[tuple[ClauseElement, Collection[FromClause] | None]]:
    """The conditions that every row must satisfy, each with the tables to which it applies; None
    for all tables.
    """
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
        names = [*map(_name, insert._select_names or ())]
        place = names.index(TENANT_COLUMN) if TENANT_COLUMN in names else None
        lists = _column_lists(insert.select)
        values: list[Any] = [None if place is None else columns[place] for columns in lists]
    else:
        row = {_name(name): value for name, value in (insert._values or {}).items()}
        values = [row.get(TENANT_COLUMN)]
    if insert._multi_values or not values or not all(map(_is_tenant_value, values)):
        raise UnprovenStatement(f"a new row of {table} may be another tenant's")
    conflict = insert._post_values_clause
    if isinstance(conflict, OnConflictDoUpdate):
        elements = conflict.inferred_target_elements or ()
        is_changed = TENANT_COLUMN in map(_name, conflict.update_values_to_set)
        if is_changed or TENANT_COLUMN not in map(_name, elements):
            raise UnprovenStatement(f"a new row of {table} may replace another tenant's")


def _name(column: Any) -> str:
    """The name of a column, which may be passed as a column or as its name."""
    return str(getattr(column, "name", column))


def _column_lists(query: Any) -> Iterator[Sequence[Any]]:
    """The columns of each query of a union, of a single query, or of the rows a change returns."""
    if isinstance(query, SelectStatementGrouping):
        yield from _column_lists(query.element)
    elif isinstance(query, CompoundSelect):
        for one in query.selects:
            yield from _column_lists(one)
    elif isinstance(query, Select | Update | Delete | Insert):
        yield list(query._all_selected_columns)


def _leaves(froms: Iterable[FromClause]) -> list[FromClause]:
    """The FROMs, with every join taken apart."""
    leaves: list[FromClause] = []
    for one in map(_ungrouped, froms):
        leaves += _leaves([one.left, one.right]) if isinstance(one, Join) else [one]
    return leaves


def _ungrouped(one: FromClause) -> FromClause:
    while isinstance(one, FromGrouping):
        one = one.element
    return one


def _is_of_tenant(one: FromClause) -> bool:
    """Whether a FROM is a table with `tenant_id`, or an alias of one. A subquery is proven by
    itself. Raises UnprovenStatement for such a table that is named without the column.
    """
    while isinstance(one, AliasedReturnsRows) and (
        isinstance(one, TableSample) or not isinstance(one, Subquery | CTE)
    ):
        one = cast("FromClause", one.element)
    if not isinstance(one, TableClause):
        return False
    if TENANT_COLUMN not in one.c and one.name in _NAMES_OF_TENANTS:
        raise UnprovenStatement(f"{one} is named without its column {TENANT_COLUMN}")
    return TENANT_COLUMN in one.c


def _has_proven_tenant(one: FromClause) -> bool:
    """Whether a FROM is a subquery or CTE whose column `tenant_id` is the parameter or that of a
    table in it, which is proven there.
    """
    if not isinstance(one, Subquery | CTE):
        return False
    lists = [*_column_lists(one.element)]
    names = [getattr(column, "key", None) for column in lists[0]] if lists else []
    places = [place for place, name in enumerate(names) if name == TENANT_COLUMN]
    values = [columns[place] for columns in lists for place in places]
    return bool(values) and all(map(_is_tenant_value, values))


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
