"""Publishing segments: when a backfill starts, and what becomes of assignments."""

from typing import Any

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import SegmentBuilding
from customers.core.membership import refresh
from customers.core.model.membership import Cause, RefreshState
from customers.core.model.segment import Segment
from tests.support.builders import NOW, USD, a_dynamic_segment, a_segment, an_entry, later
from tests.support.refresh_steps import (
    BUYERS,
    OLD,
    TENANT,
    VIPS,
    add,
    assign,
    assigned,
    feed_of,
    pending,
    publish_change,
    publish_new,
    ready,
    state_of,
    update,
)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.mark.parametrize(
    ("segment", "state"),
    [
        (a_segment(), RefreshState(watermark=NOW)),
        (a_dynamic_segment("[]"), RefreshState(watermark=NOW)),
        (a_dynamic_segment(VIPS, is_active=False), RefreshState(watermark=NOW)),
        (a_dynamic_segment(VIPS), RefreshState(target=NOW, cause=Cause.SEGMENT)),
    ],
)
async def test_only_a_new_segment_that_can_have_members_needs_a_backfill(
    storage: MemoryStorage, segment: Segment, state: RefreshState
) -> None:
    await publish_new(storage, segment)
    assert await state_of(storage, segment) == state


AT = later(hours=1)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"name": "Other"}, RefreshState(watermark=NOW)),
        ({"rule": a_dynamic_segment(OLD).rule}, RefreshState(target=AT, cause=Cause.RULE)),
        ({"is_active": False}, RefreshState(target=AT, cause=Cause.SEGMENT)),
        ({"is_dynamic": False, "rule": None}, RefreshState(watermark=AT)),
        (
            {"is_dynamic": False, "rule": None, "is_active": False},
            RefreshState(target=AT, cause=Cause.SEGMENT),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
async def test_a_change_that_affects_members_starts_a_backfill(
    storage: MemoryStorage, change: dict[str, Any], state: RefreshState
) -> None:
    segment = await ready(storage, VIPS)
    await publish_change(storage, segment, AT, **change)
    assert await state_of(storage, segment) == state


async def test_a_new_rule_of_an_inactive_segment_starts_no_backfill(storage: MemoryStorage) -> None:
    segment = await publish_new(storage, a_dynamic_segment(VIPS, is_active=False))
    await publish_change(storage, segment, AT, rule=a_dynamic_segment(OLD).rule)
    assert await state_of(storage, segment) == RefreshState(watermark=NOW)


async def test_a_segment_that_becomes_dynamic_loses_its_assignments(storage: MemoryStorage) -> None:
    customer, segment = await add(storage), await publish_new(storage, a_segment())
    await assign(storage, segment, customer)
    rule = a_dynamic_segment(VIPS).rule
    await publish_change(storage, segment, AT, is_dynamic=True, rule=rule)
    assert not await assigned(storage, segment, customer)
    assert await state_of(storage, segment) == RefreshState(target=AT, cause=Cause.SEGMENT)


async def test_a_manual_segment_keeps_its_assignments_when_it_is_renamed(
    storage: MemoryStorage,
) -> None:
    customer, segment = await add(storage), await publish_new(storage, a_segment())
    await assign(storage, segment, customer)
    await publish_change(storage, segment, AT, name="Other")
    assert await assigned(storage, segment, customer)


async def test_a_segment_that_becomes_manual_is_assigned_its_members_of_that_moment(
    storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "MAX_CROSSED_PER_STEP", 1)
    crowd = [await add(storage) for _ in range(2)]
    segment = await ready(storage, OLD)
    changed = await update(storage, crowd[0], later(days=1), first_name="Eve")
    young = await add(storage, later(days=1))
    await publish_change(storage, segment, later(days=2), is_dynamic=False, rule=None)
    assert [await assigned(storage, segment, one) for one in (changed, crowd[1], young)] == [
        True,
        True,
        False,
    ]


async def test_pending_changes_are_applied_by_the_rule_before_a_segment_becomes_manual(
    storage: MemoryStorage,
) -> None:
    segment = await ready(storage, VIPS)
    customer = await add(storage, later(hours=1), tags=("vip",))
    await publish_change(storage, segment, later(hours=2), is_dynamic=False, rule=None)
    assert await assigned(storage, segment, customer)
    assert await feed_of(storage, segment) == [(customer.id, True, later(hours=1), Cause.CUSTOMER)]


async def test_a_segment_cannot_become_manual_during_its_backfill(storage: MemoryStorage) -> None:
    segment = await publish_new(storage, a_dynamic_segment(VIPS))
    with pytest.raises(SegmentBuilding):
        await publish_change(storage, segment, is_dynamic=False, rule=None)


@pytest.mark.parametrize(
    ("segment", "captured"),
    [
        (a_segment(), (True, False)),
        (a_segment(is_active=False), (False, False)),
        (a_dynamic_segment(VIPS), (True, False)),
        (a_dynamic_segment(OLD), (True, True)),
        (a_dynamic_segment(BUYERS), (True, True)),
        (a_dynamic_segment(BUYERS, is_active=False), (False, False)),
    ],
)
async def test_the_changes_that_segments_depend_on_are_captured(
    storage: MemoryStorage, segment: Segment, captured: tuple[bool, bool]
) -> None:
    buyer = await add(storage)
    await publish_new(storage, segment)
    new = await add(storage)
    entry = an_entry(buyer)
    assert await storage.autocommit(TENANT).record_order(entry, NOW) is not None
    ids = [customer.id for customer in await pending(storage)]
    assert (new.id in ids, buyer.id in ids) == captured
