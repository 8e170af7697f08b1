"""Publishing: what a segment that is new, or says something else, means for its stored members."""

from datetime import datetime

from customers.core.errors import SegmentBuilding
from customers.core.membership.refresh import matching, step
from customers.core.model.membership import Assignment, Cause, Standing, follows_orders
from customers.core.model.segment import Segment
from customers.core.ports import Transaction


async def publish(tx: Transaction, before: Segment | None, after: Segment, now: datetime) -> None:
    """Keeps a segment, in a transaction that holds the members. Where others belong to it from now
    on, its members are to be built.

    Raises SegmentNameTaken, and SegmentBuilding when it is made manual before it has members.
    """
    if before is None:
        await tx.segments.add(after)
        await tx.segments.stand(after.id, _of_new(after, now))
    else:
        standing = await _handed_over(tx, before, after, now)
        await tx.segments.save(after)
        if standing is not None:
            await tx.segments.stand(after.id, standing)
    await watch(tx)


async def watch(tx: Transaction) -> None:
    """Has writes leave the marks that the tenant's segments need."""
    segments = await tx.segments.all()
    await tx.segments.watch(
        customers=any(each.is_active for each in segments),
        orders=any(map(follows_orders, segments)),
    )


def _of_new(segment: Segment, now: datetime) -> Standing:
    if segment.is_dynamic and matching(segment, now) is not None:
        return Standing(goal=now, cause=Cause.SEGMENT)
    return Standing(settled_at=now)


async def _handed_over(
    tx: Transaction, before: Segment, after: Segment, now: datetime
) -> Standing | None:
    """The new standing of a segment; None where its members stay who they are."""
    if after.is_dynamic and not before.is_dynamic:
        await tx.segments.empty(before.id)
    if before.is_dynamic and not after.is_dynamic:
        await _keep_members(tx, before, now)
        if after.is_active is before.is_active:
            return Standing(settled_at=now)
    if (after.is_active, after.is_dynamic) != (before.is_active, before.is_dynamic):
        return Standing(goal=now, cause=Cause.SEGMENT)
    if after.is_active and after.rule != before.rule:
        return Standing(goal=now, cause=Cause.RULE)
    return None


async def _keep_members(tx: Transaction, segment: Segment, now: datetime) -> None:
    """Puts everyone in by hand who is a member at this moment."""
    standing = (await tx.segments.standings([segment.id]))[segment.id]
    if not standing.is_ready:
        raise SegmentBuilding
    while await step(tx, segment, standing, now):
        standing = (await tx.segments.standings([segment.id]))[segment.id]
    if segment.is_active:
        await tx.segments.put_members(segment.id, Assignment(assigned_at=now))
