"""Refreshing stored members: applying pending changes, backfills, and what time alone changed.

Each step is one short transaction. Between steps, stored members are exact except for stale
candidates; those of a segment that is being built become exact with the last step of its backfill.
`core/model/timeline.py` decides what a change means for one customer.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from attrs import evolve

from customers.core.membership.failed_builds import BuildFailed, evaluating, in_step
from customers.core.model.customer_filter import CustomerFilter, RuleAt
from customers.core.model.membership import MembershipChange, RefreshState, build_error
from customers.core.model.pending_changes import StaleCandidate
from customers.core.model.rules.cost import evaluation_cost
from customers.core.model.rules.matches import CustomerValuesCache
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges, membership_changes
from customers.core.ports.clock import Clock
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction

# Steps are short, because each holds the membership lock of its tenant.
MAX_PENDING_PER_STEP = 100
MAX_SCANNED_PER_STEP = 1_500
MAX_CROSSED_PER_STEP = 200
MAX_COST_PER_STEP = 100_000
# The most steps of a backfill in one request, or in one visit of the sweeper to a tenant.
MAX_STEPS_PER_REQUEST = 10
# How long a request waits for writes that began before the backfill.
MAX_SECONDS_TO_WAIT = 1.0


async def refresh_segment(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """Refreshes one segment up to now, and advances its backfill if it has one.

    Writes nothing if there is no backfill and no stale candidate. Raises SegmentNotFound.
    """
    async with storage.consistent_view(tenant_id) as view:
        segment = await view.segments.get(segment_id)
        state = (await view.memberships.refresh_states([segment_id]))[segment_id]
        ranges = crossed_ranges(segment, state.watermark, clock.now()) if state.watermark else ()
        is_stale = state.is_building or await view.memberships.stale_candidates(ranges, 1)
    if is_stale:
        await start_backfill(storage, tenant_id, segment_id, clock)
        await catch_up(storage, tenant_id, [segment_id], clock)


async def catch_up(
    storage: Storage,
    tenant_id: str,
    segment_ids: Iterable[UUID],
    clock: Clock,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Applies the tenant's pending changes, then refreshes these segments up to now, except
    those whose members are not built. Stops early when `is_over` returns True. A failed build is
    recorded, but not raised.
    """
    await apply_pending_changes(storage, tenant_id, is_over)
    for segment_id in segment_ids:
        with suppress(BuildFailed):
            while not is_over() and await refresh_step(
                storage, tenant_id, segment_id, clock.now(), backfills=False
            ):
                pass


async def apply_pending_changes(
    storage: Storage, tenant_id: str, is_over: Callable[[], bool] = lambda: False
) -> None:
    """Applies all pending changes of a tenant, one batch per transaction. Stops early when
    `is_over` returns True.

    A segment that cannot be evaluated is left out from then on: its build has failed.
    """
    has_more = True
    while has_more and not is_over():
        with suppress(BuildFailed):
            has_more = await in_step(storage, tenant_id, apply_pending_batch)


