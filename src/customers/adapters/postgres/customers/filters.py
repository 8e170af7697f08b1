"""Which customers: a filter as the WHERE of a list, a count or an insert.

A statement is compiled once per shape of its filter (which of its fields are given, and the form
of its rule); the values of the fields travel by name, a rule's as literals of its clause.
"""

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Numeric, Select, Uuid, and_, any_, bindparam, func, not_, select, union_all
from sqlalchemy.sql.elements import ClauseElement, ColumnElement

from customers.adapters.postgres.customers.rule_predicates import where
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
)
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT, TEXTS, UUIDS
from customers.core.model.query import CustomerFilter, MembersOf


def statement(
    which: CustomerFilter,
    told: Mapping[str, object],
    compose: Callable[..., ClauseElement],
    *parts: Hashable,
) -> Statement:
    """What `compose(kept, *parts)` makes of the tenant's living customers that a filter keeps.

    `told` are the values of the filter, with which the statement is run; `compose` is a function of
    a module, `parts` is all that its clause depends on besides.
    """
    given = frozenset(told)
    if which.rule is None:
        return _of_shape(given, compose, parts)
    kept = and_(_kept(given), where(which.rule.rule, which.rule.now))
    return Statement.like(compose(kept, *parts))


def values(which: CustomerFilter, candidates: Sequence[UUID] | None = None) -> dict[str, object]:
    """The named values of a filter: of those of its fields that are given.

    `candidates` are customers among whom are all that its search finds, where those are known.
    """
    told = {
        **_looked_for(which.search, candidates),
        **_choices("status", which.statuses),
        **_choices("customer_type", which.types),
        "tags": sorted(which.tags) or None,
        "created_from": which.created_from,
        "created_to": which.created_to,
        "min_total_spent": which.min_total_spent,
        "max_total_spent": which.max_total_spent,
        "assigned_to": which.assigned_to,
        "not_assigned_to": which.not_assigned_to,
        **_members(which.members_of),
    }
    return {name: value for name, value in told.items() if value is not None}


@lru_cache(maxsize=1024)
def _of_shape(
    given: frozenset[str], compose: Callable[..., ClauseElement], parts: tuple[Hashable, ...]
) -> Statement:
    return Statement.of(compose(_kept(given), *parts), plans_anew=bool(given - _FEW))


def _kept(given: frozenset[str]) -> ColumnElement[bool]:
    clauses = (clause for name, clause in _CLAUSES.items() if name in given)
    return and_(customers.c.tenant_id == TENANT, LIVING, *clauses)


def _choices(name: str, chosen: Collection[str]) -> dict[str, object]:
    """One choice is a value of its own, because an index gives those in order."""
    return {name: min(chosen)} if len(chosen) == 1 else {f"{name}_any": sorted(chosen) or None}


def _members(members: MembersOf | None) -> dict[str, object]:
    if members is None:
        return {}
    return {
        "members_of": members.segment_id,
        "without": list(members.without),
        "plus": list(members.plus),
    }


def _looked_for(search: str, candidates: Sequence[UUID] | None) -> dict[str, object]:
    if candidates is not None:
        return {"candidates": candidates, "part": search}
    return {"search": _containing(search) if search else None}


def _containing(search: str) -> str:
    """A LIKE pattern in which every character of the search is itself."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", search) + "%"


def _assigned(name: str) -> Select[Any]:
    put = customer_segment_assignments.c
    here = (put.tenant_id == TENANT, put.segment_id == bindparam(name, type_=Uuid()))
    return select(put.customer_id).where(*here)


# Customers who are looked up one by one: the same plan is the best whoever they are.
_FEW = frozenset({"candidates", "part"})

_of = customers.c
_member = customer_segment_members.c
# The stored members of a segment, those who are not, and those who are besides.
STORED = and_(
    _member.tenant_id == TENANT, _member.segment_id == bindparam("members_of", type_=Uuid())
)
WITHOUT = bindparam("without", type_=UUIDS)
PLUS = bindparam("plus", type_=UUIDS)
_CLAUSES: Mapping[str, ColumnElement[bool]] = {
    "search": _of.search_text.like(bindparam("search", type_=TEXT)),
    "candidates": _of.id == any_(bindparam("candidates", type_=UUIDS)),
    "part": func.strpos(_of.search_text, bindparam("part", type_=TEXT)) > 0,
    "status": _of.status == bindparam("status", type_=TEXT),
    "status_any": _of.status == any_(bindparam("status_any", type_=TEXTS)),
    "customer_type": _of.customer_type == bindparam("customer_type", type_=TEXT),
    "customer_type_any": _of.customer_type == any_(bindparam("customer_type_any", type_=TEXTS)),
    "tags": _of.tags_folded.contains(bindparam("tags", type_=TEXTS)),
    "created_from": _of.created_at >= bindparam("created_from", type_=MOMENT),
    "created_to": _of.created_at <= bindparam("created_to", type_=MOMENT),
    "min_total_spent": _of.total_spent >= bindparam("min_total_spent", type_=Numeric()),
    "max_total_spent": _of.total_spent <= bindparam("max_total_spent", type_=Numeric()),
    "assigned_to": _of.id.in_(_assigned("assigned_to")),
    "not_assigned_to": _of.id.not_in(_assigned("not_assigned_to")),
    "members_of": _of.id.in_(
        union_all(
            select(_member.customer_id).where(STORED, not_(_member.customer_id == any_(WITHOUT))),
            select(func.unnest(PLUS)),
        )
    ),
}
