"""The clauses of the repositories' statements, and mutants without one condition on the tenant."""

import pkgutil
import runpy
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import ClauseElement, true
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression

from customers.adapters import postgres
from customers.adapters.postgres.customers import counters, filters, member_pages, page_statements
from customers.adapters.postgres.customers.page_statements import PagePlan
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_proof import prove
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
)
from customers.adapters.postgres.segments import assignments, stale_candidates
from customers.core.model.customer_filter import CustomerFilter, DeletedCustomers, MembersOf
from customers.core.model.query import CustomerSort, SortDirection, SortField
from customers.core.model.search import Search

FILTERS = [
    CustomerFilter(search=Search.of("ada smith"), statuses=frozenset(), has_account=True),
    CustomerFilter(search=Search.of("+49 170 1234567"), deleted=DeletedCustomers.INCLUDE),
    CustomerFilter(email_key="a@b.example", tags=frozenset({"vip"})),
    CustomerFilter(members_of=MembersOf(segment_id=UUID(int=1))),
    CustomerFilter(assigned_to=UUID(int=1), not_assigned_to=UUID(int=2)),
    CustomerFilter(min_total_orders=3),
]
# One of each table, and one whose lists have two parts.
SORTS = [
    CustomerSort(),
    CustomerSort(by=SortField.TOTAL_SPENT),
    CustomerSort(by=SortField.LAST_ORDER_DATE, direction=SortDirection.ASC),
]


@cache
def all_clauses() -> Sequence[ClauseElement]:
    """The clauses of the repositories' statements: those that modules compile when they are
    imported, and those of `_compose`.
    """
    clauses: list[ClauseElement] = []
    compile_clause = Statement.of

    def collect(clause: ClauseElement) -> Statement:
        clauses.append(clause)
        return compile_clause(clause)

    modules = pkgutil.walk_packages(postgres.__path__, f"{postgres.__name__}.")
    with patch.object(Statement, "of", collect), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the modules are imported already
        for module in modules:
            if not (module.ispkg or ".schema." in module.name or ".engine." in module.name):
                runpy.run_module(module.name, run_name="collected")
        _compose()
    return clauses


def _compose() -> None:
    """Composes statements that are otherwise composed on demand; filtered ones, for FILTERS."""
    everyone = (filters.Condition("living", (true(),)),)
    for customer_filter, looks_up in product(FILTERS, (False, True)):
        values, plan = filters.values(customer_filter), PagePlan(looks_up=looks_up)
        for sort in SORTS:
            filters.statement(customer_filter, values, page_statements.page_after, sort, plan)
        filters.statement(customer_filter, values, page_statements.count, looks_up)
        prove(stale_candidates.select_mismatched(everyone, looks_up))
    for direction in SortDirection:
        for compose in (member_pages.page, member_pages.page_after):
            compose.__wrapped__(direction)
    for table in (customer_segment_members, customer_segment_assignments):
        assignments._remove_batch.__wrapped__(table)
    for shape in ((), ("statuses",), ("statuses", "types")):
        counters.total.__wrapped__(shape)


def tenant_conditions(clause: ClauseElement) -> Iterator[BinaryExpression[Any]]:
    """The comparisons of a clause that bind a table to the tenant."""
    conditions: dict[int, BinaryExpression[Any]] = {}
    for element in visitors.iterate(clause):
        if isinstance(element, BinaryExpression) and element.operator is operators.eq:
            sides = (element.left, element.right)
            if any(getattr(side, "name", "") == "tenant_id" for side in sides):
                conditions[id(element)] = element
    yield from conditions.values()


def without(clause: ClauseElement, condition: BinaryExpression[Any]) -> ClauseElement:
    """The clause with `true` in the place of a condition."""

    def replace(element: Any, **_: Any) -> Any:
        return true() if element is condition else None

    mutant = visitors.replacement_traverse(clause, {}, replace)
    assert isinstance(mutant, ClauseElement)
    return mutant
