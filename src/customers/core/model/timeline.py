"""The timeline of a customer's membership in one segment: which changes a stale candidate gives.

The membership is a state machine with two states. It begins in the stored state, and its input is
a series of versions of the customer, each with a moment and a cause:

    +---------+ --- the version is a member ------> entered ---> +--------+
    | outside |                                                  | inside |
    +---------+ <--- left <------ the version is not a member -- +--------+

A version that agrees with the state changes nothing. A version is a member if the segment is
active, the customer is living, and the rule matches at that moment, or for a manual segment the
customer is assigned. Which versions there are depends on the refresh state, on the pending changes,
and on whether the rule depends on time:

| refresh state | pending changes | versions, in order                                             |
|---------------|-----------------|----------------------------------------------------------------|
| backfill      | none            | the customer, at `target` or at a later update                 |
| backfill      | some            | the version at `target`, then each later one with crossings    |
| ready, no time| none            | none                                                           |
| ready, no time| some            | each version, at the watermark or later                        |
| ready, time   | none            | the customer at an update after the watermark, then crossings  |
| ready, time   | some            | each version with crossings, then crossings after the last one |

Crossings are the moments at which the unchanged customer crosses a threshold of the rule: between
one version and the next, and after the last one up to `until`; without `until` there are none after
the last version.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.membership import (
    Cause,
    DateRange,
    MembershipChange,
    RefreshState,
    depends_on_time,
    is_member,
)
from customers.core.model.pending_changes import CustomerVersion, StaleCandidate
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.rules.timing import crossing_times, thresholds
from customers.core.model.segment import Segment


def membership_changes(
    segment: Segment,
    refresh_state: RefreshState,
    candidate: StaleCandidate,
    cache: CustomerValuesCache,
    until: datetime | None = None,
) -> list[MembershipChange]:
    """Every entry and exit of a customer since the members were refreshed, up to the last pending
    change or to `until`. All segments can share `cache`.
    """
    inside = segment.id in candidate.member_of
    changes: list[MembershipChange] = []
    for version in _timeline(segment, refresh_state, candidate, until):
        values = cache.at(version.customer, version.at)
        if is_member(segment, values, candidate.assigned_to) is not inside:
            inside = not inside
            changes.append(version.membership_change(segment.id, entered=inside))
    return changes


def crossed_ranges(segment: Segment, since: datetime, until: datetime) -> list[DateRange]:
    """The date ranges of the customers who crossed a threshold of the rule from `since` to `until`,
    both included; empty if `until` is not after `since`, or if the segment is not active.
    """
    if segment.rule is None or not segment.is_active or until <= since:
        return []
    return [
        DateRange(date=threshold.date, low=low, high=high)
        for threshold in sorted(thresholds(segment.rule), key=_threshold_order)
        if (high := _earlier(until, threshold.offset)) is not None
        for low in [_earlier(since, threshold.offset) or _FIRST_MOMENT]
    ]


def _timeline(
    segment: Segment, refresh_state: RefreshState, candidate: StaleCandidate, until: datetime | None
) -> Iterable[CustomerVersion]:
    """The versions of the customer to evaluate, in order: see the table at the top of this file."""
    customer_id = candidate.customer.id
    since = refresh_state.watermark_of(customer_id) or refresh_state.target or _FIRST_MOMENT
    if not refresh_state.is_ready:
        return _backfilled(segment, refresh_state, candidate, since)
    versions = candidate.versions
    if versions and versions[0].at < since:  # the feed never goes back beyond the watermark
        versions = [evolve(version, at=max(version.at, since)) for version in versions]
    if not depends_on_time(segment):
        return versions
    last = versions[-1].at if versions else since
    later = () if until is None else _after_last_change(segment, candidate.customer, last, until)
    before = candidate.pending_changes[0].before if candidate.pending_changes else None
    return [*_with_crossings(segment, before, since, versions), *later]


def _backfilled(
    segment: Segment, refresh_state: RefreshState, candidate: StaleCandidate, since: datetime
) -> Iterator[CustomerVersion]:
    """The version at the target of a backfill, then each later one with crossings."""
    pending = candidate.pending_changes
    customer = pending[0].before if pending else candidate.customer
    for version in candidate.versions:
        customer = version.customer if version.at <= since else customer
    if customer is not None:
        at = max(since, customer.updated_at)
        yield CustomerVersion(customer=customer, at=at, cause=refresh_state.cause)
    later = [version for version in candidate.versions if version.at > since]
    yield from _with_crossings(segment, customer, since, later)


def _with_crossings(
    segment: Segment, before: Customer | None, since: datetime, versions: Iterable[CustomerVersion]
) -> Iterator[CustomerVersion]:
    """The versions, each preceded by the crossings since the previous one."""
    for version in versions:
        yield from _crossings(segment, before, since, version.at - _INSTANT)
        yield version
        before, since = version.customer, version.at


def _after_last_change(
    segment: Segment, customer: Customer, since: datetime, until: datetime
) -> Iterator[CustomerVersion]:
    """The crossings after the last version, up to `until`.

    A write whose pending change is already applied, or that began before the capture barrier, may
    have updated the customer after `since`. Crossings before the update are dated at the update.
    """
    if customer.updated_at > since:
        yield CustomerVersion(customer=customer, at=customer.updated_at, cause=Cause.TIME)
    yield from _crossings(segment, customer, since, until)


def _crossings(
    segment: Segment, customer: Customer | None, since: datetime, until: datetime
) -> Iterator[CustomerVersion]:
    """The customer at each moment at which they cross a threshold of the rule, by time alone."""
    if customer is None or segment.rule is None or not depends_on_time(segment):
        return
    for at in crossing_times(segment.rule, customer, max(since, customer.updated_at), until):
        yield CustomerVersion(customer=customer, at=at, cause=Cause.TIME)


def _earlier(moment: datetime, offset: timedelta) -> datetime | None:
    try:
        return moment - offset
    except OverflowError:
        return None


_INSTANT = timedelta(microseconds=1)
_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
_threshold_order = attrgetter("date", "offset")
