"""The doctor finds every wrong membership and member count, and nothing else."""

import pytest
from attrs import evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.publish import publish
from customers.core.membership.refresh import backfill, catch_up
from customers.core.model.customer import Customer
from customers.core.model.membership import RefreshState
from customers.core.model.segment import Segment
from customers.core.services.doctor import Doctor, MembershipDifference
from tests.support.builders import (
    NOW,
    USD,
    FixedClock,
    a_customer,
    a_dynamic_segment,
    a_segment,
    later,
)
from tests.support.membership_steps import (
    membership_transaction,
    refresh_state_of,
    remove_members,
    save_refresh_state,
    set_capture,
    store_members,
    stored_members,
)
from tests.support.storage_steps import a_stored_customer, add_customers, assign, delete, save

ADAS = '[{"field":"first_name","operator":"eq","value":"Ada"}]'
OLD = '[{"field":"days_since_created","operator":"gte","value":1}]'
TENANT = "tenant"


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def doctor(storage: MemoryStorage, clock: FixedClock) -> Doctor:
    return Doctor(storage, clock)


async def differences(doctor: Doctor, tenant: str = TENANT) -> list[MembershipDifference]:
    return [difference async for difference in doctor.segments(tenant)]


async def adas_and_bob(storage: MemoryStorage) -> tuple[Customer, Customer, Customer]:
    """Stores two Adas and a Bob."""
    one, two, bob = [
        await a_stored_customer(storage, TENANT, first_name=name) for name in ("Ada", "Ada", "Bob")
    ]
    return one, two, bob


async def published(storage: MemoryStorage, segment: Segment) -> Segment:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await publish(tx, None, segment, NOW)
    return segment


async def adas(storage: MemoryStorage) -> Segment:
    """Publishes a segment of the Adas and completes its backfill."""
    segment = await published(storage, a_dynamic_segment(ADAS))
    await backfill(storage, TENANT, segment.id, FixedClock())
    return segment


async def manual_segment(storage: MemoryStorage, *customers: Customer) -> Segment:
    """Publishes a manual segment, and assigns and stores its members."""
    segment = await published(storage, a_segment())
    await assign(storage, segment, *customers)
    await store_members(storage, segment, *customers)
    return segment


def extra(segment: Segment, customer: Customer) -> MembershipDifference:
    return MembershipDifference(
        segment_id=segment.id, customer_id=customer.id, reported=True, expected=False
    )


def missing(segment: Segment, customer: Customer) -> MembershipDifference:
    return MembershipDifference(
        segment_id=segment.id, customer_id=customer.id, reported=False, expected=True
    )


def wrong_count(segment: Segment, reported: int, expected: int) -> MembershipDifference:
    return MembershipDifference(
        segment_id=segment.id, customer_id=None, reported=reported, expected=expected
    )


async def test_correct_members_have_no_differences(storage: MemoryStorage, doctor: Doctor) -> None:
    one, _, bob = await adas_and_bob(storage)
    segment, manual = await adas(storage), await manual_segment(storage, one, bob)
    assert await differences(doctor) == []
    assert len(await stored_members(storage, segment)) == 2
    assert await stored_members(storage, manual) == [one, bob]


async def test_stale_candidates_are_no_differences(storage: MemoryStorage, doctor: Doctor) -> None:
    one, two, _ = await adas_and_bob(storage)
    segment, manual = await adas(storage), await manual_segment(storage, one, two)
    await a_stored_customer(storage, TENANT, first_name="Ada")
    await save(storage, evolve(two, first_name="Eve"))
    await delete(storage, one)
    for item in (segment, manual):
        assert (await refresh_state_of(storage, item)).member_count == 2
    assert await differences(doctor) == []


async def test_time_that_has_passed_is_no_difference(
    storage: MemoryStorage, clock: FixedClock, doctor: Doctor
) -> None:
    await adas_and_bob(storage)
    segment = await published(storage, a_dynamic_segment(OLD))
    await backfill(storage, TENANT, segment.id, clock)
    clock.forward(days=1)
    assert await stored_members(storage, segment) == []
    assert await differences(doctor) == []


async def test_a_clock_that_went_back_is_no_difference(
    storage: MemoryStorage, clock: FixedClock, doctor: Doctor
) -> None:
    customer = await a_stored_customer(storage, TENANT)
    segment = await published(storage, a_dynamic_segment(OLD))
    await backfill(storage, TENANT, segment.id, clock)
    clock.forward(days=1)
    await catch_up(storage, TENANT, [segment.id], clock)
    clock.forward(days=-1)
    assert await stored_members(storage, segment) == [customer]
    assert await differences(doctor) == []


