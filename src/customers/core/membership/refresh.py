"""Refreshing stored members: applying pending changes, backfills, and what time alone changed.

Each step is one short transaction, and leaves members that are exact but for stale candidates.
`core/model/timeline.py` decides what a change means for one customer.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from attrs import evolve

from customers.core.model.membership import MembershipChange, RefreshState, StaleCandidate
from customers.core.model.query import CustomerFilter, RuleAt
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges, membership_changes
from customers.core.ports.clock import Clock
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction

# Steps are short, because a process serves nobody else while it evaluates rules.
MAX_PENDING_PER_STEP = 100
MAX_SCANNED_PER_STEP = 1_500
MAX_CROSSED_PER_STEP = 200
# The steps of a backfill in the publishing request; the sweeper does the others.
MAX_STEPS_PER_REQUEST = 10
# How long a publishing request waits for writes that began before the segment was stored.
MAX_SECONDS_TO_WAIT = 1.0


async def refresh_segment(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """Refreshes one segment up to now, and advances its backfill if it has one.

    Writes nothing when there are no stale candidates. Raises SegmentNotFound.
    """
    async with storage.consistent_view(tenant_id) as view:
        segment = await view.segments.get(segment_id)
        state = (await view.memberships.refresh_states([segment_id]))[segment_id]
        ranges = crossed_ranges(segment, state.watermark, clock.now()) if state.watermark else ()
        is_fresh = state.is_ready and not await view.memberships.stale_candidates(ranges, 1)
    if not is_fresh:
        await start_backfill(storage, tenant_id, segment_id, clock)
        await catch_up(storage, tenant_id, [segment_id], clock)


async def catch_up(
    storage: Storage, tenant_id: str, segment_ids: Iterable[UUID], clock: Clock
) -> None:
    """Applies the tenant's pending changes, and time to those of the segments that are ready."""
    await apply_pending_changes(storage, tenant_id)
    for segment_id in segment_ids:
        while await refresh_step(storage, tenant_id, segment_id, clock.now(), backfills=False):
            pass


@retries_conflict
async def apply_pending_changes(storage: Storage, tenant_id: str) -> None:
    """Applies all pending changes of a tenant, a batch per transaction."""
    applied = MAX_PENDING_PER_STEP
    while applied == MAX_PENDING_PER_STEP:
        async with storage.transaction(tenant_id) as tx:
            await tx.memberships.acquire_lock()
            applied = await apply_pending_batch(tx)


