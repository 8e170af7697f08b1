"""What settling makes of a customer in doubt: which when, and why."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.membership import (
    Cause,
    DateRange,
    PendingChange,
    RefreshState,
    StaleCandidate,
)
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.rules.timing import DateField
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges, membership_changes
from tests.support.builders import FIRST_MOMENT, NOW, a_customer, a_dynamic_segment, later

VIPS = a_dynamic_segment('[{"field": "tags", "operator": "contains", "value": "vip"}]')
OLD = a_dynamic_segment('[{"field": "days_since_created", "operator": "gte", "value": 2}]')
NEW = a_dynamic_segment('[{"field": "days_since_created", "operator": "lt", "value": 2}]')
INSTANT = timedelta(microseconds=1)
FIRST_ID = UUID(int=0)
SETTLED = RefreshState(watermark=NOW)


def changed(customer: Customer, at: datetime, **fields: Any) -> Customer:
    return evolve(customer, updated_at=at, **fields)


def in_doubt(segment: Segment, *lives: Customer | None, inside: bool = False) -> StaleCandidate:
    """A customer who was one after the other; the last one is as they are."""
    pending_changes = [
        PendingChange(number=number, at=after.updated_at, cause=Cause.CUSTOMER, before=before)
        for number, (before, after) in enumerate(pairwise(lives))
        if after is not None
    ]
    customer = lives[-1]
    assert customer is not None
    stored = frozenset({segment.id}) if inside else frozenset()
    return StaleCandidate(
        customer=customer, member_of=stored, pending_changes=tuple(pending_changes)
    )


def told(
    segment: Segment,
    refresh_state: RefreshState,
    candidate: StaleCandidate,
    until: datetime | None = None,
) -> list[tuple[bool, datetime, Cause]]:
    found = membership_changes(segment, refresh_state, candidate, CustomerValuesCache(), until)
    return [(change.entered, change.at, change.cause) for change in found]


def test_every_change_is_told_with_its_own_moment_also_one_that_was_undone() -> None:
    plain = a_customer()
    vip = changed(plain, later(hours=1), tags=("vip",))
    again = changed(plain, later(hours=2))
    assert told(VIPS, SETTLED, in_doubt(VIPS, plain, vip, again)) == [
        (True, later(hours=1), Cause.CUSTOMER),
        (False, later(hours=2), Cause.CUSTOMER),
    ]


def test_a_new_customer_enters_when_they_come() -> None:
    customer = a_customer(tags=("vip",), created_at=later(hours=1), updated_at=later(hours=1))
    candidate = in_doubt(VIPS, None, customer)
    assert told(VIPS, SETTLED, candidate) == [(True, later(hours=1), Cause.CUSTOMER)]


def test_what_time_did_before_a_change_is_told_before_it() -> None:
    before = a_customer(created_at=NOW)
    after = changed(before, later(days=3), first_name="Eve")
    candidate = in_doubt(OLD, before, after)
    assert told(OLD, SETTLED, candidate) == [(True, later(days=2), Cause.TIME)]


def test_a_change_at_the_very_moment_at_which_time_would_act_is_the_cause() -> None:
    before = a_customer(created_at=NOW)
    after = changed(before, later(days=2), first_name="Eve")
    candidate = in_doubt(OLD, before, after)
    assert told(OLD, SETTLED, candidate) == [(True, later(days=2), Cause.CUSTOMER)]


def test_who_was_deleted_leaves_and_time_moves_them_no_more() -> None:
    customer = a_customer(created_at=NOW)
    candidate = in_doubt(NEW, customer, customer.deleted(later(days=1)), inside=True)
    assert told(NEW, SETTLED, candidate, later(days=9)) == [(False, later(days=1), Cause.CUSTOMER)]


def test_time_alone_is_told_at_the_moments_at_which_it_acted() -> None:
    candidate = StaleCandidate(customer=a_customer(created_at=NOW))
    assert told(OLD, SETTLED, candidate, later(days=2) - INSTANT) == []
    assert told(OLD, SETTLED, candidate, later(days=2)) == [(True, later(days=2), Cause.TIME)]


def test_a_change_older_than_settled_members_counts_from_when_they_are_settled() -> None:
    plain = a_customer()
    vip = changed(plain, later(hours=-1), tags=("vip",))
    assert told(VIPS, SETTLED, in_doubt(VIPS, plain, vip)) == [(True, NOW, Cause.CUSTOMER)]


def test_whom_a_round_has_passed_is_told_on_from_its_goal() -> None:
    before = a_customer(created_at=NOW)
    after = changed(before, later(days=4), first_name="Eve")
    candidate = in_doubt(OLD, before, after, inside=True)
    refresh_state = evolve(SETTLED, target=later(days=3), cursor=before.id)
    assert refresh_state.watermark_of(before.id) == later(days=3)
    assert told(OLD, refresh_state, candidate) == []
    assert told(
        OLD, evolve(refresh_state, cursor=FIRST_ID), evolve(candidate, member_of=frozenset())
    ) == [(True, later(days=2), Cause.TIME)]


def test_members_that_are_built_begin_with_what_a_customer_was_at_the_goal() -> None:
    plain = a_customer(tags=("vip",), created_at=later(days=-5), updated_at=later(days=-5))
    building = RefreshState(target=NOW, cause=Cause.RULE)
    assert told(VIPS, building, StaleCandidate(customer=plain)) == [(True, NOW, Cause.RULE)]
    other = changed(plain, later(hours=1), tags=())
    assert told(VIPS, building, in_doubt(VIPS, plain, other)) == [
        (True, NOW, Cause.RULE),
        (False, later(hours=1), Cause.CUSTOMER),
    ]


def test_an_inactive_segment_lets_everyone_out() -> None:
    customer = a_customer(tags=("vip",))
    building = RefreshState(target=later(hours=1))
    segment = evolve(VIPS, is_active=False)
    candidate = in_doubt(VIPS, customer, inside=True)
    assert told(segment, building, candidate) == [(False, later(hours=1), Cause.SEGMENT)]


def test_spans_reach_from_what_was_settled_to_what_is_due_both_ends_included() -> None:
    day = timedelta(days=2)
    span = DateRange(date=DateField.CREATED_AT, low=NOW - day, high=later(hours=1) - day)
    assert crossed_ranges(OLD, NOW, later(hours=1)) == [span]
    assert crossed_ranges(OLD, NOW, NOW) == []
    assert crossed_ranges(VIPS, NOW, later(days=9)) == []
    assert crossed_ranges(evolve(OLD, is_active=False), NOW, later(days=9)) == []


def test_a_span_begins_with_the_calendar() -> None:
    assert crossed_ranges(OLD, FIRST_MOMENT, later(days=0))[0].low == FIRST_MOMENT


def test_a_build_has_seen_a_share_of_everyone_and_is_not_done_until_it_is_ready() -> None:
    assert RefreshState(target=NOW, scanned=50).progress(200) == 0.25
    assert RefreshState(target=NOW, scanned=300).progress(200) == 0.999
    assert RefreshState(target=NOW).progress(0) == 0
    assert SETTLED.progress(200) == 1


def test_a_change_older_than_the_rule_is_the_rules_doing() -> None:
    before = later(hours=-2)
    plain = a_customer(created_at=before, updated_at=before)
    vip = changed(plain, later(hours=-1), tags=("vip",))
    building = RefreshState(target=NOW, cause=Cause.RULE)
    for candidate in (in_doubt(VIPS, plain, vip), in_doubt(VIPS, None, vip)):
        assert told(VIPS, building, candidate) == [(True, NOW, Cause.RULE)]


def test_time_that_acted_before_a_change_without_a_mark_is_told_at_the_change() -> None:
    customer = a_customer(created_at=NOW - timedelta(days=1), updated_at=later(days=1, hours=1))
    assert told(OLD, SETTLED, StaleCandidate(customer=customer), later(days=3)) == [
        (True, later(days=1, hours=1), Cause.TIME)
    ]


def test_members_are_told_for_no_moment_before_one_for_which_some_are_stored() -> None:
    halfway = evolve(SETTLED, target=later(hours=1))
    assert SETTLED.evaluation_time(later(hours=-1)) == NOW
    assert halfway.evaluation_time(NOW) == later(hours=1)
    assert halfway.evaluation_time(later(hours=2)) == later(hours=2)
    assert RefreshState(target=later(hours=1)).evaluation_time(NOW) == NOW
