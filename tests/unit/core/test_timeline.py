"""Timelines: the membership changes of every case, and the crossed ranges of a segment."""

from datetime import timedelta

import pytest
from attrs import evolve

from customers.core.model.membership import DateRange
from customers.core.model.rules.timing import DateField
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges
from tests.support.builders import FIRST_MOMENT, NOW, a_dynamic_segment, later
from tests.support.timeline_cases import (
    BACKFILL_CASES,
    INSTANT,
    MANUAL,
    OLD,
    VIPS,
    WITH_TIME_CASES,
    WITHOUT_TIME_CASES,
    Case,
)


def sentences(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases)


def check(case: Case) -> None:
    changes = case.changes()
    assert [(change.entered, change.at, change.cause) for change in changes] == [*case.expected]
    assert {change.segment_id for change in changes} <= {case.segment.id}
    assert {change.customer_id for change in changes} <= {case.candidate.customer.id}


@sentences(BACKFILL_CASES)
def test_in_a_backfill(case: Case) -> None:
    check(case)


@sentences(WITHOUT_TIME_CASES)
def test_with_ready_members_and_a_rule_without_time(case: Case) -> None:
    check(case)


@sentences(WITH_TIME_CASES)
def test_with_ready_members_and_a_rule_with_time(case: Case) -> None:
    check(case)


def test_crossed_ranges_reach_from_the_watermark_to_the_end_both_included() -> None:
    day = timedelta(days=2)
    expected = DateRange(date=DateField.CREATED_AT, low=NOW - day, high=later(hours=1) - day)
    assert crossed_ranges(OLD, NOW, later(hours=1)) == [expected]
    assert crossed_ranges(OLD, NOW, NOW) == []


@pytest.mark.parametrize("segment", [VIPS, MANUAL, evolve(OLD, is_active=False)])
def test_a_segment_that_does_not_depend_on_time_has_no_crossed_ranges(segment: Segment) -> None:
    assert crossed_ranges(segment, NOW, later(days=9)) == []


def test_crossed_ranges_are_sorted_by_date_and_threshold() -> None:
    recent = '{"field": "last_order_date", "operator": "within_last_days", "value": 3}'
    new = '{"field": "days_since_created", "operator": "in", "value": [5, 1]}'
    ranges = crossed_ranges(a_dynamic_segment(f"[{recent}, {new}]"), NOW, later(days=1))
    assert [(item.date, NOW - item.low) for item in ranges] == [
        *((DateField.CREATED_AT, timedelta(days=days)) for days in (1, 2, 5, 6)),
        (DateField.LAST_ORDER_DATE, timedelta(days=3) + INSTANT),
    ]


def test_crossed_ranges_begin_with_the_first_moment() -> None:
    assert crossed_ranges(OLD, FIRST_MOMENT, NOW)[0].low == FIRST_MOMENT


def test_a_range_that_ends_before_the_first_moment_is_left_out() -> None:
    assert crossed_ranges(OLD, FIRST_MOMENT, FIRST_MOMENT + timedelta(days=1)) == []