async def start_backfill(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """As `backfill`, after waiting a short time for the capture barrier to pass."""
    async with storage.view(tenant_id) as view:
        state = (await view.memberships.refresh_states([segment_id])).get(segment_id)
    if state is not None and not state.is_ready:
        await storage.wait_for_capture_barrier(tenant_id, segment_id, MAX_SECONDS_TO_WAIT)
        await backfill(storage, tenant_id, segment_id, clock)


async def backfill(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """Advances a segment's backfill by some steps, if its capture barrier has passed."""
    for _ in range(MAX_STEPS_PER_REQUEST):
        if not await refresh_step(storage.analytic, tenant_id, segment_id, clock.now()):
            return


@retries_conflict
async def refresh_step(
    storage: Storage, tenant_id: str, segment_id: UUID, now: datetime, *, backfills: bool = True
) -> bool:
    """Advances a segment one step towards `now`; returns whether another step can follow."""
    async with storage.transaction(tenant_id) as tx:
        await tx.memberships.acquire_lock()
        states = await tx.memberships.refresh_states([segment_id])
        if segment_id not in states or not (backfills or states[segment_id].is_ready):
            return False
        segment = await tx.segments.get(segment_id)
        return await advance(tx, segment, states[segment_id], now)


async def apply_pending_batch(tx: Transaction, customer_ids: Collection[UUID] | None = None) -> int:
    """Applies the pending changes of some customers; returns the number of customers.

    Needs the membership lock.
    """
    candidates = await tx.memberships.with_pending_changes(MAX_PENDING_PER_STEP, customer_ids)
    if not candidates:
        return 0
    states = await tx.memberships.refresh_states()
    segments = [(segment, states[segment.id]) for segment in await tx.segments.all()]
    cache = CustomerValuesCache()
    changes = [
        change
        for candidate in candidates
        for segment, state in segments
        for change in membership_changes(segment, state, candidate, cache)
    ]
    await tx.memberships.apply(sorted(changes, key=_moment), candidates)
    return len(candidates)


async def apply_all_pending(tx: Transaction, customer_ids: Collection[UUID] | None = None) -> None:
    """As `apply_pending_batch`, until none of the customers has pending changes."""
    while await apply_pending_batch(tx, customer_ids) == MAX_PENDING_PER_STEP:
        pass


async def advance(tx: Transaction, segment: Segment, state: RefreshState, now: datetime) -> bool:
    """As `refresh_step`, in a transaction that holds the membership lock.

    Pending changes are applied first, so that a change keeps its own date in the feed: it is not
    dated by a later watermark, nor after the publication of a later rule.
    """
    if await apply_pending_batch(tx) == MAX_PENDING_PER_STEP:
        return True
    if state.is_ready:
        return await _advance_time(tx, segment, state, now)
    return await _advance_backfill(tx, segment, state)


async def _advance_backfill(tx: Transaction, segment: Segment, state: RefreshState) -> bool:
    """Corrects the next customers on whom the rule and the stored members differ."""
    if state.target is None:
        return False
    if state.cursor is None and not await tx.memberships.capture_barrier_passed(segment.id):
        return False
    candidates, last = await tx.memberships.mismatched(
        segment.id, segment_filter(segment, state.target), state.cursor, MAX_SCANNED_PER_STEP
    )
    await tx.memberships.apply(_changes(segment, state, candidates))
    ready = RefreshState(watermark=state.target)
    advanced = evolve(state, cursor=last, scanned=state.scanned + MAX_SCANNED_PER_STEP)
    await tx.memberships.save_refresh_state(segment.id, ready if last is None else advanced)
    return last is not None


async def _advance_time(
    tx: Transaction, segment: Segment, state: RefreshState, now: datetime
) -> bool:
    """Updates the next customers who crossed a threshold before the target of the pass, or now."""
    target, limit = state.target or now, MAX_CROSSED_PER_STEP
    ranges = crossed_ranges(segment, state.watermark or now, target)
    candidates = await tx.memberships.crossed(ranges, state.cursor, limit) if ranges else ()
    if not candidates and state.target is None:
        return False
    changes = _changes(segment, state, candidates, target)
    await tx.memberships.apply(sorted(changes, key=_moment))
    advanced = RefreshState(watermark=target)
    if len(candidates) == limit:
        advanced = evolve(state, target=target, cursor=candidates[-1].customer.id)
    await tx.memberships.save_refresh_state(segment.id, advanced)
    return target < now or len(candidates) == limit


def _changes(
    segment: Segment,
    state: RefreshState,
    candidates: Iterable[StaleCandidate],
    until: datetime | None = None,
) -> list[MembershipChange]:
    """The membership changes of all candidates; see `membership_changes`."""
    cache = CustomerValuesCache()
    return [
        change
        for candidate in candidates
        for change in membership_changes(segment, state, candidate, cache, until)
    ]


def segment_filter(segment: Segment, now: datetime) -> CustomerFilter | None:
    """The filter that finds the members of a segment by its definition; None matches nobody."""
    if not segment.is_active:
        return None
    if not segment.is_dynamic:
        return CustomerFilter(assigned_to=segment.id)
    if segment.rule is None or segment.rule.is_empty:
        return None
    return CustomerFilter(rule=RuleAt(rule=segment.rule, now=now))


_moment = attrgetter("at")