async def start_backfill(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """Advances a segment's backfill, if it has one, as `backfill` does, after waiting a short time
    for the capture barrier to pass. A failed build is recorded, but not raised.
    """
    async with storage.view(tenant_id) as view:
        state = (await view.memberships.refresh_states([segment_id])).get(segment_id)
    if state is not None and state.is_building:
        await storage.wait_for_capture_barrier(tenant_id, segment_id, MAX_SECONDS_TO_WAIT)
        with suppress(BuildFailed):
            await backfill(storage, tenant_id, segment_id, clock)


async def backfill(
    storage: Storage,
    tenant_id: str,
    segment_id: UUID,
    clock: Clock,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Advances a segment's backfill by some steps, if its capture barrier has passed. Stops early
    when `is_over` returns True. Raises BuildFailed.
    """
    for _ in range(MAX_STEPS_PER_REQUEST):
        if is_over() or not await refresh_step(
            storage.analytic, tenant_id, segment_id, clock.now()
        ):
            return


@retries_conflict
async def refresh_step(
    storage: Storage, tenant_id: str, segment_id: UUID, now: datetime, *, backfills: bool = True
) -> bool:
    """Advances a segment one step towards `now`; returns whether another step can follow. Does
    nothing if `backfills` is False and the members are not built. Raises BuildFailed.
    """

    async def step(tx: Transaction) -> bool:
        states = await tx.memberships.refresh_states([segment_id])
        if segment_id not in states or not (backfills or states[segment_id].is_ready):
            return False
        segment = await tx.segments.get(segment_id)
        return await advance(tx, segment, states[segment_id], now)

    return await in_step(storage, tenant_id, step)


async def apply_pending_batch(
    tx: Transaction, customer_ids: Collection[UUID] | None = None
) -> bool:
    """Applies some pending changes of these customers (None: of all customers of the tenant);
    returns whether there may be more.

    Needs the membership lock. Raises BuildFailed.
    """
    candidates = await tx.memberships.with_pending_changes(MAX_PENDING_PER_STEP, customer_ids)
    if not candidates:
        return False
    states = await tx.memberships.refresh_states()
    segments = [
        segment
        for segment in await tx.segments.all()
        if build_error(segment, states[segment.id]) is None
    ]
    batch = candidates[: step_size(MAX_PENDING_PER_STEP, segments)]
    cache, changes = CustomerValuesCache(), list[MembershipChange]()
    for segment in segments:
        changes += await _changes(tx, segment, states[segment.id], batch, cache=cache)
    await tx.memberships.apply(sorted(changes, key=_moment), batch)
    return len(candidates) == MAX_PENDING_PER_STEP or len(batch) < len(candidates)


async def apply_all_pending(tx: Transaction, customer_ids: Collection[UUID] | None = None) -> None:
    """Calls `apply_pending_batch` until none of the customers has pending changes."""
    while await apply_pending_batch(tx, customer_ids):
        pass


def step_size(maximum: int, segments: Sequence[Segment]) -> int:
    """The number of customers for whom all segments are evaluated in one step, 1 to `maximum`."""
    return max(min(maximum, MAX_COST_PER_STEP // max(cost_of(segments), 1)), 1)


def cost_of(segments: Iterable[Segment]) -> int:
    """The cost of evaluating all segments for one customer; see `evaluation_cost`."""
    return sum(1 if one.rule is None else evaluation_cost(one.rule) for one in segments)


async def advance(tx: Transaction, segment: Segment, state: RefreshState, now: datetime) -> bool:
    """As `refresh_step`, in a transaction that holds the membership lock. Pending changes are
    applied first, so that each change keeps its own date in the feed, and gets neither the date of
    a later watermark nor that of a later rule.
    """
    if await apply_pending_batch(tx):
        return True
    if (segment.rule is not None and segment.rule.is_too_expensive) and segment.is_active:
        await tx.memberships.save_refresh_state(segment.id, state.failed())
        return False
    if state.is_ready:
        return await _advance_time(tx, segment, state, now)
    return await _advance_backfill(tx, segment, state)


async def _advance_backfill(tx: Transaction, segment: Segment, state: RefreshState) -> bool:
    """Corrects the next customers on whom the rule and the stored members differ."""
    if state.target is None:
        return False
    if state.cursor is None and not await tx.memberships.capture_barrier_passed(segment.id):
        return False
    with evaluating(segment, state):
        candidates, last = await tx.memberships.mismatched(
            segment.id, segment_filter(segment, state.target), state.cursor, MAX_SCANNED_PER_STEP
        )
    size = step_size(MAX_SCANNED_PER_STEP, [segment])
    for start in range(0, len(candidates), size):  # a slice costs at most MAX_COST_PER_STEP
        changes = await _changes(tx, segment, state, candidates[start : start + size])
        await tx.memberships.apply(changes)
    ready = RefreshState(watermark=state.target)
    advanced = evolve(state, cursor=last, scanned=state.scanned + MAX_SCANNED_PER_STEP)
    await tx.memberships.save_refresh_state(segment.id, ready if last is None else advanced)
    return last is not None


async def _advance_time(
    tx: Transaction, segment: Segment, state: RefreshState, now: datetime
) -> bool:
    """Updates the next customers who crossed a threshold up to the target of the pass, or up to
    `now` if no pass is under way.
    """
    target, limit = state.target or now, step_size(MAX_CROSSED_PER_STEP, [segment])
    ranges = crossed_ranges(segment, state.watermark or now, target)
    candidates = await tx.memberships.crossed(ranges, state.cursor, limit) if ranges else ()
    if not candidates and state.target is None:
        return False
    changes = await _changes(tx, segment, state, candidates, target)
    await tx.memberships.apply(sorted(changes, key=_moment))
    advanced = RefreshState(watermark=target)
    if len(candidates) == limit:
        advanced = evolve(state, target=target, cursor=candidates[-1].customer.id)
    await tx.memberships.save_refresh_state(segment.id, advanced)
    return target < now or len(candidates) == limit


async def _changes(
    tx: Transaction,
    segment: Segment,
    state: RefreshState,
    candidates: Iterable[StaleCandidate],
    until: datetime | None = None,
    *,
    cache: CustomerValuesCache | None = None,
) -> list[MembershipChange]:
    """The membership changes of all candidates; see `membership_changes`. Raises BuildFailed."""
    cache, changes = cache or CustomerValuesCache(), list[MembershipChange]()
    for candidate in candidates:
        with evaluating(segment, state):
            changes += membership_changes(segment, state, candidate, cache, until)
        await tx.give_way()
    return changes


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
