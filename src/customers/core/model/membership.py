"""Memberships: who is a member of a segment, and how far the stored members are refreshed.

A storage stores the members of every segment. Once built, they are exact but for stale candidates:
customers with a pending change, which every captured write stores, and customers one of whose dates
has crossed a threshold of the rule since the members were refreshed. `timeline` turns stale
candidates into changes of membership; `rules` defines what a rule means.
"""

from collections.abc import Container
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self
from uuid import UUID

from attrs import frozen

from customers.core.errors import SegmentFailed
from customers.core.model.rules.matches import CustomerValues, holds
from customers.core.model.rules.timing import DateField, reads_orders, thresholds
from customers.core.model.segment import Segment


class Cause(StrEnum):
    """Why a customer entered or left a segment."""

    CUSTOMER = "customer"
    ORDER = "order"
    RULE = "rule"
    TIME = "time"
    MANUAL = "manual"
    SEGMENT = "segment"


@frozen(kw_only=True)
class RefreshState:
    """How far the stored members of a segment have been refreshed.

    They are exact for the moment `watermark`, except for stale candidates. With `target`, a pass
    walks the customers in id order to bring the members to that moment, and has reached the
    customer `cursor`. Without `watermark` the members must not be read: the pass is a backfill,
    which runs because of `cause` and has scanned `scanned` customers. Without both, the backfill or
    a refresh has failed; another backfill begins when the rules are sent again or `is_active` of
    the segment changes. `member_count` is the number of stored members; saving a state does not
    change it.
    """

    member_count: int = 0
    watermark: datetime | None = None
    target: datetime | None = None
    cursor: UUID | None = None
    scanned: int = 0
    cause: Cause = Cause.SEGMENT

    @property
    def is_ready(self) -> bool:
        return self.watermark is not None

    @property
    def has_failed(self) -> bool:
        return self.watermark is None and self.target is None

    @property
    def is_building(self) -> bool:
        return self.watermark is None and self.target is not None

    def failed(self) -> Self:
        """The state after its backfill, or its refresh, has failed."""
        return type(self)(member_count=self.member_count, scanned=self.scanned, cause=self.cause)

    def is_same_build(self, other: Self) -> bool:
        """Whether both are states of one backfill, both are ready, or both have failed."""
        return (self.is_ready, self.is_building) == (other.is_ready, other.is_building) and (
            self.is_ready or self.target == other.target
        )

    def watermark_of(self, customer_id: UUID) -> datetime | None:
        """The moment for which one customer's stored membership is exact; None unless `is_ready`.

        It is `target` for customers whom the pass has already reached.
        """
        is_passed = self.cursor is not None and customer_id <= self.cursor
        return self.target if is_passed and self.is_ready else self.watermark

    def evaluation_time(self, now: datetime) -> datetime:
        """The moment at which members are evaluated: `now`, or the moment to which stored members
        are refreshed, if that is later.
        """
        stored_for = (self.watermark, self.target) if self.is_ready else ()
        return max([now, *(moment for moment in stored_for if moment is not None)])

    def progress(self, customer_count: int) -> float:
        """The share of customers that a backfill has scanned, 0 to 1; 1 only when the members are
        ready.
        """
        return 1.0 if self.is_ready else min(round(self.scanned / max(customer_count, 1), 3), 0.999)


@frozen(kw_only=True)
class SegmentSummary:
    """A segment with its current number of members, 0 if its build has failed.

    `progress` is that of its backfill, 0 to 1; `build_error` says in words why the build failed,
    and is None if it did not.
    """

    segment: Segment
    member_count: int
    progress: float = 1.0
    build_error: str | None = None

    @property
    def build_status(self) -> Literal["ready", "building", "failed"]:
        if self.build_error is not None:
            return "failed"
        return "ready" if self.progress == 1 else "building"


@frozen(kw_only=True)
class DateRange:
    """Selects the customers whose `date` lies between two moments, both included."""

    date: DateField
    low: datetime
    high: datetime


@frozen(kw_only=True)
class MembershipChange:
    """The entry of a customer into a segment, or the exit from it, and its moment and cause."""

    segment_id: UUID
    customer_id: UUID
    entered: bool
    at: datetime
    cause: Cause


@frozen(kw_only=True)
class SequencedChange(MembershipChange):
    """A membership change with its place in the feed of its tenant; `sequence` rises with every
    change.
    """

    sequence: int


@frozen(kw_only=True)
class Assignment:
    """When a customer was assigned to a segment by hand, and by whom, if that is known."""

    assigned_at: datetime
    assigned_by: UUID | None = None


@frozen(kw_only=True)
class SegmentAssignment(Assignment):
    """An assignment, and the segment to which the customer is assigned."""

    segment_id: UUID


@frozen(kw_only=True)
class SegmentMembership:
    """A segment that a customer is in, and since when; None if the feed does not say."""

    segment_id: UUID
    segment_name: str
    since: datetime | None


def build_error(segment: Segment, refresh_state: RefreshState) -> str | None:
    """Why the members of a segment could not be built, in words for people; None if they are built
    or being built, or the segment is inactive and so has no members.
    """
    if not segment.is_active:
        return None
    if segment.rule is not None and segment.rule.is_too_expensive:
        return "the rules exceed what rules may cost: make them simpler"
    if refresh_state.has_failed:
        return (
            "evaluating the rules failed or took too long: make them simpler, or send them again "
            "to start another build"
        )
    return None


def expect_built(segment: Segment, refresh_state: RefreshState) -> None:
    """Raises SegmentFailed when the members of a segment could not be built."""
    if build_error(segment, refresh_state) is not None:
        raise SegmentFailed


def is_member(segment: Segment, values: CustomerValues, assigned_to: Container[UUID]) -> bool:
    """Whether a customer is a member at the moment of `values`; `assigned_to` are the segments
    they are assigned to by hand.
    """
    if not (segment.is_active and values.customer.is_living):
        return False
    if segment.is_dynamic:
        return segment.rule is not None and holds(segment.rule, values)
    return segment.id in assigned_to


def depends_on_time(segment: Segment) -> bool:
    """Whether time alone may change the members of the segment."""
    return segment.is_active and segment.rule is not None and bool(thresholds(segment.rule))


def depends_on_orders(segment: Segment) -> bool:
    """Whether an order may change the members of the segment, or the moments at which time changes
    them.
    """
    if segment.rule is None or not segment.is_active:
        return False
    return reads_orders(segment.rule) or bool(thresholds(segment.rule))
