"""Which customers: a filter as the WHERE of a list, a count or an insert.

A statement is compiled once per shape of its filter (which of its fields are given, and the form
of its rule); the values of the fields travel by name, a rule's as literals of its clause.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import Any

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
    given = frozenset(name for name in _CLAUSES if _is_given(getattr(which, name)))
    if which.rule is None:
        return _of_shape(given, compose, parts)
    kept = and_(_kept(given), where(which.rule.rule, which.rule.now))
    return Statement.like(compose(kept, *parts))


def values(which: CustomerFilter) -> dict[str, object]:
    """The named values of a filter."""
    told = ((name, getattr(which, name)) for name in _CLAUSES)
    return {name: _VALUES.get(name, _as_it_is)(value) for name, value in told if _is_given(value)}


@lru_cache(maxsize=1024)
def _of_shape(
    given: frozenset[str], compose: Callable[..., ClauseElement], parts: tuple[Hashable, ...]
) -> Statement:
    return Statement.of(compose(_kept(given), *parts))


def _kept(given: frozenset[str]) -> ColumnElement[bool]:
    clauses = (clause for name, clause in _CLAUSES.items() if name in given)
    return and_(customers.c.tenant_id == TENANT, LIVING, *clauses)


def _is_given(value: object) -> bool:
    return value not in (None, "", frozenset())


def _as_it_is(value: object) -> object:
    return value


def _containing(search: str) -> str:
    """A LIKE pattern in which every character of the search is itself."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", search) + "%"


_of = customers.c
_CLAUSES: Mapping[str, ColumnElement[bool]] = {
    "search": _of.search_text.like(bindparam("search", type_=TEXT)),
    "statuses": _of.status == any_(bindparam("statuses", type_=TEXTS)),
    "types": _of.customer_type == any_(bindparam("types", type_=TEXTS)),
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
_VALUES: Mapping[str, Callable[[Any], object]] = {
    "search": _containing,
    "statuses": sorted,
    "types": sorted,
    "tags": sorted,
}
