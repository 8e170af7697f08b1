"""Who belongs to a segment, and how its stored members follow: marks, doubts, flips.

A storage keeps the members of every segment. They are right but for customers in doubt: those who
have a mark, which every change of a customer leaves, and those whose date has come of age since
the members were settled. Settling turns doubts into flips and takes the marks away. What a rule
means is not said here.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.rules.matches import Reading, Readings, holds
from customers.core.model.rules.timing import DateField, moments, reads_orders, thresholds
from customers.core.model.segment import Segment

Chapter = tuple[Customer, datetime, "Cause"]


class Cause(StrEnum):
    """Why a customer entered or left a segment."""

    CUSTOMER = "customer"
    ORDER = "order"
    RULE = "rule"
    TIME = "time"
    MANUAL = "manual"
    SEGMENT = "segment"


@frozen(kw_only=True)
class Mark:
    """A change of a customer that stored members do not know yet.

    `before` is the customer as they were; None when nobody was there, or it is not known any more.
    The numbers of a customer's marks rise.
    """

    number: int
    at: datetime
    cause: Cause
    before: Customer | None


@frozen(kw_only=True)
class Doubt:
    """A customer of whom stored members may be wrong, living or not, as they are now.

    `inside` are the segments whose stored members they are, `assigned` those they were put into by
    hand; `marks` come in the order in which they were left.
    """

    customer: Customer
    inside: frozenset[UUID] = frozenset()
    assigned: frozenset[UUID] = frozenset()
    marks: tuple[Mark, ...] = ()

    @cached_property
    def chapters(self) -> Sequence["Chapter"]:
        """What each mark has left behind, when and why; nothing of what is not known any more."""
        following = [mark.before for mark in self.marks[1:]]
        following.append(self.customer)
        return [
            (after, mark.at, mark.cause)
            for mark, after in zip(self.marks, following, strict=False)
            if after is not None
        ]


@frozen(kw_only=True)
class Standing:
    """How far a segment's stored members have come.

    They are right for the moment `settled_at`, doubts aside; while it is None they are being built
    and say nothing. A round goes through customers in id order to make them right for `goal`: it
    has come to the customer `after` and has seen `seen` of them. `cause` is why they are built.
    """

    members: int = 0
    settled_at: datetime | None = None
    goal: datetime | None = None
    after: UUID | None = None
    seen: int = 0
    cause: Cause = Cause.SEGMENT

    @property
    def is_ready(self) -> bool:
        return self.settled_at is not None

    def right_for(self, customer_id: UUID) -> datetime | None:
        """The moment for which it is stored whether a customer is a member; None while that is
        being built. A round through time has passed some customers by already.
        """
        has_passed = self.after is not None and customer_id <= self.after
        return self.goal if has_passed and self.is_ready else self.settled_at

    def moment(self, now: datetime) -> datetime:
        """The moment for which members are told: not before any for which some are stored."""
        known = (self.settled_at, self.goal) if self.is_ready else ()
        return max([now, *(each for each in known if each is not None)])

    def progress(self, everyone: int) -> float:
        """How much of all customers a build has seen, from 0 to 1; 1 only when it is ready."""
        return 1.0 if self.is_ready else min(round(self.seen / max(everyone, 1), 3), 0.999)


@frozen(kw_only=True)
class CountedSegment:
    """A segment with the number of customers in it now. `progress` of its building is from 0 to 1;
    1 is ready.
    """

    segment: Segment
    customers: int
    progress: float = 1.0

    @property
    def is_ready(self) -> bool:
        return self.progress == 1


@frozen(kw_only=True)
class Span:
    """Customers whose date lies between two moments, both included."""

    date: DateField
    low: datetime
    high: datetime


@frozen(kw_only=True)
class Flip:
    """A customer entered a segment, or left it, at a moment."""

    segment_id: UUID
    customer_id: UUID
    entered: bool
    at: datetime
    cause: Cause


@frozen(kw_only=True)
class MemberChange:
    """A flip as the feed of its tenant tells it; sequences rise and never change."""

    sequence: int
    segment_id: UUID
    customer_id: UUID
    entered: bool
    at: datetime
    cause: Cause


@frozen(kw_only=True)
class Assignment:
    """When a customer was put into a segment by hand, and by whom, where that is known."""

    assigned_at: datetime
    assigned_by: UUID | None = None


def belongs(segment: Segment, reading: Reading, assigned: Container[UUID]) -> bool:
    """Whether a customer is a member at the moment of a reading; `assigned` are the segments that
    they were put into by hand.
    """
    if not (segment.is_active and reading.customer.is_living):
        return False
    if segment.is_dynamic:
        return segment.rule is not None and holds(segment.rule, reading)
    return segment.id in assigned


def flips(
    segment: Segment,
    standing: Standing,
    doubt: Doubt,
    readings: Readings,
    until: datetime | None = None,
) -> list[Flip]:
    """What has become of a customer's membership since the members were settled: each entry and
    each exit, up to their last mark, or on to a moment. `readings` are shared by all segments.
    """
    inside = segment.id in doubt.inside
    found: list[Flip] = []
    for customer, at, cause in _story(segment, standing, doubt, until):
        if belongs(segment, readings.at(customer, at), doubt.assigned) is inside:
            continue
        inside = not inside
        flip = Flip(
            segment_id=segment.id,
            customer_id=doubt.customer.id,
            entered=inside,
            at=at,
            cause=cause,
        )
        found.append(flip)
    return found


def spans(segment: Segment, since: datetime, until: datetime) -> list[Span]:
    """Where the dates of those lie whom time alone may have moved after one moment, by another."""
    if segment.rule is None or not segment.is_active or until <= since:
        return []
    return [
        Span(date=each.date, low=low, high=high)
        for each in sorted(thresholds(segment.rule), key=lambda each: (each.date, each.offset))
        if (high := _before(until, each.offset)) is not None
        for low in [_before(since, each.offset) or _FIRST_MOMENT]
    ]


def follows_time(segment: Segment) -> bool:
    """Whether time alone may change who is in the segment."""
    return segment.is_active and segment.rule is not None and bool(thresholds(segment.rule))


def follows_orders(segment: Segment) -> bool:
    """Whether an order may change who is in the segment, or when time will."""
    if segment.rule is None or not segment.is_active:
        return False
    return reads_orders(segment.rule) or bool(thresholds(segment.rule))


def _story(
    segment: Segment, standing: Standing, doubt: Doubt, until: datetime | None
) -> Iterable[Chapter]:
    """The moments at which a customer's membership may have changed: as what they were, and why."""
    since = standing.right_for(doubt.customer.id) or standing.goal or _FIRST_MOMENT
    if not standing.is_ready:
        return _from_the_start(segment, standing, doubt, since)
    changed = doubt.chapters
    if changed and changed[0][1] < since:  # to settled members nothing is older than they are
        changed = [(after, max(at, since), cause) for after, at, cause in changed]
    if not follows_time(segment):
        return changed
    last = changed[-1][1] if changed else since
    later = () if until is None else _later(segment, doubt.customer, last, until)
    before = doubt.marks[0].before if doubt.marks else None
    return [*_between(segment, before, since, changed), *later]


