"""A customer filter as the conditions of a list, a count, or a comparison with stored members.

A statement is compiled once per shape of its filter: which of its fields are set, and the form of
its rule. The values of the fields are parameters, those of a rule are literals of its clause.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from attrs import frozen
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Integer,
    Numeric,
    Select,
    Table,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    not_,
    select,
    union_all,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.rows import WITH_STATISTICS
from customers.adapters.postgres.customers.rule_predicates import where
from customers.adapters.postgres.customers.search_predicates import (
    NOTHING_LOOKED_UP,
    LookedUp,
    search_condition,
    search_values,
)
from customers.adapters.postgres.engine.planning import for_its_values
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
)
from customers.adapters.postgres.schema.statistics_table import (
    INDEXED_DATES,
    MINUS_INFINITY,
    customer_statistics,
)
from customers.adapters.postgres.schema.tables import (
    DELETED,
    HAS_ACCOUNT,
    HAS_OPTED_IN,
    IS_VERIFIED,
    LIVING,
    customers,
)
from customers.adapters.postgres.schema.types import MOMENT, TEXT, TEXTS, UUIDS
from customers.core.model.customer_filter import CustomerFilter, MembersOf


def _mentions(clause: ColumnElement[bool], table: Table) -> bool:
    return any(getattr(one, "table", None) is table for one in visitors.iterate(clause))


def _by_statistics(clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """The clause, with the columns of statistics in place of the columns of customers that they
    repeat.
    """
    return visitors.replacement_traverse(clause, {}, _repeated)


def _repeated(element: Any, **_: Any) -> Any:
    return _REPEATED.get(element)


@frozen(eq=False)
class Condition:
    """What a filter demands of the customers of one group, living or deleted ones. Equals only
    itself: clauses cannot be compared.
    """

    group: str
    clauses: Sequence[ColumnElement[bool]]

    def of_both(self) -> ColumnElement[bool]:
        """The condition on a row of `customers` and the row of statistics, which it joins."""
        own = (*_in_group(self.group), WITH_STATISTICS, *self.clauses)
        return and_(*own, _statistics.is_living) if self.group == "living" else and_(*own)

    def of_one(self, table: Table) -> ColumnElement[bool] | None:
        """The condition on a row of one of the two tables; None if it needs the other one, too."""
        if table is customers:
            if any(_mentions(clause, customer_statistics) for clause in self.clauses):
                return None
            return and_(*_in_group(self.group), *self.clauses)
        clauses = [_by_statistics(clause) for clause in self.clauses]
        if self.group != "living" or any(_mentions(clause, customers) for clause in clauses):
            return None
        return and_(_statistics.tenant_id == TENANT, _statistics.is_living, *clauses)


Conditions: TypeAlias = tuple[Condition, ...]


def statement(
    customer_filter: CustomerFilter,
    values: Mapping[str, object],
    compose: Callable[..., Select[Any]],
    *arguments: Hashable,
) -> Statement:
    """The statement of the clause `compose(conditions, *arguments)`.

    `conditions` has one condition for the living customers of the tenant that the filter keeps, one
    for the deleted customers, or both.

    `values` are the parameters of the filter, with which the statement is run. `compose` is a
    module-level function whose clause depends on nothing but its arguments.
    """
    names, groups = frozenset(values), _groups(customer_filter)
    if customer_filter.rule is None:
        return _of_shape(names, groups, compose, arguments)
    rule, now = customer_filter.rule.rule, customer_filter.rule.now
    conditions = _conditions(names, groups, where(rule, now))
    return Statement.like(compose(conditions, *arguments))


def values(
    customer_filter: CustomerFilter, looked_up: LookedUp = NOTHING_LOOKED_UP
) -> dict[str, object]:
    """The parameters of the filter's fields that are set; `looked_up` has the customers that were
    looked up for its search.
    """
    search = customer_filter.search
    parameters = {
        **({} if search is None else search_values(search, looked_up)),
        **_choices("status", customer_filter.statuses),
        **_choices("customer_type", customer_filter.types),
        **_choices("country_code", customer_filter.country_codes),
        "tags": sorted(customer_filter.tags) or None,
        **{name: getattr(customer_filter, name) for name in _SINGLE_VALUES},
        **_members(customer_filter.members_of),
    }
    return {name: value for name, value in parameters.items() if value is not None}


def conditions(customer_filter: CustomerFilter, values: Mapping[str, object]) -> Conditions:
    """The conditions of a filter without a rule; see `statement`. The same objects for all filters
    that set the same fields.
    """
    return _conditions_of_shape(frozenset(values), _groups(customer_filter))


@lru_cache(maxsize=1024)
def _of_shape(
    names: frozenset[str],
    groups: tuple[str, ...],
    compose: Callable[..., Select[Any]],
    arguments: tuple[Hashable, ...],
) -> Statement:
    clause = compose(_conditions_of_shape(names, groups), *arguments)
    return Statement.of(clause if has_one_plan(names) else for_its_values(clause))


def has_one_plan(names: Collection[str]) -> bool:
    """Whether one plan fits all values of a filter with these parameters."""
    return _ONE_PLAN.issuperset(names)


@lru_cache(maxsize=1024)
def _conditions_of_shape(names: frozenset[str], groups: tuple[str, ...]) -> Conditions:
    return _conditions(names, groups)


def _conditions(
    names: frozenset[str], groups: Sequence[str], *clauses: ColumnElement[bool]
) -> Conditions:
    own = [clause for name, clause in CLAUSES.items() if name in names]
    if (search := search_condition(names)) is not None:
        own.append(search)
    clauses = (*own, *clauses)
    if "email_key" not in names:
        return tuple(Condition(group, clauses) for group in groups)
    return tuple(Condition(group, (_WITH_EMAIL[group], *clauses)) for group in groups)


def _in_group(group: str) -> tuple[ColumnElement[bool], ...]:
    return customers.c.tenant_id == TENANT, _GROUPS[group]


def _groups(customer_filter: CustomerFilter) -> tuple[str, ...]:
    """The groups, "living" and "deleted", in which the filter can find customers."""
    finds = {"living": customer_filter.finds_living, "deleted": customer_filter.finds_deleted}
    return tuple(group for group in finds if finds[group])


def _choices(name: str, options: Collection[str]) -> dict[str, object]:
    """The parameter of a field with these options, if any. A single option is compared by `=`,
    because an index then returns rows in order.
    """
    if len(options) == 1:
        return {name: min(options)}
    return {f"{name}_any": sorted(options) or None}


def _members(members: MembersOf | None) -> dict[str, object]:
    if members is None:
        return {}
    return {
        "members_of": members.segment_id,
        "without": list(members.without),
        "plus": list(members.plus),
    }


def _flag(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer())


def _assigned(name: str) -> Select[Any]:
    assignment = customer_segment_assignments.c
    return select(assignment.customer_id).where(
        assignment.tenant_id == TENANT, assignment.segment_id == bindparam(name, type_=Uuid())
    )


# The fields that are one parameter each, under their own names.
_SINGLE_VALUES = (
    "email_key marketing_opt_in email_verified has_account created_from created_to updated_from "
    "updated_to last_order_from last_order_to min_total_orders max_total_orders min_total_spent "
    "max_total_spent assigned_to not_assigned_to"
).split()

_statistics = customer_statistics.c
_GROUPS = {"living": LIVING, "deleted": DELETED}
_REPEATED = {
    customers.c.id: _statistics.customer_id,
    customers.c.created_at: _statistics.created_at,
    customers.c.status: _statistics.status,
    customers.c.customer_type: _statistics.customer_type,
}

_HAS_EMAIL = customers.c.email_key == bindparam("email_key", type_=TEXT)
_WITH_EMAIL_KEY = select(customers.c.id).where(*_in_group("living"), _HAS_EMAIL).correlate(None)
# The server has no statistics of e-mail addresses: it would expect thousands of customers with the
# same one, and look for them along the index of the sort. So the customer is looked up first.
_WITH_EMAIL = {
    "living": customers.c.id == any_(func.array(_WITH_EMAIL_KEY.scalar_subquery(), type_=UUIDS)),
    "deleted": _HAS_EMAIL,
}

# Parameters on whose values the best plan does not depend: with them customers are looked up by id.
_ONE_PLAN = frozenset({"candidates", "part"})

_customer = customers.c
_LAST_ORDER = INDEXED_DATES["last_order_date"]
_member = customer_segment_members.c
# `MembersOf` as SQL: the stored members of a segment, the ids to leave out, and the ids to add.
OF_SEGMENT = and_(
    _member.tenant_id == TENANT, _member.segment_id == bindparam("members_of", type_=Uuid())
)
WITHOUT = bindparam("without", type_=UUIDS)
PLUS = bindparam("plus", type_=UUIDS)
CLAUSES: Mapping[str, ColumnElement[bool]] = {
    "status": _customer.status == bindparam("status", type_=TEXT),
    "status_any": _customer.status == any_(bindparam("status_any", type_=TEXTS)),
    "customer_type": _customer.customer_type == bindparam("customer_type", type_=TEXT),
    "customer_type_any": (
        _customer.customer_type == any_(bindparam("customer_type_any", type_=TEXTS))
    ),
    "tags": _customer.tags_folded.contains(bindparam("tags", type_=TEXTS)),
    "country_code": _customer.country_code == bindparam("country_code", type_=TEXT),
    "country_code_any": _customer.country_code == any_(bindparam("country_code_any", type_=TEXTS)),
    "marketing_opt_in": _flag("marketing_opt_in") == HAS_OPTED_IN,
    "email_verified": _flag("email_verified") == IS_VERIFIED,
    "has_account": _flag("has_account") == HAS_ACCOUNT,
    "updated_from": _statistics.updated_at >= bindparam("updated_from", type_=MOMENT),
    "updated_to": _statistics.updated_at <= bindparam("updated_to", type_=MOMENT),
    "last_order_from": bindparam("last_order_from", type_=MOMENT) <= _LAST_ORDER,
    "last_order_to": and_(
        bindparam("last_order_to", type_=MOMENT) >= _LAST_ORDER, _LAST_ORDER > MINUS_INFINITY
    ),
    "min_total_orders": (
        _statistics.total_orders >= bindparam("min_total_orders", type_=BigInteger())
    ),
    "max_total_orders": (
        _statistics.total_orders <= bindparam("max_total_orders", type_=BigInteger())
    ),
    "created_from": _customer.created_at >= bindparam("created_from", type_=MOMENT),
    "created_to": _customer.created_at <= bindparam("created_to", type_=MOMENT),
    "min_total_spent": _statistics.total_spent >= bindparam("min_total_spent", type_=Numeric()),
    "max_total_spent": _statistics.total_spent <= bindparam("max_total_spent", type_=Numeric()),
    "assigned_to": _customer.id.in_(_assigned("assigned_to")),
    "not_assigned_to": _customer.id.not_in(_assigned("not_assigned_to")),
    "members_of": _customer.id.in_(
        union_all(
            select(_member.customer_id).where(
                OF_SEGMENT, not_(_member.customer_id == any_(WITHOUT))
            ),
            select(func.unnest(PLUS)),
        )
    ),
}
