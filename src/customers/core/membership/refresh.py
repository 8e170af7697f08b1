"""Settling: how a tenant's stored members catch up with customers, with rules and with time.

Each step is one short transaction, and leaves members that are right but for customers in doubt.
What a change means for one customer is said by `flips` in the model.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from attrs import evolve

from customers.core.model.membership import (
    Flip,
    Standing,
    flips,
    spans,
)
from customers.core.model.query import CustomerFilter, RuleAt
from customers.core.model.rules.matches import Readings
from customers.core.model.segment import Segment
from customers.core.ports import Clock, Storage, Transaction

# A step is short: nobody else is served by a process while it evaluates rules.
MOST_MARKED = 100
MOST_LOOKED_AT = 1_500
MOST_AGED = 200
# What is built while the one who published waits; the sweeper does the rest.
MOST_STEPS_AT_ONCE = 10
# How long they wait for writes that may not know yet what was published.
MOST_SECONDS_TO_WAIT = 1.0


async def settle_segment(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """Settles all that has happened until now, of this segment at least; members that are being
    built come some steps further. Writes nothing where nobody is in doubt. Raises SegmentNotFound.
    """
    async with storage.snapshot(tenant_id) as view:
        segment = await view.segments.get(segment_id)
        standing = (await view.segments.standings([segment_id]))[segment_id]
        aged = spans(segment, standing.settled_at, clock.now()) if standing.settled_at else ()
        is_settled = standing.is_ready and not await view.segments.doubts(aged, 1)
    if not is_settled:
        await build_at_once(storage, tenant_id, segment_id, clock)
        await catch_up(storage, tenant_id, [segment_id], clock)


async def catch_up(
    storage: Storage, tenant_id: str, segment_ids: Iterable[UUID], clock: Clock
) -> None:
    """Settles marks, and time for those of the segments whose members are ready."""
    await settle_marks(storage, tenant_id)
    for segment_id in segment_ids:
        while await take_step(storage, tenant_id, segment_id, clock.now(), builds=False):
            pass


async def settle_marks(storage: Storage, tenant_id: str) -> None:
    """Settles customers with marks until there are none."""
    settled = MOST_MARKED
    while settled == MOST_MARKED:
        async with storage.transaction(tenant_id) as tx:
            await tx.segments.lock_members()
            settled = await settle_marked(tx)


async def build_at_once(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """As `build`, for a caller who would rather wait a moment than find it has not begun."""
    async with storage.view(tenant_id) as view:
        standing = (await view.segments.standings([segment_id])).get(segment_id)
    if standing is not None and not standing.is_ready:
        await storage.wait_until_watched(tenant_id, segment_id, MOST_SECONDS_TO_WAIT)
        await build(storage, tenant_id, segment_id, clock)


async def build(storage: Storage, tenant_id: str, segment_id: UUID, clock: Clock) -> None:
    """Brings a segment's members some steps further, if no write keeps them from it."""
    for _ in range(MOST_STEPS_AT_ONCE):
        if not await take_step(storage, tenant_id, segment_id, clock.now()):
            return


async def take_step(
    storage: Storage, tenant_id: str, segment_id: UUID, now: datetime, *, builds: bool = True
) -> bool:
    """Brings a segment's members one step towards a moment; whether another one can follow."""
    async with storage.transaction(tenant_id) as tx:
        await tx.segments.lock_members()
        known = await tx.segments.standings([segment_id])
        if segment_id not in known or not (builds or known[segment_id].is_ready):
            return False
        segment = await tx.segments.get(segment_id)
        return await step(tx, segment, known[segment_id], now)


async def settle_marked(tx: Transaction, customer_ids: Collection[UUID] | None = None) -> int:
    """Settles some customers with marks, in a transaction that holds the members; how many."""
    doubts = await tx.segments.marked(MOST_MARKED, customer_ids)
    if not doubts:
        return 0
    standings = await tx.segments.standings()
    segments = [(each, standings[each.id]) for each in await tx.segments.all()]
    readings = Readings()
    found = [
        flip
        for doubt in doubts
        for segment, standing in segments
        for flip in flips(segment, standing, doubt, readings)
    ]
    await tx.segments.settle(sorted(found, key=_moment), doubts)
    return len(doubts)


async def settle_all_marked(tx: Transaction, customer_ids: Collection[UUID] | None = None) -> None:
    """As `settle_marked`, until none of them has marks."""
    while await settle_marked(tx, customer_ids) == MOST_MARKED:
        pass


async def step(tx: Transaction, segment: Segment, standing: Standing, now: datetime) -> bool:
    """As `take_step`, in a transaction that holds the members.

    Marks come first: what changed before a moment is told with its own, and not with the one for
    which members are settled by then, nor as if it had changed after a rule was published.
    """
    if await settle_marked(tx) == MOST_MARKED:
        return True
    if standing.is_ready:
        return await _follow_time(tx, segment, standing, now)
    return await _build(tx, segment, standing)


async def _build(tx: Transaction, segment: Segment, standing: Standing) -> bool:
    """Puts the next customers right of whom the segment and its stored members disagree."""
    if standing.goal is None:
        return False
    if standing.after is None and not await tx.segments.is_watched(segment.id):
        return False
    which = matching(segment, standing.goal)
    doubts, last = await tx.segments.contradicted(segment.id, which, standing.after, MOST_LOOKED_AT)
    readings = Readings()
    found = [flip for each in doubts for flip in flips(segment, standing, each, readings)]
    await tx.segments.settle(found)
    if last is None:
        await tx.segments.stand(segment.id, Standing(settled_at=standing.goal))
        return False
    seen = standing.seen + MOST_LOOKED_AT
    await tx.segments.stand(segment.id, evolve(standing, after=last, seen=seen))
    return True


async def _follow_time(
    tx: Transaction, segment: Segment, standing: Standing, now: datetime
) -> bool:
    """Moves the next customers whose time has come, up to the goal of the round, else to now."""
    settled_at = standing.settled_at or now
    goal = standing.goal or max(now, settled_at)
    aged = spans(segment, settled_at, goal)
    doubts = await tx.segments.aged(aged, standing.after, MOST_AGED) if aged else ()
    if not doubts and standing.goal is None:
        return False
    readings = Readings()
    found = [flip for each in doubts for flip in flips(segment, standing, each, readings, goal)]
    await tx.segments.settle(sorted(found, key=_moment))
    if len(doubts) == MOST_AGED:
        after = doubts[-1].customer.id
        await tx.segments.stand(segment.id, evolve(standing, goal=goal, after=after))
    else:
        await tx.segments.stand(segment.id, Standing(settled_at=goal))
    return goal < now or len(doubts) == MOST_AGED


def matching(segment: Segment, now: datetime) -> CustomerFilter | None:
    """Those who belong to a segment at a moment, looked for by what it says; None is nobody."""
    if not segment.is_active:
        return None
    if not segment.is_dynamic:
        return CustomerFilter(assigned_to=segment.id)
    if segment.rule is None or segment.rule.is_empty:
        return None
    return CustomerFilter(rule=RuleAt(rule=segment.rule, now=now))


def _moment(flip: Flip) -> datetime:
    return flip.at