def _from_the_start(
    segment: Segment, standing: Standing, doubt: Doubt, since: datetime
) -> Iterator[Chapter]:
    """For members that are being built: what a customer was to begin with, and what came then."""
    before = doubt.marks[0].before if doubt.marks else doubt.customer
    for after, at, _ in doubt.chapters:
        before = after if at <= since else before
    if before is not None:
        yield before, max(since, before.updated_at), standing.cause
    changed = [each for each in doubt.chapters if each[1] > since]
    yield from _between(segment, before, since, changed)


def _between(
    segment: Segment, before: Customer | None, since: datetime, changed: Iterable[Chapter]
) -> Iterator[Chapter]:
    """The changes, and before each of them what time has done since the one before."""
    for after, at, cause in changed:
        yield from _aged(segment, before, since, at - _INSTANT)
        yield after, at, cause
        before, since = after, at


def _later(
    segment: Segment, customer: Customer, since: datetime, until: datetime
) -> Iterator[Chapter]:
    """What time alone has done after the last change that is known of.

    A customer may have been changed since without a mark: by a write that did not know yet of the
    segment, or whose clock is ahead. What time did before that is found at that moment.
    """
    if customer.updated_at > since:
        yield customer, customer.updated_at, Cause.TIME
    yield from _aged(segment, customer, since, until)


def _aged(
    segment: Segment, customer: Customer | None, since: datetime, until: datetime
) -> Iterator[Chapter]:
    """What time alone may have done to a customer while nothing else changed them."""
    if customer is None or segment.rule is None or not follows_time(segment):
        return
    for moment in moments(segment.rule, customer, max(since, customer.updated_at), until):
        yield customer, moment, Cause.TIME


def _before(moment: datetime, offset: timedelta) -> datetime | None:
    try:
        return moment - offset
    except OverflowError:
        return None


_INSTANT = timedelta(microseconds=1)
_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
