"""Which customers: a filter as the WHERE of a list, a count or an insert.

A statement is compiled once per shape of its filter (which of its fields are given, and the form
of its rule); the values of the fields travel by name, a rule's as literals of its clause.
"""

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from functools import lru_cache

from sqlalchemy import Numeric, Uuid, and_, any_, bindparam, exists, select
from sqlalchemy.sql.elements import ClauseElement, ColumnElement

from customers.adapters.postgres.rules import where
from customers.adapters.postgres.schema import MOMENT, TEXT, TEXTS
from customers.adapters.postgres.session import TENANT
from customers.adapters.postgres.statements import Statement
from customers.adapters.postgres.tables import LIVING, customers
from customers.adapters.postgres.tables import customer_segment_members as _members
from customers.core.model.query import CustomerFilter


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
        "search": _containing(which.search) if which.search else None,
        **_choices("status", which.statuses),
        **_choices("customer_type", which.types),
        "tags": sorted(which.tags) or None,
        "created_from": which.created_from,
        "created_to": which.created_to,
        "min_total_spent": which.min_total_spent,
        "max_total_spent": which.max_total_spent,
        "member_of": which.member_of,
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


def _containing(search: str) -> str:
    """A LIKE pattern in which every character of the search is itself."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", search) + "%"


_of = customers.c
_CLAUSES: Mapping[str, ColumnElement[bool]] = {
    "search": _of.search_text.like(bindparam("search", type_=TEXT)),
    "status": _of.status == bindparam("status", type_=TEXT),
    "status_any": _of.status == any_(bindparam("status_any", type_=TEXTS)),
    "customer_type": _of.customer_type == bindparam("customer_type", type_=TEXT),
    "customer_type_any": _of.customer_type == any_(bindparam("customer_type_any", type_=TEXTS)),
    "tags": _of.tags_folded.contains(bindparam("tags", type_=TEXTS)),
    "created_from": _of.created_at >= bindparam("created_from", type_=MOMENT),
    "created_to": _of.created_at <= bindparam("created_to", type_=MOMENT),
    "min_total_spent": _of.total_spent >= bindparam("min_total_spent", type_=Numeric()),
    "max_total_spent": _of.total_spent <= bindparam("max_total_spent", type_=Numeric()),
    "member_of": exists(
        select(_members.c.customer_id).where(
            _members.c.tenant_id == TENANT,
            _members.c.segment_id == bindparam("member_of", type_=Uuid()),
            _members.c.customer_id == _of.id,
        )
    ),
}
