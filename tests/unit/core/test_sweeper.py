"""The sweeper: which tenants and segments it refreshes, how far, and only while it holds the lease.

Single steps are tested in `test_refresh`, the schedule in `tests/unit/entrypoints/test_sweeper.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import define, evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.publish import publish
from customers.core.model.customer import Customer
from customers.core.model.membership import Cause
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage, Transaction
from customers.core.services.sweeper import BackfillProgress, Lag, Sweeper
from tests.support.builders import (
    NOW,
    USD,
    FixedClock,
    a_dynamic_segment,
    an_id,
    later,
    some_statistics,
)
from tests.support.membership_steps import (
    changes,
    membership_transaction,
    pending_candidates,
    refresh_state_of,
    stored_members,
)
from tests.support.oracle import small_steps
from tests.support.storage_steps import a_stored_customer, save

SECONDS = 60.0
EVERYONE = '[{"field":"email","operator":"is_not_empty"}]'
LAPSED = '[{"field":"days_since_last_order","operator":"gt","value":90}]'
RECENT = '[{"field":"last_order_date","operator":"within_last_days","value":91}]'
A_DAY_AGO = '[{"field":"days_since_last_order","operator":"eq","value":1}]'


@define(kw_only=True, eq=False)
class FailingStorage(MemoryStorage):
    """A storage that grants a limited number of leases, and fails for the tenant `failing`."""

    leases_left: int = 1_000
    failing: str = ""

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        if tenant_id == self.failing:
            raise ZeroDivisionError
        async with super().transaction(tenant_id) as tx:
            yield tx

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self.leases_left -= 1
        return self.leases_left >= 0 and await super().lease(holder, seconds)


@pytest.fixture
def storage() -> FailingStorage:
    return FailingStorage(currency=USD)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def sweeper(storage: FailingStorage, clock: FixedClock) -> Sweeper:
    return Sweeper(storage, clock, an_id())


async def published(storage: Storage, rules: str, tenant: str = "tenant") -> Segment:
    """Publishes a segment; its backfill has not begun."""
    segment = a_dynamic_segment(rules, tenant_id=tenant)
    async with membership_transaction(storage, tenant) as tx:
        await publish(tx, None, segment, NOW)
    return segment


async def add_buyer(storage: Storage, days_ago: float, tenant: str = "tenant") -> Customer:
    """Adds a customer whose only order was that number of days before `NOW`."""
    date = later(days=-days_ago)
    statistics = some_statistics(first_order_date=date, last_order_date=date)
    values = {"created_at": date, "updated_at": date, "statistics": statistics}
    return await a_stored_customer(storage, tenant, **values)


async def feed_of(storage: Storage, segment: Segment) -> list[tuple[Any, ...]]:
    """Who entered (True) or left, when, and why."""
    feed = await changes(storage, segment)
    return [(change.customer_id, change.entered, change.at, change.cause) for change in feed]


async def complete_backfills(sweeper: Sweeper) -> None:
    """Refreshes until no backfill is left."""
    while (backfills := await sweeper.refresh(SECONDS)) and backfills.count:
        pass


async def test_a_sweeper_without_the_lease_does_nothing(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    segment = await published(storage, EVERYONE)
    customer = await a_stored_customer(storage, "tenant")
    assert await storage.lease(an_id(), SECONDS)
    assert await sweeper.refresh(SECONDS) is None
    assert not (await refresh_state_of(storage, segment)).is_ready
    assert [candidate.customer for candidate in await pending_candidates(storage, "tenant")] == [
        customer
    ]


async def test_a_sweeper_with_the_lease_keeps_it(
    storage: FailingStorage, clock: FixedClock, sweeper: Sweeper
) -> None:
    other = Sweeper(storage, clock, an_id())
    results = [await one.refresh(SECONDS) for one in (sweeper, other, sweeper)]
    assert results == [BackfillProgress(), None, BackfillProgress()]


async def test_the_lag_is_the_number_of_pending_changes_and_the_age_of_the_oldest(
    storage: FailingStorage, clock: FixedClock, sweeper: Sweeper
) -> None:
    for tenant in ("one", "two"):
        await published(storage, EVERYONE, tenant)
    assert await sweeper.lag(SECONDS) == Lag(pending_changes=0, seconds=0)
    await a_stored_customer(storage, "one", updated_at=later(seconds=20))
    ada = await a_stored_customer(storage, "two", updated_at=later(seconds=10))
    await save(storage, evolve(ada, first_name="Other", updated_at=later(seconds=30)))
    clock.forward(seconds=60)
    assert await sweeper.lag(SECONDS) == Lag(pending_changes=3, seconds=50)
    await sweeper.refresh(SECONDS)
    assert await sweeper.lag(SECONDS) == Lag(pending_changes=0, seconds=0)


async def test_a_change_by_a_clock_ahead_of_this_one_has_no_age(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    await published(storage, EVERYONE)
    await a_stored_customer(storage, "tenant", updated_at=later(seconds=5))
    assert await sweeper.lag(SECONDS) == Lag(pending_changes=1, seconds=0)


async def test_a_sweeper_without_the_lease_does_not_know_the_lag(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    assert await storage.lease(an_id(), SECONDS)
    assert await sweeper.lag(SECONDS) is None


async def test_the_pending_changes_of_every_tenant_are_applied(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    segments = [await published(storage, EVERYONE, tenant) for tenant in ("one", "two")]
    await sweeper.refresh(SECONDS)
    crowd = [await a_stored_customer(storage, segment.tenant_id) for segment in segments]
    assert await storage.tenants_to_refresh() == ["one", "two"]
    assert await sweeper.refresh(SECONDS) == BackfillProgress()
    assert await storage.tenants_to_refresh() == []
    for segment, customer in zip(segments, crowd, strict=True):
        assert await stored_members(storage, segment) == [customer]
        assert await feed_of(storage, segment) == [(customer.id, True, NOW, Cause.CUSTOMER)]


async def test_all_pending_changes_of_a_tenant_are_applied(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    segment = await published(storage, EVERYONE)
    await sweeper.refresh(SECONDS)
    crowd = [await a_stored_customer(storage, "tenant") for _ in range(5)]
    with small_steps(2):
        await sweeper.refresh(SECONDS)
    assert await pending_candidates(storage, "tenant") == []
    assert await stored_members(storage, segment) == crowd


async def test_every_call_advances_a_backfill_by_some_steps(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    crowd = [await a_stored_customer(storage, "tenant") for _ in range(5)]
    segment = await published(storage, EVERYONE)
    with small_steps(1):
        for number in range(1, 5):
            progress = await sweeper.refresh(SECONDS)
            assert progress == BackfillProgress(count=1, progress=number / 5)
            assert await stored_members(storage, segment) == crowd[:number]
        assert await sweeper.refresh(SECONDS) == BackfillProgress(count=0, progress=1.0)
    assert await stored_members(storage, segment) == crowd
    assert (await refresh_state_of(storage, segment)).watermark == NOW


async def test_a_refresh_returns_the_number_of_backfills_and_the_slowest_progress(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    for tenant, customers in (("one", 2), ("two", 4), ("three", 1)):
        for _ in range(customers):
            await a_stored_customer(storage, tenant)
        await published(storage, EVERYONE, tenant)
    with small_steps(1):
        assert await sweeper.refresh(SECONDS) == BackfillProgress(count=2, progress=0.25)
        assert await sweeper.refresh(SECONDS) == BackfillProgress(count=1, progress=0.5)


async def test_the_oldest_segment_of_a_tenant_is_ready_before_the_next_backfill_begins(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    await a_stored_customer(storage, "tenant")
    await a_stored_customer(storage, "tenant")
    segments = [await published(storage, EVERYONE) for _ in range(2)]
    with small_steps(1):
        results = [await sweeper.refresh(SECONDS) for _ in range(2)]
    states = [await refresh_state_of(storage, segment) for segment in segments]
    assert results == [
        BackfillProgress(count=2, progress=0.0),
        BackfillProgress(count=1, progress=0.0),
    ]
    assert [state.is_ready for state in states] == [True, False]
    assert [state.member_count for state in states] == [2, 0]


async def test_a_sweeper_that_loses_the_lease_stops_before_the_next_tenant(
    storage: FailingStorage, sweeper: Sweeper
) -> None:
    segments = [await published(storage, EVERYONE, tenant) for tenant in ("a", "b", "c")]
    storage.leases_left = 1 + 2
    assert await sweeper.refresh(SECONDS) is None
    states = [await refresh_state_of(storage, segment) for segment in segments]
    assert [state.is_ready for state in states] == [True, True, False]


async def test_customers_who_cross_a_threshold_are_moved_at_their_own_moments(
    storage: FailingStorage, clock: FixedClock, sweeper: Sweeper
) -> None:
    second, first, never = [await add_buyer(storage, days) for days in (90, 90.5, 80)]
    lapsed, recent = [await published(storage, written) for written in (LAPSED, RECENT)]
    await complete_backfills(sweeper)
    clock.forward(days=2)
    await sweeper.follow_time(SECONDS)
    crossings = [(first.id, later(days=0.5)), (second.id, later(days=1))]
    instant = timedelta(microseconds=1)
    entered = [(customer, True, at, Cause.TIME) for customer, at in crossings]
    left = [(customer, False, at + instant, Cause.TIME) for customer, at in crossings]
    assert await feed_of(storage, lapsed) == entered
    assert (await feed_of(storage, recent))[3:] == left
    assert await stored_members(storage, lapsed) == [second, first]
    assert await stored_members(storage, recent) == [never]
    assert (await refresh_state_of(storage, lapsed)).watermark == clock.now()


async def test_an_entry_and_an_exit_between_two_sweeps_are_both_in_the_feed(
    storage: FailingStorage, clock: FixedClock, sweeper: Sweeper
) -> None:
    customer = await add_buyer(storage, 0.5)
    segment = await published(storage, A_DAY_AGO)
    await sweeper.refresh(SECONDS)
    clock.forward(days=5)
    await sweeper.follow_time(SECONDS)
    assert await feed_of(storage, segment) == [
        (customer.id, True, later(days=0.5), Cause.TIME),
        (customer.id, False, later(days=1.5), Cause.TIME),
    ]
    assert await stored_members(storage, segment) == []


async def test_time_is_followed_in_all_tenants_and_only_in_segments_with_crossings(
    storage: FailingStorage, clock: FixedClock, sweeper: Sweeper
) -> None:
    days_ago = {"one": 90.5, "two": 30, "three": 90}
    for tenant, days in days_ago.items():
        await add_buyer(storage, days, tenant)
    segments = [await published(storage, LAPSED, tenant) for tenant in days_ago]
    await sweeper.refresh(SECONDS)
    clock.forward(days=1)
    await sweeper.follow_time(SECONDS)
    states = [await refresh_state_of(storage, segment) for segment in segments]
    assert [state.member_count for state in states] == [1, 0, 1]
    assert [state.watermark for state in states] == [clock.now(), NOW, clock.now()]


async def test_a_sweeper_that_lost_the_lease_moves_nobody(
    storage: FailingStorage, clock: FixedClock, sweeper: Sweeper
) -> None:
    await add_buyer(storage, 90.5)
    segment = await published(storage, LAPSED)
    await sweeper.refresh(SECONDS)
    clock.forward(days=1)
    storage.leases_left = 0
    await sweeper.follow_time(SECONDS)
    assert (await refresh_state_of(storage, segment)).watermark == NOW
    assert await feed_of(storage, segment) == []


async def test_time_is_not_followed_during_a_backfill(
    storage: FailingStorage, clock: FixedClock, sweeper: Sweeper
) -> None:
    await add_buyer(storage, 90.5)
    segment = await published(storage, LAPSED)
    clock.forward(days=1)
    await sweeper.follow_time(SECONDS)
    assert not (await refresh_state_of(storage, segment)).is_ready
    assert await stored_members(storage, segment) == []


async def test_the_failure_of_one_tenant_is_raised_after_the_others_are_refreshed(
    storage: FailingStorage,
) -> None:
    tenants = [f"tenant {number}" for number in range(3)]
    for tenant in tenants:
        async with membership_transaction(storage, tenant) as tx:
            await tx.memberships.set_capture(customers=True, orders=True)
        await a_stored_customer(storage, tenant)
    storage.failing = tenants[0]
    with pytest.raises(ExceptionGroup) as failed:
        await Sweeper(storage, FixedClock(), an_id()).refresh(SECONDS)
    assert [type(failure) for failure in failed.value.exceptions] == [ZeroDivisionError]
    assert await storage.tenants_to_refresh() == tenants[:1]
