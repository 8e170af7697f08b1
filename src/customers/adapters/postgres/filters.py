"""Which customers: a filter as the WHERE of a list, a count or an insert.

A statement is compiled once per shape of its filter (which of its fields are given, and the form
of its rule); the values of the fields travel by name, a rule's as literals of its clause.
"""

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Numeric,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    not_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ClauseElement, ColumnElement

from customers.adapters.postgres.rules import where
from customers.adapters.postgres.schema import MOMENT, TEXT, TEXTS, UUIDS
from customers.adapters.postgres.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
)
from customers.adapters.postgres.session import TENANT
from customers.adapters.postgres.statements import Statement
from customers.adapters.postgres.tables import LIVING, customers, email_ending, many_at
from customers.core.model.query import CustomerFilter, MembersOf


def statement(
    which: CustomerFilter, compose: Callable[..., ClauseElement], *parts: Hashable
) -> Statement:
    """What `compose(kept, *parts)` makes of the tenant's living customers that a filter keeps.

    `compose` is a function of a module, `parts` is all that its clause depends on besides; the
    statement is run with `values(which)`.
    """
    given = frozenset(values(which))
    if which.rule is None:
        return _of_shape(given, compose, parts)
    kept = and_(_kept(given), where(which.rule.rule, which.rule.now))
    return Statement.like(compose(kept, *parts))


def values(which: CustomerFilter) -> dict[str, object]:
    """The named values of a filter: of those of its fields that are given."""
    told = {
        **_looked_for(which.search),
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
    return Statement.of(compose(_kept(given), *parts), plans_anew=bool(given))


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


def _looked_for(search: str) -> dict[str, object]:
    """A part of an e-mail with its @ is looked up by what stands before it: what follows is
    everybody's, and its trigrams rule out hardly anyone.
    """
    begin, at, _ = search.partition("@")
    if at and len(begin) >= _LONG_ENOUGH:
        return {"email_ending": f"{_literal(begin[::-1])}%", "email_part": search}
    return {"search": f"%{_literal(search)}%"} if search else {}


def _of_email_part() -> CompoundSelect[Any]:
    """Looked up first, whatever the planner expects: it takes them for many more than they are."""
    has_part = func.strpos(_found.search_text, bindparam("email_part", type_=TEXT)) > 0
    living = select(_found.id).where(_found.tenant_id == TENANT, _found.deleted_at.is_(None))
    ending = email_ending(_found).like(bindparam("email_ending", type_=TEXT))
    return union_all(living.where(ending, has_part), living.where(many_at(_found), has_part))


def _literal(text: str) -> str:
    """A LIKE pattern in which every character is itself."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def _assigned(name: str) -> Select[Any]:
    put = customer_segment_assignments.c
    here = (put.tenant_id == TENANT, put.segment_id == bindparam(name, type_=Uuid()))
    return select(put.customer_id).where(*here)


# What is shorter ends too many local parts.
_LONG_ENOUGH = 3

_of, _found = customers.c, customers.alias("found").c
_member = customer_segment_members.c
# The stored members of a segment, those who are not, and those who are besides.
STORED = and_(
    _member.tenant_id == TENANT, _member.segment_id == bindparam("members_of", type_=Uuid())
)
WITHOUT = bindparam("without", type_=UUIDS)
PLUS = bindparam("plus", type_=UUIDS)
_CLAUSES: Mapping[str, ColumnElement[bool]] = {
    "search": _of.search_text.like(bindparam("search", type_=TEXT)),
    "email_part": _of.id == any_(func.array(_of_email_part().scalar_subquery())),
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
