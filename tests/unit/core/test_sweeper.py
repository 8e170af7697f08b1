"""What a sweeper does when it is called: for whom, how far, and only while it holds the lease.

When it is called is the business of the process; what one step settles is not tested here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import define

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.publish import publish
from customers.core.model.customer import Customer
from customers.core.model.membership import Cause
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage, Transaction
from customers.core.services.sweeper import BackfillProgress, Sweeper
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
from tests.support.oracle import steps_of
from tests.support.storage_steps import a_stored_customer

SECONDS = 60.0
EVERYBODY = '[{"field":"email","operator":"is_not_empty"}]'
LAPSED = '[{"field":"days_since_last_order","operator":"gt","value":90}]'
RECENT = '[{"field":"last_order_date","operator":"within_last_days","value":91}]'
A_DAY_AGO = '[{"field":"days_since_last_order","operator":"eq","value":1}]'


@define(kw_only=True, eq=False)
class FickleStorage(MemoryStorage):
    """One that gives the lease so many times, and then no more; and has trouble with a tenant."""

    leases_left: int = 1_000
    troubled: str = ""

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        if tenant_id == self.troubled:
            raise ZeroDivisionError
        async with super().transaction(tenant_id) as tx:
            yield tx

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self.leases_left -= 1
        return self.leases_left >= 0 and await super().lease(holder, seconds)


@pytest.fixture
def storage() -> FickleStorage:
    return FickleStorage(currency=USD)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def sweeping(storage: FickleStorage, clock: FixedClock) -> Sweeper:
    return Sweeper(storage, clock, an_id())


async def published(storage: Storage, written: str, tenant: str = "tenant") -> Segment:
    """A segment whose members nobody has begun to build."""
    segment = a_dynamic_segment(written, tenant_id=tenant)
    async with membership_transaction(storage, tenant) as tx:
        await publish(tx, None, segment, NOW)
    return segment


async def ordered(storage: Storage, days_ago: float, tenant: str = "tenant") -> Customer:
    """A customer whose only order was so many days before `NOW`."""
    then = later(days=-days_ago)
    statistics = some_statistics(first_order_date=then, last_order_date=then)
    told = {"created_at": then, "updated_at": then, "statistics": statistics}
    return await a_stored_customer(storage, tenant, **told)


async def feed_of(storage: Storage, segment: Segment) -> list[tuple[Any, ...]]:
    """Who entered (True) or left, when, and why."""
    feed = await changes(storage, segment)
    return [(each.customer_id, each.entered, each.at, each.cause) for each in feed]


async def all_built(sweeping: Sweeper) -> None:
    """Returns when the members of every segment are."""
    while (builds := await sweeping.refresh(SECONDS)) and builds.count:
        pass


async def test_one_whom_another_keeps_from_sweeping_does_nothing(
    storage: FickleStorage, sweeping: Sweeper
) -> None:
    segment = await published(storage, EVERYBODY)
    customer = await a_stored_customer(storage, "tenant")
    assert await storage.lease(an_id(), SECONDS)
    assert await sweeping.refresh(SECONDS) is None
    assert not (await refresh_state_of(storage, segment)).is_ready
    assert [candidate.customer for candidate in await pending_candidates(storage, "tenant")] == [
        customer
    ]


async def test_who_sweeps_keeps_others_from_it_and_goes_on(
    storage: FickleStorage, clock: FixedClock, sweeping: Sweeper
) -> None:
    other = Sweeper(storage, clock, an_id())
    told = [await each.refresh(SECONDS) for each in (sweeping, other, sweeping)]
    assert told == [BackfillProgress(), None, BackfillProgress()]


async def test_the_marks_of_every_tenant_are_settled(
    storage: FickleStorage, sweeping: Sweeper
) -> None:
    segments = [await published(storage, EVERYBODY, tenant) for tenant in ("one", "two")]
    await sweeping.refresh(SECONDS)
    crowd = [await a_stored_customer(storage, each.tenant_id) for each in segments]
    assert await storage.tenants_to_refresh() == ["one", "two"]
    assert await sweeping.refresh(SECONDS) == BackfillProgress()
    assert await storage.tenants_to_refresh() == []
    for segment, customer in zip(segments, crowd, strict=True):
        assert await stored_members(storage, segment) == [customer]
        assert await feed_of(storage, segment) == [(customer.id, True, NOW, Cause.CUSTOMER)]


async def test_all_marks_of_a_tenant_are_settled_however_many_there_are(
    storage: FickleStorage, sweeping: Sweeper
) -> None:
    segment = await published(storage, EVERYBODY)
    await sweeping.refresh(SECONDS)
    crowd = [await a_stored_customer(storage, "tenant") for _ in range(5)]
    with steps_of(2):
        await sweeping.refresh(SECONDS)
    assert await pending_candidates(storage, "tenant") == []
    assert await stored_members(storage, segment) == crowd


async def test_members_are_built_some_steps_further_by_every_call(
    storage: FickleStorage, sweeping: Sweeper
) -> None:
    crowd = [await a_stored_customer(storage, "tenant") for _ in range(5)]
    segment = await published(storage, EVERYBODY)
    with steps_of(1):
        for number in range(1, 5):
            told = await sweeping.refresh(SECONDS)
            assert told == BackfillProgress(count=1, progress=number / 5)
            assert await stored_members(storage, segment) == crowd[:number]
        assert await sweeping.refresh(SECONDS) == BackfillProgress(count=0, progress=1.0)
    assert await stored_members(storage, segment) == crowd
    assert (await refresh_state_of(storage, segment)).watermark == NOW


async def test_of_all_builds_the_number_is_told_and_how_far_the_slowest_has_come(
    storage: FickleStorage, sweeping: Sweeper
) -> None:
    for tenant, customers in (("one", 2), ("two", 4), ("three", 1)):
        for _ in range(customers):
            await a_stored_customer(storage, tenant)
        await published(storage, EVERYBODY, tenant)
    with steps_of(1):
        assert await sweeping.refresh(SECONDS) == BackfillProgress(count=2, progress=0.25)
        assert await sweeping.refresh(SECONDS) == BackfillProgress(count=1, progress=0.5)


async def test_of_a_tenants_segments_the_oldest_is_ready_before_the_next_is_begun(
    storage: FickleStorage, sweeping: Sweeper
) -> None:
    await a_stored_customer(storage, "tenant")
    await a_stored_customer(storage, "tenant")
    segments = [await published(storage, EVERYBODY) for _ in range(2)]
    with steps_of(1):
        told = [await sweeping.refresh(SECONDS) for _ in range(2)]
    refresh_states = [await refresh_state_of(storage, segment) for segment in segments]
    assert told == [
        BackfillProgress(count=2, progress=0.0),
        BackfillProgress(count=1, progress=0.0),
    ]
    assert [each.is_ready for each in refresh_states] == [True, False]
    assert [each.member_count for each in refresh_states] == [2, 0]


async def test_a_sweeper_that_loses_the_lease_stops_before_the_next_tenant(
    storage: FickleStorage, sweeping: Sweeper
) -> None:
    segments = [await published(storage, EVERYBODY, tenant) for tenant in ("a", "b", "c")]
    storage.leases_left = 1 + 2
    assert await sweeping.refresh(SECONDS) is None
    refresh_states = [await refresh_state_of(storage, segment) for segment in segments]
    assert [each.is_ready for each in refresh_states] == [True, True, False]


async def test_those_whose_time_has_come_are_moved_each_at_their_own_moment(
    storage: FickleStorage, clock: FixedClock, sweeping: Sweeper
) -> None:
    second, first, never = [await ordered(storage, days) for days in (90, 90.5, 80)]
    lapsed, recent = [await published(storage, written) for written in (LAPSED, RECENT)]
    await all_built(sweeping)
    clock.forward(days=2)
    await sweeping.follow_time(SECONDS)
    membership_changes = [(first.id, later(days=0.5)), (second.id, later(days=1))]
    instant = timedelta(microseconds=1)
    entered = [(customer, True, at, Cause.TIME) for customer, at in membership_changes]
    left = [(customer, False, at + instant, Cause.TIME) for customer, at in membership_changes]
    assert await feed_of(storage, lapsed) == entered
    assert (await feed_of(storage, recent))[3:] == left
    assert await stored_members(storage, lapsed) == [second, first]
    assert await stored_members(storage, recent) == [never]
    assert (await refresh_state_of(storage, lapsed)).watermark == clock.now()


async def test_who_comes_and_goes_between_two_rounds_is_told_of_both(
    storage: FickleStorage, clock: FixedClock, sweeping: Sweeper
) -> None:
    customer = await ordered(storage, 0.5)
    segment = await published(storage, A_DAY_AGO)
    await sweeping.refresh(SECONDS)
    clock.forward(days=5)
    await sweeping.follow_time(SECONDS)
    assert await feed_of(storage, segment) == [
        (customer.id, True, later(days=0.5), Cause.TIME),
        (customer.id, False, later(days=1.5), Cause.TIME),
    ]
    assert await stored_members(storage, segment) == []


async def test_time_is_followed_in_every_tenant_and_only_where_it_moves_somebody(
    storage: FickleStorage, clock: FixedClock, sweeping: Sweeper
) -> None:
    days_ago = {"one": 90.5, "two": 30, "three": 90}
    for tenant, days in days_ago.items():
        await ordered(storage, days, tenant)
    segments = [await published(storage, LAPSED, tenant) for tenant in days_ago]
    await sweeping.refresh(SECONDS)
    clock.forward(days=1)
    await sweeping.follow_time(SECONDS)
    refresh_states = [await refresh_state_of(storage, segment) for segment in segments]
    assert [each.member_count for each in refresh_states] == [1, 0, 1]
    assert [each.watermark for each in refresh_states] == [clock.now(), NOW, clock.now()]


async def test_nobody_is_moved_by_one_who_has_lost_the_lease(
    storage: FickleStorage, clock: FixedClock, sweeping: Sweeper
) -> None:
    await ordered(storage, 90.5)
    segment = await published(storage, LAPSED)
    await sweeping.refresh(SECONDS)
    clock.forward(days=1)
    storage.leases_left = 0
    await sweeping.follow_time(SECONDS)
    assert (await refresh_state_of(storage, segment)).watermark == NOW
    assert await feed_of(storage, segment) == []


async def test_members_that_are_being_built_do_not_follow_time(
    storage: FickleStorage, clock: FixedClock, sweeping: Sweeper
) -> None:
    await ordered(storage, 90.5)
    segment = await published(storage, LAPSED)
    clock.forward(days=1)
    await sweeping.follow_time(SECONDS)
    assert not (await refresh_state_of(storage, segment)).is_ready
    assert await stored_members(storage, segment) == []


async def test_the_trouble_of_one_tenant_is_raised_once_the_others_are_settled(
    storage: FickleStorage,
) -> None:
    tenants = [f"tenant {number}" for number in range(3)]
    for tenant in tenants:
        async with membership_transaction(storage, tenant) as tx:
            await tx.memberships.set_capture(customers=True, orders=True)
        await a_stored_customer(storage, tenant)
    storage.troubled = tenants[0]
    with pytest.raises(ZeroDivisionError):
        await Sweeper(storage, FixedClock(), an_id()).refresh(SECONDS)
    assert await storage.tenants_to_refresh() == tenants[:1]
