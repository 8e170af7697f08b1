"""Explanations: a rule's tree again, in each place what was expected, what was found, a verdict."""

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
from tests.unit.core.rule_strategies import NOW, customers, written_rules

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
FAR_AWAY = NOW + 90_000 * DAY
SPENT = '{"field": "totalSpent", "operator": "greaterThan", "value": "1e3"}'
NAMED = '{"field": "last_name", "operator": "isNull", "value": ["ignored"]}'


def explained(text: str, customer: Customer | None = None, now: datetime = NOW) -> ExplainedGroup:
    """The explanation of a rule that is given as the JSON text a caller would write."""
    written = decode_rules(text)
    return explain(parse(written), written, customer or a_customer(), now)


def leaf(field: str, operator: str, value: object, customer: Customer) -> ExplainedCondition:
    text = json.dumps([{"field": field, "operator": operator, "value": value}])
    (found,) = explained(text, customer).conditions
    assert isinstance(found, ExplainedCondition)
    return found


def leaves(group: Any) -> Iterator[Any]:
    """The conditions of a tree or of its explanation, in order."""
    inside = group.members if isinstance(group, Group) else group.conditions
    for each in inside:
        if isinstance(each, Group | ExplainedGroup):
            yield from leaves(each)
        else:
            yield each


def written_values(written: Any) -> Iterator[object]:
    """The values of conditions in the order in which they are written."""
    if isinstance(written, str):
        written = json.loads(written, parse_float=Decimal)
    if isinstance(written, dict) and "field" in written:
        yield written["value"]
    elif isinstance(written, dict):
        yield from written_values(written.get("conditions", written.get("rules")))
    else:
        for each in written or ():
            yield from written_values(each)


def shape(group: Any) -> Any:
    inside: Sequence[Any] = group.members if isinstance(group, Group) else group.conditions
    return group.logic, [
        shape(each) if isinstance(each, Group | ExplainedGroup) else (each.field, each.operator)
        for each in inside
    ]


def holds(group: ExplainedGroup) -> bool:
    """What the verdicts inside a group come to."""
    verdicts = [each.matches for each in group.conditions]
    if group.logic is Logic.AND:
        return all(verdicts)
    return any(verdicts) is (group.logic is Logic.OR)


def alone(condition: Condition) -> Rule:
    return Rule(root=Group(members=(condition,)))


@given(written_rules(), customers())
def test_it_is_the_tree_of_the_rule_with_its_verdict(written: Any, customer: Customer) -> None:
    rule = parse(written)

    found = explain(rule, written, customer, NOW)

    assert shape(found) == shape(rule.root)
    assert found.matches is matches(rule, customer, NOW)


@given(written_rules(), customers())
def test_the_verdict_on_a_group_follows_from_those_inside(written: Any, customer: Customer) -> None:
    def check(group: ExplainedGroup) -> None:
        assert group.matches is holds(group)
        for each in group.conditions:
            if isinstance(each, ExplainedGroup):
                check(each)

    rule = parse(written)
    if not rule.is_empty:
        check(explain(rule, written, customer, NOW))


@given(written_rules(), customers())
def test_what_was_expected_is_told_as_it_was_written(written: Any, customer: Customer) -> None:
    told = leaves(explain(parse(written), written, customer, NOW))

    for value, each in zip(written_values(written), told, strict=True):
        assert each.expected == (None if each.operator.startswith("is_") else value)


@given(written_rules(), customers())
def test_a_condition_has_its_own_verdict_until_it_changes(written: Any, customer: Customer) -> None:
    rule = parse(written)
    told = leaves(explain(rule, written, customer, NOW))

    for condition, each in zip(leaves(rule.root), told, strict=True):
        assert each.matches is matches(alone(condition), customer, NOW)
        assert each.changes_at == next_change(alone(condition), customer, NOW)
        if each.changes_at is None:
            assert matches(alone(condition), customer, FAR_AWAY) is each.matches
        else:
            before = each.changes_at - INSTANT
            assert matches(alone(condition), customer, before) is each.matches
            assert matches(alone(condition), customer, each.changes_at) is not each.matches


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_golden_rules_are_explained_as_they_are_meant(vector: Vector) -> None:
    rule = parse(vector.rule)

    found = {
        name
        for name, customer in CUSTOMERS.items()
        if explain(rule, vector.rule, customer, GOLDEN_NOW).matches
    }

    assert found == vector.members


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
def test_every_written_form_is_explained_alike(text: str, logic: Logic) -> None:
    found = explained(text)

    assert found.logic is logic
    assert [(each.field, each.operator, each.expected) for each in leaves(found)] == [
        ("total_spent", "gt", "1e3"),
        ("last_name", "is_empty", None),
    ]


@pytest.mark.parametrize("text", [NAMED, json.dumps(NAMED)])
def test_a_condition_alone_is_explained_as_a_group_of_one(text: str) -> None:
    found = explained(text, a_customer(last_name=""))

    assert (found.logic, found.matches, len(found.conditions)) == (Logic.AND, True, 1)


@pytest.mark.parametrize("text", ["null", "[]", '""', '"null"', '{"logic": "NOT", "rules": []}'])
def test_a_rule_without_conditions_claims_nobody(text: str) -> None:
    found = explained(text)

    assert (found.matches, found.conditions) == (False, ())


def test_empty_groups_inside_stand_for_themselves() -> None:
    groups = ", ".join(f'{{"conditions": [], "logic": "{logic}"}}' for logic in Logic)

    found = explained(f"[{SPENT}, {groups}]")

    assert [each.matches for each in found.conditions[1:]] == [True, False, True]


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
def test_nothing_expected_is_folded(field: str, operator: str, value: object) -> None:
    assert leaf(field, operator, value, a_customer()).expected == value


@pytest.mark.parametrize(
    ("text", "expected"), [("1000.00", Decimal("1000.00")), ("1000", 1000), ('"1e3"', "1e3")]
)
def test_a_number_is_told_as_it_was_written(text: str, expected: object) -> None:
    found = explained(f'[{{"field": "total_spent", "operator": "eq", "value": {text}}}]')

    (told,) = leaves(found)

    assert (str(told.expected), type(told.expected)) == (str(expected), type(expected))


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
def test_what_was_found_is_told_as_the_customer_has_it(field: Field, actual: object) -> None:
    operator = operators_of(field.kind)[-1]

    assert leaf(field, operator, [], _ANN).actual == actual


@pytest.mark.parametrize(
    "field", [*(field for field in Field if "order_date" in field), "days_since_last_order"]
)
def test_what_is_missing_is_found_as_nothing(field: str) -> None:
    found = leaf(field, "is_empty", None, a_customer())

    assert (found.actual, found.matches, found.changes_at) == (None, True, None)


def test_a_condition_that_time_changes_says_when() -> None:
    customer = a_customer(statistics=some_statistics(last_order_date=NOW - 90 * DAY))

    found = leaf("days_since_last_order", "gt", 90, customer)

    assert (found.actual, found.matches, found.changes_at) == (90, False, NOW + DAY)


def test_a_condition_that_time_has_changed_for_good_says_so() -> None:
    customer = a_customer(statistics=some_statistics(last_order_date=NOW - 91 * DAY))

    found = leaf("days_since_last_order", "gt", 90, customer)

    assert (found.actual, found.matches, found.changes_at) == (91, True, None)


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
        "30.50",
        2,
        first_order_date=NOW - 10 * DAY + INSTANT,
        last_order_date=NOW + DAY,
    ),
)
