"""Failed builds: which errors are failures of a build, and for which build one is recorded."""

import pytest
from attrs import evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import SegmentFailed, SegmentNotFound
from customers.core.errors.availability import StorageFault, Unavailable
from customers.core.membership.failed_builds import BuildFailed, evaluating, in_step
from customers.core.membership.publish import publish
from customers.core.membership.refresh import backfill, refresh_segment
from customers.core.model.explanation import explanation_of
from customers.core.model.membership import Cause, RefreshState, build_error, expect_built
from customers.core.model.rules.parse import TOO_EXPENSIVE
from customers.core.model.segment import Segment
from customers.core.ports.storage import Transaction
from customers.core.services.sweeper import Sweeper
from tests.support.builders import NOW, USD, FixedClock, a_customer, a_dynamic_segment, an_id, later
from tests.support.membership_steps import (
    membership_transaction,
    refresh_state_of,
    save_refresh_state,
    stored_members,
)
from tests.support.storage_steps import a_stored_customer

TENANT, LEASE = "tenant", 60.0
EVERYONE = '[{"field":"email","operator":"is_not_empty"}]'
BUILDING, READY, FAILED = RefreshState(target=NOW), RefreshState(watermark=NOW), RefreshState()


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


async def published(storage: MemoryStorage) -> Segment:
    segment = a_dynamic_segment(EVERYONE)
    async with membership_transaction(storage, TENANT) as tx:
        await publish(tx, None, segment, NOW)
    return segment


async def with_an_expensive_rule(storage: MemoryStorage, segment: Segment) -> None:
    """Stores a rule beyond the limits, as if from before there were limits."""
    async with membership_transaction(storage, TENANT) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.segments.save(evolve(segment, rule=TOO_EXPENSIVE))


async def fail(storage: MemoryStorage, segment: Segment, state: RefreshState) -> None:
    async def step(_: Transaction) -> None:
        with evaluating(segment, state):
            raise ZeroDivisionError

    with pytest.raises(BuildFailed):
        await in_step(storage, TENANT, step)


@pytest.mark.parametrize("kind", ["connection_lost", "pool_exhausted", None])
def test_a_failure_of_the_storage_is_no_failure_of_a_build(kind: str | None) -> None:
    fault = kind and StorageFault(kind=kind, cause="", remedy="")  # type: ignore[arg-type]
    for error in (Unavailable(fault=fault or None), SegmentNotFound()):
        with pytest.raises(type(error)), evaluating(a_dynamic_segment(EVERYONE), BUILDING):
            raise error


def test_a_time_out_and_any_other_error_are() -> None:
    fault = StorageFault(kind="statement_timeout", cause="", remedy="")
    for error in (Unavailable(fault=fault), ZeroDivisionError()):
        with pytest.raises(BuildFailed), evaluating(a_dynamic_segment(EVERYONE), BUILDING):
            raise error


@pytest.mark.parametrize(
    ("stored", "failing", "fails"),
    [
        (BUILDING, BUILDING, True),
        (RefreshState(target=NOW, cursor=an_id(), scanned=7), BUILDING, True),
        (RefreshState(target=later(seconds=1)), BUILDING, False),
        (READY, BUILDING, False),
        (RefreshState(watermark=later(seconds=1)), READY, True),
        (BUILDING, READY, False),
    ],
)
async def test_a_failure_is_recorded_unless_another_build_has_begun(
    storage: MemoryStorage, stored: RefreshState, failing: RefreshState, fails: bool
) -> None:
    segment = await published(storage)
    await save_refresh_state(storage, segment, stored)
    await fail(storage, segment, failing)
    expected = stored.failed() if fails else stored
    assert await refresh_state_of(storage, segment) == expected


async def test_a_failure_keeps_the_cause_and_the_number_of_scanned_customers() -> None:
    failed = RefreshState(target=NOW, cursor=an_id(), scanned=7, cause=Cause.RULE).failed()
    assert failed == RefreshState(scanned=7, cause=Cause.RULE)


def test_only_an_active_segment_has_failed() -> None:
    segment = a_dynamic_segment(EVERYONE)
    expensive = evolve(segment, rule=TOO_EXPENSIVE)
    cases = [(segment, FAILED), (expensive, READY), (expensive, BUILDING), (expensive, FAILED)]
    for one, state in cases:
        with pytest.raises(SegmentFailed):
            expect_built(one, state)
        assert build_error(evolve(one, is_active=False), state) is None
    assert build_error(segment, READY) is None
    assert build_error(segment, BUILDING) is None


@pytest.mark.parametrize("is_active", [True, False])
def test_a_rule_that_is_too_expensive_is_not_explained(*, is_active: bool) -> None:
    segment = evolve(a_dynamic_segment(EVERYONE), rule=TOO_EXPENSIVE, is_active=is_active)
    with pytest.raises(SegmentFailed):
        explanation_of(segment, a_customer(), None, NOW)


async def test_a_failed_build_is_not_tried_again(storage: MemoryStorage) -> None:
    segment = await published(storage)
    await save_refresh_state(storage, segment, BUILDING.failed())
    await a_stored_customer(storage, TENANT)
    await backfill(storage, TENANT, segment.id, FixedClock())
    await refresh_segment(storage, TENANT, segment.id, FixedClock())
    await Sweeper(storage, FixedClock(), an_id()).refresh(LEASE)
    assert (await refresh_state_of(storage, segment)).has_failed
    assert await storage.tenants_to_refresh() == []


async def test_a_rule_that_is_too_expensive_fails_before_it_is_evaluated(
    storage: MemoryStorage,
) -> None:
    segment = await published(storage)
    await with_an_expensive_rule(storage, segment)
    await backfill(storage, TENANT, segment.id, FixedClock())
    assert (await refresh_state_of(storage, segment)).has_failed


async def test_the_sweeper_records_a_ready_segment_whose_rule_is_too_expensive(
    storage: MemoryStorage,
) -> None:
    customer, segment = await a_stored_customer(storage, TENANT), await published(storage)
    await backfill(storage, TENANT, segment.id, FixedClock())
    await with_an_expensive_rule(storage, segment)
    await a_stored_customer(storage, TENANT)
    await Sweeper(storage, FixedClock(), an_id()).follow_time(LEASE)
    assert await storage.failed_builds() == 1
    assert await stored_members(storage, segment) == [customer]
