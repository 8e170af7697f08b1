"""Timelines as data: cases of refresh states, pending changes and kinds of rules."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from attrs import evolve, frozen

from customers.core.model.customer import Customer
from customers.core.model.membership import Cause, MembershipChange, RefreshState
from customers.core.model.pending_changes import PendingChange, StaleCandidate
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.segment import Segment
from customers.core.model.timeline import membership_changes
from tests.support.builders import NOW, a_customer, a_dynamic_segment, a_segment, later

VIPS = a_dynamic_segment('[{"field": "tags", "operator": "contains", "value": "vip"}]')
OLD = a_dynamic_segment('[{"field": "days_since_created", "operator": "gte", "value": 2}]')
NEW = a_dynamic_segment('[{"field": "days_since_created", "operator": "lt", "value": 2}]')
ONE_DAY_OLD = a_dynamic_segment('[{"field": "days_since_created", "operator": "eq", "value": 1}]')
MANUAL = a_segment()

INSTANT = timedelta(microseconds=1)
READY = RefreshState(watermark=NOW)
BACKFILL = RefreshState(target=NOW, cause=Cause.RULE)

Change = tuple[bool, datetime, Cause]


def created(**overrides: Any) -> Customer:
    """A customer created at `NOW`, without the tag vip."""
    return a_customer(created_at=NOW, **overrides)


def updated(customer: Customer, at: datetime, **fields: Any) -> Customer:
    return evolve(customer, updated_at=at, **fields)


def entered(at: datetime, cause: Cause = Cause.CUSTOMER) -> Change:
    return (True, at, cause)


def left(at: datetime, cause: Cause = Cause.CUSTOMER) -> Change:
    return (False, at, cause)


def candidate(*versions: Customer | None, at: tuple[datetime, ...] = ()) -> StaleCandidate:
    """A customer with a pending change between each version and the next. None stands for no
    customer yet, or for a version that is no longer known.

    `at` are the moments of the changes; without them each has the update time of its new version.
    """
    customer = versions[-1]
    assert customer is not None
    moments = at or tuple((version or customer).updated_at for version in versions[1:])
    return StaleCandidate(
        customer=customer,
        pending_changes=tuple(
            PendingChange(number=number, at=moment, cause=Cause.CUSTOMER, before=before)
            for number, (moment, (before, _)) in enumerate(
                zip(moments, pairwise(versions), strict=True)
            )
        ),
    )


@frozen(kw_only=True)
class Case:
    """A stale candidate of a segment in a refresh state, and the changes to expect."""

    segment: Segment
    state: RefreshState
    candidate: StaleCandidate
    is_stored: bool = False
    is_assigned: bool = False
    until: datetime | None = None
    expected: tuple[Change, ...] = ()

    def changes(self) -> list[MembershipChange]:
        own_id = frozenset({self.segment.id})
        nobody: frozenset[UUID] = frozenset()
        stale = evolve(
            self.candidate,
            member_of=own_id if self.is_stored else nobody,
            assigned_to=own_id if self.is_assigned else nobody,
        )
        cache = CustomerValuesCache()
        return membership_changes(self.segment, self.state, stale, cache, self.until)


_plain = created()
_vip = updated(_plain, later(hours=1), tags=("vip",))
_early = a_customer(created_at=later(days=-5), updated_at=later(days=-5))

BACKFILL_CASES = {
    "without pending changes a match enters at the target": Case(
        segment=VIPS,
        state=BACKFILL,
        candidate=candidate(evolve(_early, tags=("vip",))),
        expected=(entered(NOW, Cause.RULE),),
    ),
    "without pending changes a stored member who does not match leaves at the target": Case(
        segment=VIPS,
        state=BACKFILL,
        candidate=candidate(_early),
        is_stored=True,
        expected=(left(NOW, Cause.RULE),),
    ),
    "a stored member who matches stays": Case(
        segment=VIPS, state=BACKFILL, candidate=candidate(_vip), is_stored=True
    ),
    "an update after the target without a pending change dates the entry": Case(
        segment=VIPS,
        state=BACKFILL,
        candidate=candidate(_vip),
        expected=(entered(later(hours=1), Cause.RULE),),
    ),
    "without a target the update dates the entry": Case(
        segment=VIPS,
        state=RefreshState(),
        candidate=candidate(_vip),
        expected=(entered(later(hours=1), Cause.SEGMENT),),
    ),
    "a pending change after the target keeps its moment and cause": Case(
        segment=VIPS,
        state=BACKFILL,
        candidate=candidate(
            evolve(_early, tags=("vip",)), updated(_early, later(hours=1), tags=())
        ),
        expected=(entered(NOW, Cause.RULE), left(later(hours=1))),
    ),
    "a pending change before the target is an effect of the rule": Case(
        segment=VIPS,
        state=BACKFILL,
        candidate=candidate(_early, updated(_early, later(hours=-1), tags=("vip",))),
        expected=(entered(NOW, Cause.RULE),),
    ),
    "a pending change at the target is an effect of the rule": Case(
        segment=VIPS,
        state=BACKFILL,
        candidate=candidate(_early, updated(_early, NOW, tags=("vip",))),
        expected=(entered(NOW, Cause.RULE),),
    ),
    "a customer created before the target is an effect of the rule": Case(
        segment=VIPS,
        state=BACKFILL,
        candidate=candidate(None, updated(_early, later(hours=-1), tags=("vip",))),
        expected=(entered(NOW, Cause.RULE),),
    ),
    "a customer created after the target enters at their creation": Case(
        segment=NEW,
        state=BACKFILL,
        candidate=candidate(None, created(updated_at=later(hours=1))),
        expected=(entered(later(hours=1)),),
    ),
    "time that passes between the target and a pending change is followed": Case(
        segment=OLD,
        state=BACKFILL,
        candidate=candidate(_plain, updated(_plain, later(days=3), first_name="Eve")),
        expected=(entered(later(days=2), Cause.TIME),),
    ),
    "time after the last version is not followed": Case(
        segment=OLD, state=BACKFILL, candidate=candidate(_plain)
    ),
    "everyone leaves an inactive segment at the target": Case(
        segment=evolve(VIPS, is_active=False),
        state=RefreshState(target=later(hours=2)),
        candidate=candidate(_plain, _vip),
        is_stored=True,
        expected=(left(later(hours=2), Cause.SEGMENT),),
    ),
    "an assigned customer enters a manual segment and leaves when deleted": Case(
        segment=MANUAL,
        state=BACKFILL,
        candidate=candidate(_early, _early.deleted(later(hours=1))),
        is_assigned=True,
        expected=(entered(NOW, Cause.RULE), left(later(hours=1))),
    ),
}

WITHOUT_TIME_CASES = {
    "without pending changes nothing changes, even after an update": Case(
        segment=VIPS, state=READY, candidate=candidate(_vip), until=later(days=9)
    ),
    "every pending change has its own moment, also one that is undone": Case(
        segment=VIPS,
        state=READY,
        candidate=candidate(_plain, _vip, updated(_vip, later(hours=2), tags=())),
        expected=(entered(later(hours=1)), left(later(hours=2))),
    ),
    "a pending change that does not change the membership is left out": Case(
        segment=VIPS,
        state=READY,
        candidate=candidate(_vip, updated(_vip, later(hours=2), first_name="Eve")),
        is_stored=True,
    ),
    "a new customer enters at their creation": Case(
        segment=VIPS,
        state=READY,
        candidate=candidate(None, _vip),
        expected=(entered(later(hours=1)),),
    ),
    "a version that is no longer known is left out": Case(
        segment=VIPS,
        state=READY,
        candidate=candidate(_plain, None, updated(_vip, later(hours=3)), at=(NOW, later(hours=3))),
        expected=(entered(later(hours=3)),),
    ),
    "only a pending change before the watermark is dated at the watermark": Case(
        segment=VIPS,
        state=READY,
        candidate=candidate(
            _early,
            updated(_early, later(hours=-1), tags=("vip",)),
            updated(_early, later(hours=1), tags=()),
        ),
        expected=(entered(NOW), left(later(hours=1))),
    ),
    "a deleted customer leaves a manual segment": Case(
        segment=MANUAL,
        state=READY,
        candidate=candidate(_plain, _plain.deleted(later(hours=1))),
        is_stored=True,
        is_assigned=True,
        expected=(left(later(hours=1)),),
    ),
}

WITH_TIME_CASES = {
    "a threshold is not crossed the instant before": Case(
        segment=OLD, state=READY, candidate=candidate(_plain), until=later(days=2) - INSTANT
    ),
    "a threshold is crossed at its moment": Case(
        segment=OLD,
        state=READY,
        candidate=candidate(_plain),
        until=later(days=2),
        expected=(entered(later(days=2), Cause.TIME),),
    ),
    "several thresholds are crossed one after the other": Case(
        segment=ONE_DAY_OLD,
        state=READY,
        candidate=candidate(_plain),
        until=later(days=9),
        expected=(entered(later(days=1), Cause.TIME), left(later(days=2), Cause.TIME)),
    ),
    "a threshold before the watermark is not crossed again": Case(
        segment=ONE_DAY_OLD, state=READY, candidate=candidate(_early), until=later(days=9)
    ),
    "an update without a pending change dates earlier crossings": Case(
        segment=OLD,
        state=READY,
        candidate=candidate(
            a_customer(created_at=later(days=-1), updated_at=later(days=1, hours=1))
        ),
        until=later(days=3),
        expected=(entered(later(days=1, hours=1), Cause.TIME),),
    ),
    "a crossing that is over at an update without a pending change is left out": Case(
        segment=ONE_DAY_OLD,
        state=READY,
        candidate=candidate(created(updated_at=later(days=5))),
        until=later(days=9),
    ),
    "an update at the watermark is in the stored membership": Case(
        segment=NEW, state=READY, candidate=candidate(_plain), until=later(days=1)
    ),
    "an update before the watermark is in the stored membership": Case(
        segment=OLD, state=READY, candidate=candidate(_early), is_stored=True, until=later(days=1)
    ),
    "without an end nothing after the last version is examined": Case(
        segment=OLD,
        state=READY,
        candidate=candidate(_plain, updated(_plain, later(days=1), first_name="Eve")),
    ),
    "a crossing after the last version is followed up to the end": Case(
        segment=OLD,
        state=READY,
        candidate=candidate(_plain, updated(_plain, later(days=1), first_name="Eve")),
        until=later(days=2),
        expected=(entered(later(days=2), Cause.TIME),),
    ),
    "a crossing before a pending change comes before it": Case(
        segment=OLD,
        state=READY,
        candidate=candidate(_plain, updated(_plain, later(days=3), first_name="Eve")),
        expected=(entered(later(days=2), Cause.TIME),),
    ),
    "a pending change at the moment of a crossing is the cause": Case(
        segment=OLD,
        state=READY,
        candidate=candidate(_plain, updated(_plain, later(days=2), first_name="Eve")),
        expected=(entered(later(days=2)),),
    ),
    "time does not move a deleted customer": Case(
        segment=NEW,
        state=READY,
        candidate=candidate(_plain, _plain.deleted(later(days=1))),
        is_stored=True,
        until=later(days=9),
        expected=(left(later(days=1)),),
    ),
    "a crossing while the customer was deleted is dated at the restoration": Case(
        segment=OLD,
        state=READY,
        candidate=candidate(
            _plain,
            _plain.deleted(later(days=1)),
            _plain.deleted(later(days=1)).restored(later(days=3)),
        ),
        expected=(entered(later(days=3)),),
    ),
    "a new customer crosses no threshold before their creation": Case(
        segment=ONE_DAY_OLD,
        state=READY,
        candidate=candidate(None, updated(_plain, later(days=5))),
        until=later(days=9),
    ),
    "crossings before a version are not repeated after it": Case(
        segment=ONE_DAY_OLD,
        state=READY,
        candidate=candidate(None, _plain, _plain, at=(later(days=5), later(days=6))),
        until=later(days=9),
    ),
    "crossings between two versions are not repeated after the last one": Case(
        segment=ONE_DAY_OLD,
        state=READY,
        candidate=candidate(None, _plain, _plain, at=(later(hours=12), later(days=6))),
        until=later(days=9),
        expected=(entered(later(days=1), Cause.TIME), left(later(days=2), Cause.TIME)),
    ),
    "a customer before the cursor of a pass is followed from its target": Case(
        segment=ONE_DAY_OLD,
        state=evolve(READY, target=later(days=3), cursor=_plain.id),
        candidate=candidate(_plain, updated(_plain, later(days=4), first_name="Eve")),
    ),
    "a customer after the cursor of a pass is followed from the watermark": Case(
        segment=OLD,
        state=evolve(READY, target=later(days=3), cursor=UUID(int=0)),
        candidate=candidate(_plain, updated(_plain, later(days=4), first_name="Eve")),
        expected=(entered(later(days=2), Cause.TIME),),
    ),
    "time does not move anyone in an inactive segment": Case(
        segment=evolve(OLD, is_active=False),
        state=READY,
        candidate=candidate(_plain),
        until=later(days=9),
    ),
}
