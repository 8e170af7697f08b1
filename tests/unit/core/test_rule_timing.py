"""When time alone changes results: thresholds by example, crossings by exhaustive search."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from customers.core.model.customer import Customer
from customers.core.model.rules.days import duration
from customers.core.model.rules.fields import Field, Kind
from customers.core.model.rules.matches import matches
from customers.core.model.rules.parse import parse
from customers.core.model.rules.timing import (
    DateField,
    crossing_times,
    next_change,
    reads_orders,
    thresholds,
)
from tests.support.builders import LAST_MOMENT, a_customer, some_statistics
from tests.support.rule_strategies import DAYS, NOW, customers, written_conditions

INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
HALF = DAY / 2
TIME_FIELDS = tuple(field for field in Field if field.kind in (Kind.AGE, Kind.MOMENT))


def a_rule(field: str, operator: str, value: object = None) -> Any:
    return parse([{"field": field, "operator": operator, "value": value}])


def time_rules() -> SearchStrategy[Any]:
    """Rules of a few conditions, mostly on ages and moments, under any logic."""
    conditions = written_conditions((*TIME_FIELDS, Field.STATUS))
    logic = st.sampled_from(("AND", "OR", "NOT"))
    group = st.fixed_dictionaries(
        {"conditions": st.lists(conditions, min_size=1, max_size=3), "logic": logic}
    )
    return st.fixed_dictionaries(
        {"conditions": st.lists(conditions | group, min_size=1, max_size=3), "logic": logic}
    )


def all_moments(customer: Customer) -> list[datetime]:
    """The moments at which a random rule could change its result, and the instants around them."""
    moments = {NOW}
    for date in filter(None, (field.of(customer) for field in DateField)):
        for age in ages():
            moments.update(date + age + offset * INSTANT for offset in (-1, 0, 1, 2))
    return sorted(moments)


def ages() -> Iterator[timedelta]:
    for days in DAYS:
        yield duration(days)
        yield from (timedelta(days=whole) for whole in (floor(days), ceil(days), floor(days) + 1))


@pytest.mark.parametrize(
    ("operator", "value", "ages"),
    [
        ("gt", 90, [91]),
        ("gt", "29.5", [30]),
        ("gte", 90, [90]),
        ("gte", "29.5", [30]),
        ("gte", 0, []),
        ("lt", 30, [30]),
        ("lt", "29.5", [30]),
        ("lt", 0, []),
        ("lte", 30, [31]),
        ("lte", "29.5", [30]),
        ("eq", 7, [7, 8]),
        ("eq", 0, [1]),
        ("eq", "7.5", []),
        ("neq", 7, [7, 8]),
        ("neq", "7.5", []),
        ("between", [7, 30], [7, 31]),
        ("between", ["6.5", "29.5"], [7, 30]),
        ("in", [1, 5], [1, 2, 5, 6]),
        ("in", [1, 2, "2.5"], [1, 2, 3]),
        ("in", [], []),
        ("not_in", [0, 36500], [1, 36500, 36501]),
        ("is_empty", None, []),
        ("is_not_empty", None, []),
    ],
)
def test_the_thresholds_of_an_age_are_whole_days(
    operator: str, value: object, ages: list[int]
) -> None:
    result = thresholds(a_rule("days_since_last_order", operator, value))

    assert {threshold.date for threshold in result} <= {DateField.LAST_ORDER_DATE}
    assert sorted(threshold.offset for threshold in result) == [
        timedelta(days=days) for days in ages
    ]


@pytest.mark.parametrize("operator", ["within_last_days", "more_than_days_ago"])
@pytest.mark.parametrize(
    ("days", "last_within"),
    [(0, timedelta(0)), (30, 30 * DAY), ("0.5", HALF), ("0.00000000001", timedelta(0))],
)
def test_the_threshold_of_a_window_is_an_instant_after_its_duration(
    operator: str, days: object, last_within: timedelta
) -> None:
    (threshold,) = thresholds(a_rule("created_at", operator, days))

    assert (threshold.date, threshold.offset) == (DateField.CREATED_AT, last_within + INSTANT)


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("created_at", "before", "2026-01-01T00:00:00Z"),
        ("last_order_date", "between", ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]),
        ("first_order_date", "is_empty", None),
        ("date_of_birth", "after", "1990-01-31"),
        ("total_orders", "gt", 30),
        ("tags", "contains", "vip"),
    ],
)
def test_other_conditions_do_not_change_with_time(field: str, operator: str, value: object) -> None:
    rule = a_rule(field, operator, value)

    assert not thresholds(rule)
    assert next_change(rule, a_customer(), NOW) is None


def test_a_rule_has_the_thresholds_of_all_its_conditions() -> None:
    young = {"field": "days_since_created", "operator": "lt", "value": 2}
    first = {"field": "days_since_first_order", "operator": "gte", "value": 1}
    last = {"field": "last_order_date", "operator": "within_last_days", "value": 3}

    result = thresholds(parse([young, {"logic": "NOT", "conditions": [first, [last, young]]}]))

    assert {(threshold.date, threshold.offset) for threshold in result} == {
        (DateField.CREATED_AT, 2 * DAY),
        (DateField.FIRST_ORDER_DATE, DAY),
        (DateField.LAST_ORDER_DATE, 3 * DAY + INSTANT),
    }


@given(time_rules(), customers())
def test_every_change_is_at_a_crossing(written: object, customer: Customer) -> None:
    rule = parse(written)
    crossings = set(crossing_times(rule, customer, datetime.min.replace(tzinfo=UTC)))

    for before, at in pairwise(all_moments(customer)):
        if at not in crossings:
            assert matches(rule, customer, at) is matches(rule, customer, before)


@given(time_rules(), customers(), st.data())
def test_the_next_change_is_the_first_one(
    written: object, customer: Customer, data: st.DataObject
) -> None:
    rule, all_times = parse(written), all_moments(customer)
    now = data.draw(st.sampled_from([NOW, *all_times]))
    result = matches(rule, customer, now)

    changes = (at for at in all_times if at > now and matches(rule, customer, at) is not result)

    assert next_change(rule, customer, now) == next(changes, None)


def test_a_crossing_that_another_condition_hides_is_no_change() -> None:
    customer = a_customer(created_at=NOW - 5 * DAY, last_name="")
    old = {"field": "days_since_created", "operator": "gte", "value": 10}
    named = {"field": "last_name", "operator": "is_not_empty"}
    very_old = {"field": "days_since_created", "operator": "gt", "value": 20}
    rule = parse({"logic": "OR", "conditions": [[old, named], very_old]})

    assert crossing_times(rule, customer, NOW) == [NOW + 5 * DAY, NOW + 16 * DAY]
    assert next_change(rule, customer, NOW) == NOW + 16 * DAY


def test_crossings_are_after_one_moment_and_up_to_another() -> None:
    customer = a_customer(created_at=NOW)
    rule = a_rule("days_since_created", "in", [1, 2, 3])

    assert crossing_times(rule, customer, NOW + DAY, NOW + 3 * DAY) == [
        NOW + 2 * DAY,
        NOW + 3 * DAY,
    ]
    assert crossing_times(rule, customer, NOW + DAY - INSTANT, NOW + DAY) == [NOW + DAY]
    assert crossing_times(rule, customer, NOW + 4 * DAY) == []


def test_a_date_in_the_future_has_the_age_0_until_a_day_after_it() -> None:
    customer = a_customer(statistics=some_statistics(last_order_date=NOW + HALF))

    young = a_rule("days_since_last_order", "lt", 1)

    assert next_change(young, customer, NOW) == NOW + HALF + DAY


def test_without_orders_time_changes_nothing() -> None:
    rule = a_rule("days_since_last_order", "gt", 90)

    assert crossing_times(rule, a_customer(), NOW) == []
    assert next_change(rule, a_customer(), NOW) is None


def test_a_change_after_the_last_moment_never_happens() -> None:
    customer = a_customer(created_at=LAST_MOMENT - DAY)

    for rule in (
        a_rule("days_since_created", "gt", 1),
        a_rule("created_at", "within_last_days", 1),
        a_rule("created_at", "more_than_days_ago", 36_500),
    ):
        assert next_change(rule, customer, NOW) is None
    at_the_end = a_rule("days_since_created", "eq", 1)
    assert next_change(at_the_end, customer, NOW) == LAST_MOMENT


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("total_orders", "eq", 1),
        ("total_spent", "gt", 1),
        ("average_order_value", "lt", 1),
        ("lifetime_value", "in", []),
        ("days_since_first_order", "is_empty", None),
        ("days_since_last_order", "gt", 90),
        ("first_order_date", "within_last_days", 1),
        ("last_order_date", "before", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_rule_reads_orders_if_any_condition_does(
    field: str, operator: str, value: object
) -> None:
    order_condition = {"field": field, "operator": operator, "value": value}
    young = {"field": "days_since_created", "operator": "lt", "value": 1}

    assert reads_orders(parse([young, {"logic": "NOT", "conditions": [[order_condition]]}]))


@pytest.mark.parametrize("field", [field for field in Field if field.kind is not Kind.NUMBER])
def test_a_field_that_orders_do_not_change_does_not_read_orders(field: Field) -> None:
    operator = "is_true" if field.kind is Kind.FLAG else "is_empty"
    rule = a_rule(field, "in", []) if field.kind is Kind.CHOICE else a_rule(field, operator)

    assert reads_orders(rule) is ("order" in field)


def test_a_rule_without_conditions_reads_nothing() -> None:
    assert not reads_orders(parse([[], []]))
    assert not thresholds(parse(None))
