"""Explains a rule for one customer: the tree of the rule with a result for every condition.

Expected values are shown as the caller wrote them, actual ones as the customer has them; neither is
folded.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast

from attrs import evolve, frozen

from customers.core.model.customer import Customer
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import Problems
from customers.core.model.rules.days import age
from customers.core.model.rules.embedded_json import decode_embedded_json
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.matches import matches
from customers.core.model.rules.timing import date_of, next_change
from customers.core.model.rules.tree import Condition, Group, Logic, Rule

Actual: TypeAlias = str | bool | int | Decimal | date | datetime | Sequence[str] | None


@frozen(kw_only=True)
class ExplainedCondition:
    """A condition with the expected and the actual value. `changes_at` is when time alone next
    changes the result; None if it never does.
    """

    field: Field
    operator: Operator
    expected: object
    actual: Actual
    matches: bool
    changes_at: datetime | None


@frozen(kw_only=True)
class ExplainedGroup:
    """A group with its explained members, in the order in which they were written."""

    logic: Logic
    matches: bool
    conditions: Sequence["ExplainedGroup | ExplainedCondition"]


def explain(rule: Rule, rules_value: object, customer: Customer, now: datetime) -> ExplainedGroup:
    """Explains which conditions of a rule a customer matches at a moment.

    `rules_value` is the decoded JSON value from which the rule was parsed.
    """
    value = decode_embedded_json(rules_value, JsonPointer(), Problems(), allows_repeats=True)
    explained = _group(rule.root, _items(value), customer, now)
    # A rule without conditions matches nobody, but its empty group may hold.
    return evolve(explained, matches=matches(rule, customer, now))


def _group(group: Group, items: Sequence[Any], customer: Customer, now: datetime) -> ExplainedGroup:
    members = [
        _group(member, _items(item), customer, now)
        if isinstance(member, Group)
        else _condition(member, item, customer, now)
        for member, item in zip(group.members, items, strict=True)
    ]
    results = [member.matches for member in members]
    return ExplainedGroup(
        logic=group.logic, matches=_LOGIC[group.logic](results), conditions=tuple(members)
    )


def _condition(
    condition: Condition, item: Any, customer: Customer, now: datetime
) -> ExplainedCondition:
    rule = Rule(root=Group(members=(condition,)))
    return ExplainedCondition(
        field=condition.field,
        operator=condition.operator,
        expected=None if condition.operand is None else item["value"],
        actual=_actual(condition.field, customer, now),
        matches=matches(rule, customer, now),
        changes_at=next_change(rule, customer, now),
    )


def _items(value: Any) -> Sequence[Any]:
    """The JSON values of a group's members; a single condition is the only member of its group."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return next((value[key] for key in ("conditions", "rules") if key in value), [value])
    return cast(Sequence[Any], value)


def _actual(field: Field, customer: Customer, now: datetime) -> Actual:
    """The value of a customer's field, as answers show it; an age is in whole days."""
    if field is Field.HAS_ACCOUNT:
        return customer.user_id is not None
    if field.kind is Kind.AGE:
        moment = date_of(field).of(customer)
        return None if moment is None else age(moment, now)
    if field in _STATISTICS_FIELDS:
        return cast(Actual, getattr(customer.statistics, field.value))
    return cast(Actual, getattr(customer, field.value))


_LOGIC: dict[Logic, Callable[[Sequence[bool]], bool]] = {
    Logic.AND: all,
    Logic.OR: any,
    Logic.NOT: lambda results: not any(results),
}
_STATISTICS_FIELDS = frozenset(
    {
        Field.TOTAL_ORDERS,
        Field.TOTAL_SPENT,
        Field.AVERAGE_ORDER_VALUE,
        Field.LIFETIME_VALUE,
        Field.FIRST_ORDER_DATE,
        Field.LAST_ORDER_DATE,
    }
)
