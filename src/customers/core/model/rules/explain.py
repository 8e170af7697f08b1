"""Why a rule says what it says of a customer: its tree again, with a verdict in every place.

What was expected is told as it was written, what was found as the customer has it; both unfolded.
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
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.matches import matches
from customers.core.model.rules.timing import date_of, next_change
from customers.core.model.rules.tree import Condition, Group, Logic, Rule
from customers.core.model.rules.unwrap import unwrap

Actual: TypeAlias = str | bool | int | Decimal | date | datetime | Sequence[str] | None


@frozen(kw_only=True)
class ExplainedCondition:
    """A condition: what was expected, what was found, and when time alone next changes it."""

    field: Field
    operator: Operator
    expected: object
    actual: Actual
    matches: bool
    changes_at: datetime | None


@frozen(kw_only=True)
class ExplainedGroup:
    """A group, and all that is in it, in the order in which it was written."""

    logic: Logic
    matches: bool
    conditions: Sequence["ExplainedGroup | ExplainedCondition"]


def explain(rule: Rule, written: object, customer: Customer, now: datetime) -> ExplainedGroup:
    """The rule's verdict on a customer at a moment, place by place.

    `written` is the decoded JSON value that was parsed to the rule. A rule without a condition
    matches nobody, whatever its logic.
    """
    value = unwrap(written, JsonPointer(), Problems())
    explained = _group(rule.root, _items(value), customer, now)
    return evolve(explained, matches=matches(rule, customer, now))


def _group(
    group: Group, written: Sequence[Any], customer: Customer, now: datetime
) -> ExplainedGroup:
    inside = [
        _group(each, _items(item), customer, now)
        if isinstance(each, Group)
        else _condition(each, item, customer, now)
        for each, item in zip(group.members, written, strict=True)
    ]
    verdicts = [each.matches for each in inside]
    return ExplainedGroup(
        logic=group.logic, matches=_JOINED[group.logic](verdicts), conditions=tuple(inside)
    )


def _condition(
    condition: Condition, written: Any, customer: Customer, now: datetime
) -> ExplainedCondition:
    alone = Rule(root=Group(members=(condition,)))
    return ExplainedCondition(
        field=condition.field,
        operator=condition.operator,
        expected=None if condition.operand is None else written["value"],
        actual=_actual(condition.field, customer, now),
        matches=matches(alone, customer, now),
        changes_at=next_change(alone, customer, now),
    )


def _items(written: Any) -> Sequence[Any]:
    """What is written inside a group; a condition alone stands for a group of one."""
    if written is None:
        return ()
    if isinstance(written, dict):
        return next((written[key] for key in ("conditions", "rules") if key in written), [written])
    return cast(Sequence[Any], written)


def _actual(field: Field, customer: Customer, now: datetime) -> Actual:
    """The customer's value as the service shows it; an age in whole days."""
    if field is Field.HAS_ACCOUNT:
        return customer.user_id is not None
    if field.kind is Kind.AGE:
        moment = date_of(field).of(customer)
        return None if moment is None else age(moment, now)
    if field in _OF_STATISTICS:
        return cast(Actual, getattr(customer.statistics, field.value))
    return cast(Actual, getattr(customer, field.value))


_JOINED: dict[Logic, Callable[[Sequence[bool]], bool]] = {
    Logic.AND: all,
    Logic.OR: any,
    Logic.NOT: lambda verdicts: not any(verdicts),
}
_OF_STATISTICS = frozenset(
    {
        Field.TOTAL_ORDERS,
        Field.TOTAL_SPENT,
        Field.AVERAGE_ORDER_VALUE,
        Field.LIFETIME_VALUE,
        Field.FIRST_ORDER_DATE,
        Field.LAST_ORDER_DATE,
    }
)
