"""The meaning of rules beyond the golden examples: complements, thresholds, random rules."""

from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.customer import Customer
from customers.core.model.order import Statistics
from customers.core.model.rules.fields import Field, Operator, operators_of
from customers.core.model.rules.matches import CustomerValues, holds, matches
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Condition
from tests.support.rule_strategies import (
    NOW,
    customers,
    moments,
    written_conditions,
    written_groups,
    written_rules,
    written_values,
)

COMPLEMENTS = {
    Operator.EQ: Operator.NEQ,
    Operator.IN: Operator.NOT_IN,
    Operator.CONTAINS: Operator.NOT_CONTAINS,
    Operator.HAS_ANY: Operator.HAS_NONE,
    Operator.IS_EMPTY: Operator.IS_NOT_EMPTY,
}
MISSING = (Field.DAYS_SINCE_LAST_ORDER, Field.LAST_ORDER_DATE, Field.DATE_OF_BIRTH)


def blank_customer(**overrides: Any) -> Customer:
    """A customer without any optional value."""
    values: dict[str, Any] = {
        "email": "a@example.test",
        "first_name": "Ann",
        "last_name": "",
        "created_at": NOW,
        **overrides,
    }
    return Customer(id=UUID(int=1), tenant_id="t", updated_at=NOW, **values)


def customer_with_order(moment: datetime) -> Customer:
    return blank_customer(statistics=Statistics(first_order_date=moment, last_order_date=moment))


@given(written_groups(min_size=1), customers())
def test_not_is_an_exact_complement(group: Any, customer: Customer) -> None:
    anchored = [{"field": "email", "operator": "is_not_empty"}, group]

    plain = matches(parse(anchored), customer, NOW)

    assert matches(parse({"conditions": [anchored], "logic": "NOT"}), customer, NOW) is not plain


@given(written_rules(), customers())
def test_any_rule_matches_any_customer_or_does_not(written: object, customer: Customer) -> None:
    rule = parse(written)

    result: object = matches(rule, customer, NOW)

    assert result is False if rule.is_empty else result in (True, False)


@given(st.lists(written_rules(), max_size=4), customers())
def test_several_rules_can_share_the_values_of_a_customer(
    written: list[object], customer: Customer
) -> None:
    values = CustomerValues(customer, NOW)

    for rule in map(parse, written):
        assert holds(rule, values) is matches(rule, customer, NOW)


@pytest.mark.parametrize(("plain", "negated"), COMPLEMENTS.items())
@given(customer=customers(), data=st.data())
def test_a_negated_operator_is_the_complement_of_its_plain_one(
    plain: Operator, negated: Operator, customer: Customer, data: st.DataObject
) -> None:
    fields = [field for field in Field if plain in operators_of(field.kind)]
    field = data.draw(st.sampled_from(fields))
    value = data.draw(written_values(field, plain))

    one = parse([{"field": field, "operator": plain, "value": value}])
    other = parse([{"field": field, "operator": negated, "value": value}])

    assert matches(one, customer, NOW) is not matches(other, customer, NOW)


@given(written_conditions(MISSING))
def test_a_missing_value_satisfies_only_emptiness_and_negations(written: Any) -> None:
    rule = parse(written)

    (condition,) = rule.root.members

    assert isinstance(condition, Condition)
    negation = condition.operator in ("neq", "not_in", "not_contains", "has_none", "is_empty")
    assert matches(rule, blank_customer(), NOW) is negation


@pytest.mark.parametrize(("logic", "expected"), [("AND", True), ("OR", False), ("NOT", True)])
def test_an_empty_group_beside_conditions_holds_by_its_logic(logic: str, expected: bool) -> None:
    rule = parse(
        [{"field": "email", "operator": "is_not_empty"}, {"conditions": [], "logic": logic}]
    )

    assert matches(rule, blank_customer(), NOW) is expected


@pytest.mark.parametrize("logic", ["AND", "OR", "NOT"])
def test_a_rule_without_any_condition_matches_blank_customer(logic: str) -> None:
    rule = parse({"conditions": [[], {"rules": [], "logicalOperator": "NOT"}], "logic": logic})

    assert not matches(rule, blank_customer(), NOW)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("in", [], False),
        ("not_in", [], True),
        ("contains", "", True),
        ("starts_with", "  ", True),
        ("ends_with", "", True),
        ("not_contains", "", False),
    ],
)
@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_empty_operands_of_texts(field: str, operator: str, value: object, expected: bool) -> None:
    rule = parse([{"field": field, "operator": operator, "value": value}])

    assert matches(rule, blank_customer(), NOW) is expected


@pytest.mark.parametrize(
    ("operator", "expected"), [("has_any", False), ("has_all", True), ("has_none", True)]
)
@pytest.mark.parametrize("tags", [(), ("vip",)])
def test_empty_lists_of_tags(tags: tuple[str, ...], operator: str, expected: bool) -> None:
    rule = parse([{"field": "tags", "operator": operator, "value": []}])

    assert matches(rule, blank_customer(tags=tags), NOW) is expected


def test_nothing_is_between_bounds_in_the_wrong_order() -> None:
    for field, value in (("total_orders", [1, 0]), ("days_since_created", [1, 0])):
        rule = parse([{"field": field, "operator": "between", "value": value}])

        assert not matches(rule, blank_customer(), NOW)


@given(moments(), st.decimals(0, 36_500, places=12))
def test_a_window_of_days_is_exact_to_the_microsecond(moment: datetime, days: Decimal) -> None:
    within = parse([{"field": "last_order_date", "operator": "withinLastDays", "value": days}])
    longer = parse([{"field": "last_order_date", "operator": "moreThanDaysAgo", "value": days}])

    with localcontext() as exact:
        exact.prec = 60
        expected = (NOW - moment) // timedelta(microseconds=1) <= days * 86_400_000_000

    assert matches(within, customer_with_order(moment), NOW) is expected
    assert matches(longer, customer_with_order(moment), NOW) is not expected


@pytest.mark.parametrize(
    ("ago", "days"),
    [
        (timedelta(days=30), 30),
        (timedelta(days=30, microseconds=-1), 29),
        (timedelta(days=30, microseconds=1), 30),
        (timedelta(hours=-5), 0),
        (timedelta(days=-5), 0),
    ],
)
def test_an_age_is_in_whole_days_and_never_negative(ago: timedelta, days: int) -> None:
    rule = parse([{"field": "days_since_first_order", "operator": "eq", "value": days}])

    assert matches(rule, customer_with_order(NOW - ago), NOW)
