"""Publishing a segment: storing it, and deciding whether its members must be built again."""

from datetime import datetime

from customers.core.errors import SegmentBuilding, SegmentLimitExceeded
from customers.core.membership.refresh import advance, segment_filter
from customers.core.model.membership import (
    Assignment,
    Cause,
    RefreshState,
    depends_on_orders,
    expect_built,
)
from customers.core.model.segment import MAX_SEGMENTS, Segment
from customers.core.ports.storage import Transaction


async def publish(
    tx: Transaction,
    before: Segment | None,
    after: Segment,
    now: datetime,
    *,
    retries: bool = False,
) -> None:
    """Stores a new or changed segment. Starts a backfill if its members may change, or if `retries`
    is True, which repeats a failed backfill.

    Needs the membership lock. Raises SegmentLimitExceeded, SegmentNameTaken; when a segment becomes
    manual, also SegmentBuilding or SegmentFailed if its members are not built, and BuildFailed.
    """
    if before is None:
        if await tx.segments.count() >= MAX_SEGMENTS:
            raise SegmentLimitExceeded
        await tx.segments.add(after)
        await tx.memberships.save_refresh_state(after.id, _initial_state(after, now))
    else:
        refresh_state = await _changed_state(tx, before, after, now, retries=retries)
        await tx.segments.save(after)
        if refresh_state is not None:
            await tx.memberships.save_refresh_state(after.id, refresh_state)
    await update_capture(tx)


async def update_capture(tx: Transaction) -> None:
    """Decides which later writes store pending changes: changes of customers if any segment is
    active, and recorded orders if any segment depends on orders.
    """
    segments = await tx.segments.all()
    await tx.memberships.set_capture(
        customers=any(segment.is_active for segment in segments),
        orders=any(map(depends_on_orders, segments)),
    )


def _initial_state(segment: Segment, now: datetime) -> RefreshState:
    if segment.is_dynamic and segment_filter(segment, now) is not None:
        return RefreshState(target=now, cause=Cause.SEGMENT)
    return RefreshState(watermark=now)


async def _changed_state(
    tx: Transaction, before: Segment, after: Segment, now: datetime, *, retries: bool
) -> RefreshState | None:
    """The new refresh state of a changed segment; None when the stored one stays valid. Removes the
    assignments of a segment that becomes dynamic; assigns the members of one that becomes manual.
    """
    if after.is_dynamic and not before.is_dynamic:
        await tx.assignments.clear(before.id)
    if before.is_dynamic and not after.is_dynamic:
        await _assign_members(tx, before, now)
        if after.is_active is before.is_active:
            return RefreshState(watermark=now)
    if (after.is_active, after.is_dynamic) != (before.is_active, before.is_dynamic):
        return RefreshState(target=now, cause=Cause.SEGMENT)
    if after.is_active and (after.rule != before.rule or retries):
        return RefreshState(target=now, cause=Cause.RULE)
    return None


async def _assign_members(tx: Transaction, segment: Segment, now: datetime) -> None:
    """Assigns the members of a dynamic segment at `now`. Raises SegmentBuilding, SegmentFailed,
    BuildFailed.
    """
    refresh_state = (await tx.memberships.refresh_states([segment.id]))[segment.id]
    expect_built(segment, refresh_state)
    if not refresh_state.is_ready:
        raise SegmentBuilding
    while await advance(tx, segment, refresh_state, now):
        refresh_state = (await tx.memberships.refresh_states([segment.id]))[segment.id]
    if segment.is_active:
        await tx.assignments.add_members(segment.id, Assignment(assigned_at=now))
