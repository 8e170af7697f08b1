"""Refreshing stored members step by step, on the memory storage."""

from datetime import timedelta
from uuid import UUID

import pytest

from customers.adapters.memory.memberships import MemoryMemberships
from customers.core.errors import SegmentNotFound
from customers.core.membership import refresh
from customers.core.membership.refresh import (
    advance,
    apply_all_pending,
    apply_pending_changes,
    backfill,
    catch_up,
    refresh_segment,
    refresh_step,
    start_backfill,
)
from customers.core.model.membership import Cause, RefreshState
from tests.support.builders import NOW, USD, FixedClock, a_dynamic_segment, an_id, later
from tests.support.refresh_steps import (
    OLD,
    TENANT,
    VIPS,
    CountingStorage,
    add,
    feed_of,
    pending,
    publish_new,
    ready,
    save_state,
    state_of,
    update,
)


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage(currency=USD)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step handles one customer."""
    for name in ("MAX_PENDING_PER_STEP", "MAX_SCANNED_PER_STEP", "MAX_CROSSED_PER_STEP"):
        monkeypatch.setattr(refresh, name, 1)


async def test_a_step_applies_pending_changes_first(storage: CountingStorage) -> None:
    segment = await ready(storage, VIPS)
    customer = await add(storage, later(hours=1), tags=("vip",))
    assert not await refresh_step(storage, TENANT, segment.id, later(days=1))
    assert await feed_of(storage, segment) == [(customer.id, True, later(hours=1), Cause.CUSTOMER)]
    assert await pending(storage) == []


async def test_a_pending_change_is_applied_before_time_moves_the_watermark(
    storage: CountingStorage,
) -> None:
    await add(storage)
    customer = await add(storage)
    segment = await ready(storage, OLD)
    await update(storage, customer, later(days=3), first_name="Eve")
    assert not await refresh_step(storage, TENANT, segment.id, later(days=4))
    assert (await state_of(storage, segment)).watermark == later(days=4)
    moments = {at for _, _, at, _ in await feed_of(storage, segment)}
    assert moments == {later(days=2)}


async def test_a_step_with_a_full_batch_of_pending_changes_does_nothing_else(
    storage: CountingStorage, small_steps: None
) -> None:
    crowd = [await add(storage) for _ in range(2)]
    segment = await ready(storage, OLD)
    await update(storage, crowd[0], later(days=1), first_name="Eve")
    assert await refresh_step(storage, TENANT, segment.id, later(days=4))
    assert await pending(storage) == []
    assert await state_of(storage, segment) == RefreshState(watermark=NOW)


async def test_a_step_for_a_removed_segment_does_nothing(storage: CountingStorage) -> None:
    assert not await refresh_step(storage, TENANT, an_id(), NOW)


async def test_pending_changes_of_all_customers_enter_the_feed_by_moment(
    storage: CountingStorage,
) -> None:
    segment = await ready(storage, VIPS)
    second = await add(storage, later(hours=2), tags=("vip",))
    first = await add(storage, later(hours=1), tags=("vip",))
    await apply_pending_changes(storage, TENANT)
    assert [id for id, *_ in await feed_of(storage, segment)] == [first.id, second.id]


async def test_all_pending_changes_are_applied_however_many_there_are(
    storage: CountingStorage, small_steps: None
) -> None:
    await ready(storage, VIPS)
    for _ in range(3):
        await add(storage)
    await apply_pending_changes(storage, TENANT)
    assert await pending(storage) == []


async def test_only_the_pending_changes_of_the_named_customers_are_applied(
    storage: CountingStorage, small_steps: None
) -> None:
    await ready(storage, VIPS)
    one, other, two = [await add(storage) for _ in range(3)]
    async with storage.transaction(TENANT) as tx:
        await tx.memberships.acquire_lock()
        await apply_all_pending(tx, [one.id, two.id])
    assert await pending(storage) == [other]


async def test_a_backfill_scans_customers_batch_by_batch(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "MAX_SCANNED_PER_STEP", 2)
    crowd = [await add(storage, tags=("vip",)) for _ in range(3)]
    segment = await publish_new(storage, a_dynamic_segment(VIPS), later(hours=1))
    assert await refresh_step(storage, TENANT, segment.id, later(hours=2))
    assert await state_of(storage, segment) == RefreshState(
        member_count=2, target=later(hours=1), cursor=crowd[1].id, scanned=2
    )
    assert not await refresh_step(storage, TENANT, segment.id, later(hours=2))
    assert await state_of(storage, segment) == RefreshState(
        member_count=3, watermark=later(hours=1)
    )
    assert await feed_of(storage, segment) == [
        (customer.id, True, later(hours=1), Cause.SEGMENT) for customer in crowd
    ]


async def test_a_backfill_waits_for_its_capture_barrier_before_its_first_step(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_passed(self: MemoryMemberships, segment_id: UUID) -> bool:
        return False

    monkeypatch.setattr(MemoryMemberships, "capture_barrier_passed", not_passed)
    customer = await add(storage, tags=("vip",))
    segment = await publish_new(storage, a_dynamic_segment(VIPS))
    assert not await refresh_step(storage, TENANT, segment.id, NOW)
    assert not (await state_of(storage, segment)).is_ready
    begun = RefreshState(target=NOW, cursor=UUID(int=0), scanned=1)
    await save_state(storage, segment, begun)
    assert not await refresh_step(storage, TENANT, segment.id, NOW)
    assert await feed_of(storage, segment) == [(customer.id, True, NOW, Cause.SEGMENT)]


async def test_a_backfill_without_a_target_does_not_begin(storage: CountingStorage) -> None:
    await add(storage, tags=("vip",))
    segment = await publish_new(storage, a_dynamic_segment(VIPS))
    await save_state(storage, segment, RefreshState())
    assert not await refresh_step(storage, TENANT, segment.id, NOW)
    assert await state_of(storage, segment) == RefreshState()


async def test_a_request_advances_a_backfill_by_a_limited_number_of_steps(
    storage: CountingStorage, small_steps: None, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    monkeypatch.setattr(refresh, "MAX_STEPS_PER_REQUEST", 3)
    for _ in range(5):
        await add(storage)
    segment = await publish_new(storage, a_dynamic_segment(VIPS))
    storage.transactions = 0
    await backfill(storage, TENANT, segment.id, clock)
    assert (await state_of(storage, segment)).scanned == 3
    await backfill(storage, TENANT, segment.id, clock)
    assert (await state_of(storage, segment)).is_ready
    assert storage.transactions == 5


async def test_only_an_unfinished_backfill_is_started(
    storage: CountingStorage, clock: FixedClock
) -> None:
    segment = await publish_new(storage, a_dynamic_segment(VIPS))
    await start_backfill(storage, TENANT, segment.id, clock)
    assert (await state_of(storage, segment)).is_ready
    assert storage.waits == 1
    storage.transactions = 0
    await start_backfill(storage, TENANT, segment.id, clock)
    await start_backfill(storage, TENANT, an_id(), clock)
    assert (storage.waits, storage.transactions) == (1, 0)


async def test_catching_up_leaves_backfills_alone(
    storage: CountingStorage, clock: FixedClock
) -> None:
    segment = await publish_new(storage, a_dynamic_segment(VIPS))
    await catch_up(storage, TENANT, [segment.id], clock)
    assert not (await state_of(storage, segment)).is_ready


async def test_catching_up_takes_as_many_steps_as_needed(
    storage: CountingStorage, clock: FixedClock, small_steps: None
) -> None:
    for _ in range(3):
        await add(storage)
    segment = await ready(storage, OLD)
    clock.forward(days=2)
    await catch_up(storage, TENANT, [segment.id], clock)
    assert await state_of(storage, segment) == RefreshState(member_count=3, watermark=clock.now())


async def test_a_step_without_crossings_keeps_the_watermark(storage: CountingStorage) -> None:
    await add(storage)
    segment = await ready(storage, OLD)
    assert not await refresh_step(storage, TENANT, segment.id, later(days=1))
    assert (await state_of(storage, segment)).watermark == NOW


async def test_a_clock_that_goes_back_moves_nobody(storage: CountingStorage) -> None:
    customer = await add(storage, later(days=-2))
    segment = await ready(storage, OLD)
    assert not await refresh_step(storage, TENANT, segment.id, later(days=-1))
    assert (await state_of(storage, segment)).watermark == NOW
    assert await feed_of(storage, segment) == [(customer.id, True, NOW, Cause.SEGMENT)]


async def test_a_pass_through_time_keeps_its_target_until_it_is_complete(
    storage: CountingStorage, small_steps: None
) -> None:
    one, two = await add(storage), await add(storage, later(hours=1))
    segment = await ready(storage, OLD)
    assert await refresh_step(storage, TENANT, segment.id, later(days=2))
    assert await state_of(storage, segment) == RefreshState(
        member_count=1, watermark=NOW, target=later(days=2), cursor=one.id
    )
    assert await refresh_step(storage, TENANT, segment.id, later(days=3))
    assert await state_of(storage, segment) == RefreshState(member_count=1, watermark=later(days=2))
    while await refresh_step(storage, TENANT, segment.id, later(days=3)):
        pass
    assert await feed_of(storage, segment) == [
        (one.id, True, later(days=2), Cause.TIME),
        (two.id, True, later(days=2, hours=1), Cause.TIME),
    ]


async def test_crossings_of_one_step_enter_the_feed_by_moment(storage: CountingStorage) -> None:
    second, first = await add(storage), await add(storage, later(hours=-1))
    segment = await ready(storage, OLD)
    assert not await refresh_step(storage, TENANT, segment.id, later(days=2))
    assert [id for id, *_ in await feed_of(storage, segment)] == [first.id, second.id]


async def test_a_fresh_segment_is_not_written(storage: CountingStorage, clock: FixedClock) -> None:
    await add(storage)
    segment = await ready(storage, OLD)
    clock.forward(days=1)
    storage.transactions = 0
    await refresh_segment(storage, TENANT, segment.id, clock)
    assert storage.transactions == 0


async def test_a_segment_is_refreshed_by_pending_changes_and_by_time(
    storage: CountingStorage, clock: FixedClock
) -> None:
    old = await add(storage)
    segment = await ready(storage, OLD)
    clock.forward(days=2)
    await refresh_segment(storage, TENANT, segment.id, clock)
    assert [id for id, *_ in await feed_of(storage, segment)] == [old.id]
    new = await add(storage, NOW)
    await refresh_segment(storage, TENANT, segment.id, clock)
    assert [id for id, *_ in await feed_of(storage, segment)] == [old.id, new.id]


async def test_catching_up_applies_pending_changes_without_any_segment_to_refresh(
    storage: CountingStorage, clock: FixedClock
) -> None:
    segment = await ready(storage, VIPS)
    customer = await add(storage, tags=("vip",))
    await catch_up(storage, TENANT, [], clock)
    assert [id for id, *_ in await feed_of(storage, segment)] == [customer.id]


async def test_a_segment_with_a_backfill_is_refreshed_to_its_end(
    storage: CountingStorage, clock: FixedClock
) -> None:
    segment = await publish_new(storage, a_dynamic_segment(VIPS))
    await refresh_segment(storage, TENANT, segment.id, clock)
    assert (await state_of(storage, segment)).is_ready


async def test_an_unknown_segment_cannot_be_refreshed(
    storage: CountingStorage, clock: FixedClock
) -> None:
    with pytest.raises(SegmentNotFound):
        await refresh_segment(storage, TENANT, an_id(), clock)


async def test_advancing_needs_no_further_step_when_all_is_refreshed(
    storage: CountingStorage,
) -> None:
    await add(storage)
    segment = await ready(storage, OLD)
    async with storage.transaction(TENANT) as tx:
        await tx.memberships.acquire_lock()
        state = (await tx.memberships.refresh_states([segment.id]))[segment.id]
        assert not await advance(tx, segment, state, later(days=2) + timedelta(hours=1))
