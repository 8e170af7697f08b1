"""Explanations: the tree of a rule with expected and actual values and results."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.rules.explain import ExplainedCondition, ExplainedGroup, explain
from customers.core.model.rules.fields import Field, operators_of
from customers.core.model.rules.matches import matches
from customers.core.model.rules.parse import parse
from customers.core.model.rules.timing import next_change
from customers.core.model.rules.tree import Condition, Group, Logic, Rule
from customers.core.model.segment import decode_rules
from tests.support.builders import a_customer, some_statistics
from tests.support.golden_rules import CUSTOMERS, VECTORS, Vector
from tests.support.golden_rules import NOW as GOLDEN_NOW
from tests.support.rule_strategies import NOW, customers, written_rules

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
FAR_AWAY = NOW + 90_000 * DAY
SPENT = '{"field": "totalSpent", "operator": "greaterThan", "value": "1e3"}'
NAMED = '{"field": "last_name", "operator": "isNull", "value": ["ignored"]}'


def explained(text: str, customer: Customer | None = None, now: datetime = NOW) -> ExplainedGroup:
    """The explanation of a rule in JSON."""
    written = decode_rules(text)
    return explain(parse(written), written, customer or a_customer(), now)


def explained_condition(
    field: str, operator: str, value: object, customer: Customer
) -> ExplainedCondition:
    text = json.dumps([{"field": field, "operator": operator, "value": value}])
    (result,) = explained(text, customer).conditions
    assert isinstance(result, ExplainedCondition)
    return result


def conditions(group: Any) -> Iterator[Any]:
    """The conditions of a tree or of its explanation, in order."""
    for member in group.members if isinstance(group, Group) else group.conditions:
        if isinstance(member, Group | ExplainedGroup):
            yield from conditions(member)
        else:
            yield member


def written_values(written: Any) -> Iterator[object]:
    """The values of the conditions of a rule in JSON, in order."""
    if isinstance(written, str):
        written = json.loads(written, parse_float=Decimal)
    if isinstance(written, dict) and "field" in written:
        yield written["value"]
    elif isinstance(written, dict):
        yield from written_values(written.get("conditions", written.get("rules")))
    else:
        for item in written or ():
            yield from written_values(item)


def shape(group: Any) -> Any:
    """Logics, fields and operators of a tree or of its explanation."""
    members: Sequence[Any] = group.members if isinstance(group, Group) else group.conditions
    return group.logic, [
        shape(member)
        if isinstance(member, Group | ExplainedGroup)
        else (member.field, member.operator)
        for member in members
    ]


def holds(group: ExplainedGroup) -> bool:
    """Whether a group holds by the results of its members."""
    results = [member.matches for member in group.conditions]
    if group.logic is Logic.AND:
        return all(results)
    return any(results) is (group.logic is Logic.OR)


def rule_of(condition: Condition) -> Rule:
    return Rule(root=Group(members=(condition,)))


@given(written_rules(), customers())
def test_an_explanation_has_the_tree_and_the_result_of_the_rule(
    written: Any, customer: Customer
) -> None:
    rule = parse(written)

    explanation = explain(rule, written, customer, NOW)

    assert shape(explanation) == shape(rule.root)
    assert explanation.matches is matches(rule, customer, NOW)


@given(written_rules(), customers())
def test_the_result_of_a_group_follows_from_its_members(written: Any, customer: Customer) -> None:
    def check(group: ExplainedGroup) -> None:
        assert group.matches is holds(group)
        for member in group.conditions:
            if isinstance(member, ExplainedGroup):
                check(member)

    rule = parse(written)
    if not rule.is_empty:
        check(explain(rule, written, customer, NOW))


@given(written_rules(), customers())
def test_the_expected_value_is_the_written_one(written: Any, customer: Customer) -> None:
    results = conditions(explain(parse(written), written, customer, NOW))

    for value, result in zip(written_values(written), results, strict=True):
        assert result.expected == (None if result.operator.startswith("is_") else value)


@given(written_rules(), customers())
def test_a_condition_keeps_its_result_until_it_changes(written: Any, customer: Customer) -> None:
    rule = parse(written)
    results = conditions(explain(rule, written, customer, NOW))

    for condition, result in zip(conditions(rule.root), results, strict=True):
        assert result.matches is matches(rule_of(condition), customer, NOW)
        assert result.changes_at == next_change(rule_of(condition), customer, NOW)
        if result.changes_at is None:
            assert matches(rule_of(condition), customer, FAR_AWAY) is result.matches
        else:
            before = result.changes_at - INSTANT
            assert matches(rule_of(condition), customer, before) is result.matches
            assert matches(rule_of(condition), customer, result.changes_at) is not result.matches


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_explanations_of_golden_rules_match_their_members(vector: Vector) -> None:
    rule = parse(vector.rule)

    members = {
        name
        for name, customer in CUSTOMERS.items()
        if explain(rule, vector.rule, customer, GOLDEN_NOW).matches
    }

    assert members == vector.members


@pytest.mark.parametrize(
    ("text", "logic"),
    [
        (f'{{"conditions": [{SPENT}, {NAMED}], "logic": "or"}}', Logic.OR),
        (f'{{"logicalOperator": "NOT", "rules": [{SPENT}, {NAMED}]}}', Logic.NOT),
        (f"[{SPENT}, {NAMED}]", Logic.AND),
        (json.dumps(f'{{"rules": [{SPENT}, {NAMED}]}}'), Logic.AND),
        (json.dumps(f"[{SPENT}, {NAMED}]"), Logic.AND),
    ],
)
def test_every_form_of_a_rule_has_the_same_explanation(text: str, logic: Logic) -> None:
    explanation = explained(text)

    assert explanation.logic is logic
    assert [(item.field, item.operator, item.expected) for item in conditions(explanation)] == [
        ("total_spent", "gt", "1e3"),
        ("last_name", "is_empty", None),
    ]


@pytest.mark.parametrize("text", [NAMED, json.dumps(NAMED)])
def test_a_single_condition_is_explained_as_a_group_of_one(text: str) -> None:
    explanation = explained(text, a_customer(last_name=""))

    assert (explanation.logic, explanation.matches, len(explanation.conditions)) == (
        Logic.AND,
        True,
        1,
    )


@pytest.mark.parametrize("text", ["null", "[]", '""', '"null"', '{"logic": "NOT", "rules": []}'])
def test_a_rule_without_conditions_matches_nobody(text: str) -> None:
    explanation = explained(text)

    assert (explanation.matches, explanation.conditions) == (False, ())


def test_empty_groups_hold_by_their_logic() -> None:
    groups = ", ".join(f'{{"conditions": [], "logic": "{logic}"}}' for logic in Logic)

    explanation = explained(f"[{SPENT}, {groups}]")

    assert [item.matches for item in explanation.conditions[1:]] == [True, False, True]


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("first_name", "eq", "  STRASSE "),
        ("total_orders", "in", [1, "2"]),
        ("email_verified", "eq", "TRUE"),
        ("status", "neq", "blocked"),
        ("date_of_birth", "before", "1990-01-31T00:00:00Z"),
        ("created_at", "after", "2026-01-01T00:00:00+01:00"),
        ("tags", "has_any", ["VIP", "vip"]),
    ],
)
def test_the_expected_value_is_not_folded(field: str, operator: str, value: object) -> None:
    assert explained_condition(field, operator, value, a_customer()).expected == value


@pytest.mark.parametrize(
    ("text", "expected"), [("1000.00", Decimal("1000.00")), ("1000", 1000), ('"1e3"', "1e3")]
)
def test_an_expected_number_is_the_written_one(text: str, expected: object) -> None:
    explanation = explained(f'[{{"field": "total_spent", "operator": "eq", "value": {text}}}]')

    (condition,) = conditions(explanation)

    assert (str(condition.expected), type(condition.expected)) == (str(expected), type(expected))


@pytest.mark.parametrize(
    ("field", "actual"),
    [
        (Field.EMAIL, "Ann@Example.test"),
        (Field.FIRST_NAME, "Straße"),
        (Field.LAST_NAME, ""),
        (Field.PHONE, "+1 555"),
        (Field.COUNTRY, "Österreich"),
        (Field.COUNTRY_CODE, "AT"),
        (Field.NOTES, "Likes 50% off"),
        (Field.STATUS, CustomerStatus.BLOCKED),
        (Field.CUSTOMER_TYPE, CustomerType.VIP),
        (Field.TOTAL_ORDERS, 2),
        (Field.TOTAL_SPENT, Decimal("30.50")),
        (Field.AVERAGE_ORDER_VALUE, Decimal("15.25")),
        (Field.LIFETIME_VALUE, Decimal("30.50")),
        (Field.DAYS_SINCE_CREATED, 20),
        (Field.DAYS_SINCE_FIRST_ORDER, 9),
        (Field.DAYS_SINCE_LAST_ORDER, 0),
        (Field.CREATED_AT, NOW - 20 * DAY),
        (Field.FIRST_ORDER_DATE, NOW - 10 * DAY + INSTANT),
        (Field.LAST_ORDER_DATE, NOW + DAY),
        (Field.DATE_OF_BIRTH, date(1990, 1, 31)),
        (Field.MARKETING_OPT_IN, True),
        (Field.EMAIL_VERIFIED, False),
        (Field.HAS_ACCOUNT, True),
        (Field.TAGS, ("VIP", "Early-Adopter")),
    ],
)
def test_the_actual_value_is_the_unfolded_one_of_the_customer(field: Field, actual: object) -> None:
    operator = operators_of(field.kind)[-1]

    assert explained_condition(field, operator, [], _ANN).actual == actual


@pytest.mark.parametrize(
    "field", [*(field for field in Field if "order_date" in field), "days_since_last_order"]
)
def test_a_missing_value_is_none(field: str) -> None:
    result = explained_condition(field, "is_empty", None, a_customer())

    assert (result.actual, result.matches, result.changes_at) == (None, True, None)


def test_a_condition_has_the_moment_at_which_time_changes_it() -> None:
    customer = a_customer(statistics=some_statistics(last_order_date=NOW - 90 * DAY))

    result = explained_condition("days_since_last_order", "gt", 90, customer)

    assert (result.actual, result.matches, result.changes_at) == (90, False, NOW + DAY)


def test_a_condition_that_time_no_longer_changes_has_no_moment() -> None:
    customer = a_customer(statistics=some_statistics(last_order_date=NOW - 91 * DAY))

    result = explained_condition("days_since_last_order", "gt", 90, customer)

    assert (result.actual, result.matches, result.changes_at) == (91, True, None)


_ANN = a_customer(
    user_id=UUID(int=7),
    email="Ann@Example.test",
    first_name="Straße",
    last_name="",
    phone="+1 555",
    country="Österreich",
    country_code="AT",
    notes="Likes 50% off",
    status=CustomerStatus.BLOCKED,
    customer_type=CustomerType.VIP,
    date_of_birth=date(1990, 1, 31),
    tags=("VIP", "Early-Adopter"),
    marketing_opt_in=True,
    created_at=NOW - 20 * DAY,
    statistics=some_statistics(
        "30.50", 2, first_order_date=NOW - 10 * DAY + INSTANT, last_order_date=NOW + DAY
    ),
)