async def test_a_stored_member_who_is_none_is_a_difference(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    _, _, bob = await adas_and_bob(storage)
    segment = await adas(storage)
    await store_members(storage, segment, bob)
    assert await differences(doctor) == [extra(segment, bob), wrong_count(segment, 3, 2)]


async def test_a_member_who_is_not_stored_is_a_difference(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    _, two, _ = await adas_and_bob(storage)
    segment = await adas(storage)
    await remove_members(storage, segment, two)
    assert await differences(doctor) == [missing(segment, two), wrong_count(segment, 1, 2)]


async def test_a_correct_count_hides_no_wrong_member(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    one, _, bob = await adas_and_bob(storage)
    segment = await adas(storage)
    await remove_members(storage, segment, one)
    await store_members(storage, segment, bob)
    assert await differences(doctor) == [missing(segment, one), extra(segment, bob)]


async def test_a_wrong_count_alone_is_a_difference(storage: MemoryStorage, doctor: Doctor) -> None:
    one, _, _ = await adas_and_bob(storage)
    segment = await adas(storage)
    await set_capture(storage, TENANT, customers=False)
    await delete(storage, one)
    assert await differences(doctor) == [wrong_count(segment, 2, 1)]


async def test_a_change_without_a_pending_change_is_a_difference(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    await adas_and_bob(storage)
    segment = await adas(storage)
    await set_capture(storage, TENANT, customers=False)
    uncaptured = await a_stored_customer(storage, TENANT, first_name="Ada")
    assert await differences(doctor) == [missing(segment, uncaptured), wrong_count(segment, 2, 3)]


async def test_a_crossing_before_the_watermark_that_was_not_applied_is_a_difference(
    storage: MemoryStorage, clock: FixedClock, doctor: Doctor
) -> None:
    customer = await a_stored_customer(storage, TENANT)
    segment = await published(storage, a_dynamic_segment(OLD))
    await backfill(storage, TENANT, segment.id, clock)
    await save_refresh_state(storage, segment, RefreshState(watermark=later(days=2)))
    clock.forward(days=3)
    assert await differences(doctor) == [missing(segment, customer), wrong_count(segment, 0, 1)]


async def test_the_members_of_a_manual_segment_are_the_assigned_customers(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    one, two, bob = await adas_and_bob(storage)
    segment = await manual_segment(storage, one)
    await assign(storage, segment, two)
    assert await differences(doctor) == [missing(segment, two), wrong_count(segment, 1, 2)]
    await store_members(storage, segment, two, bob)
    assert await differences(doctor) == [extra(segment, bob), wrong_count(segment, 3, 2)]


@pytest.mark.parametrize("written", [None, ADAS])
async def test_an_inactive_segment_reports_no_members(
    storage: MemoryStorage, doctor: Doctor, written: str | None
) -> None:
    one, _, bob = await adas_and_bob(storage)
    new = a_dynamic_segment(written, is_active=False) if written else a_segment(is_active=False)
    segment = await published(storage, new)
    await assign(storage, segment, one)
    await store_members(storage, segment, one, bob)
    assert await differences(doctor) == []


@pytest.mark.parametrize("written", [None, ADAS, "[]"])
async def test_members_are_evaluated_by_the_rule_during_a_backfill(
    storage: MemoryStorage, doctor: Doctor, written: str | None
) -> None:
    one, _, bob = await adas_and_bob(storage)
    segment = a_dynamic_segment(written) if written else a_segment()
    await published(storage, segment)
    await save_refresh_state(storage, segment, RefreshState(target=NOW))
    await assign(storage, segment, one)
    await store_members(storage, segment, bob)
    assert await differences(doctor) == []


async def test_every_segment_of_the_tenant_is_checked_and_no_other(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    _, _, bob = await adas_and_bob(storage)
    segments = [await adas(storage) for _ in range(2)]
    await published(storage, a_segment(tenant_id="other"))
    for segment in segments:
        await store_members(storage, segment, bob)
    result = await differences(doctor)
    assert {difference.segment_id for difference in result} == {segment.id for segment in segments}
    assert len(result) == 4
    assert await differences(doctor, "other") == []
    assert await doctor.tenants() == ["other", "tenant"]


async def test_every_customer_is_checked(storage: MemoryStorage, doctor: Doctor) -> None:
    crowd = [a_customer(first_name="Ada") for _ in range(2_001)]
    await add_customers(storage, *crowd)
    segment = await adas(storage)
    assert await differences(doctor) == []
    wrong = crowd[::1_000]
    await remove_members(storage, segment, *wrong)
    expected = [missing(segment, customer) for customer in wrong]
    assert await differences(doctor) == [*expected, wrong_count(segment, 1_998, 2_001)]


async def test_a_failed_build_is_told_and_not_compared(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    one, _, _ = await adas_and_bob(storage)
    segment = await adas(storage)
    assert await doctor.failed_builds(TENANT) == {}
    await remove_members(storage, segment, one)
    await save_refresh_state(storage, segment, RefreshState(target=NOW).failed())
    assert await differences(doctor) == []
    [(segment_id, error)] = (await doctor.failed_builds(TENANT)).items()
    assert segment_id == segment.id
    assert "send them again" in error
