"""The doctor finds whatever is told of members and is not so, and nothing where all is right."""

import pytest
from attrs import evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.publish import publish
from customers.core.membership.refresh import backfill, catch_up
from customers.core.model.customer import Customer
from customers.core.model.membership import RefreshState
from customers.core.model.segment import Segment
from customers.core.services.doctor import Difference, Doctor
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


async def examined(doctor: Doctor, tenant: str = TENANT) -> list[Difference]:
    return [each async for each in doctor.segments(tenant)]


async def people(storage: MemoryStorage) -> tuple[Customer, Customer, Customer]:
    """Two Adas and a Bob."""
    one, two, bob = [
        await a_stored_customer(storage, TENANT, first_name=name) for name in ("Ada", "Ada", "Bob")
    ]
    return one, two, bob


async def published(storage: MemoryStorage, segment: Segment) -> Segment:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await publish(tx, None, segment, NOW)
    return segment


async def adas(storage: MemoryStorage) -> Segment:
    """A segment whose members are built."""
    segment = await published(storage, a_dynamic_segment(ADAS))
    await backfill(storage, TENANT, segment.id, FixedClock())
    return segment


async def by_hand(storage: MemoryStorage, *customers: Customer) -> Segment:
    """A manual segment with members."""
    segment = await published(storage, a_segment())
    await assign(storage, segment, *customers)
    await store_members(storage, segment, *customers)
    return segment


def wrongly_told(segment: Segment, customer: Customer) -> Difference:
    return Difference(segment_id=segment.id, customer_id=customer.id, reported=True, expected=False)


def not_told(segment: Segment, customer: Customer) -> Difference:
    return Difference(segment_id=segment.id, customer_id=customer.id, reported=False, expected=True)


def wrong_number(segment: Segment, told: int, truth: int) -> Difference:
    return Difference(segment_id=segment.id, customer_id=None, reported=told, expected=truth)


async def test_where_all_is_right_nothing_is_found(storage: MemoryStorage, doctor: Doctor) -> None:
    one, _, bob = await people(storage)
    segment, manual = await adas(storage), await by_hand(storage, one, bob)
    assert await examined(doctor) == []
    assert len(await stored_members(storage, segment)) == 2
    assert await stored_members(storage, manual) == [one, bob]


async def test_customers_in_doubt_are_no_differences(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    one, two, _ = await people(storage)
    segment, manual = await adas(storage), await by_hand(storage, one, two)
    await a_stored_customer(storage, TENANT, first_name="Ada")
    await save(storage, evolve(two, first_name="Eve"))
    await delete(storage, one)
    for each in (segment, manual):
        assert (await refresh_state_of(storage, each)).member_count == 2
    assert await examined(doctor) == []


async def test_time_that_has_passed_makes_no_difference(
    storage: MemoryStorage, clock: FixedClock, doctor: Doctor
) -> None:
    await people(storage)
    segment = await published(storage, a_dynamic_segment(OLD))
    await backfill(storage, TENANT, segment.id, clock)
    clock.forward(days=1)
    assert await stored_members(storage, segment) == []
    assert await examined(doctor) == []


async def test_a_clock_that_went_back_makes_no_difference(
    storage: MemoryStorage, clock: FixedClock, doctor: Doctor
) -> None:
    customer = await a_stored_customer(storage, TENANT)
    segment = await published(storage, a_dynamic_segment(OLD))
    await backfill(storage, TENANT, segment.id, clock)
    clock.forward(days=1)
    await catch_up(storage, TENANT, [segment.id], clock)
    clock.forward(days=-1)
    assert await stored_members(storage, segment) == [customer]
    assert await examined(doctor) == []


async def test_who_is_told_and_is_none_is_found(storage: MemoryStorage, doctor: Doctor) -> None:
    _, _, bob = await people(storage)
    segment = await adas(storage)
    await store_members(storage, segment, bob)
    assert await examined(doctor) == [wrongly_told(segment, bob), wrong_number(segment, 3, 2)]


async def test_who_is_one_and_is_not_told_is_found(storage: MemoryStorage, doctor: Doctor) -> None:
    _, two, _ = await people(storage)
    segment = await adas(storage)
    await remove_members(storage, segment, two)
    assert await examined(doctor) == [not_told(segment, two), wrong_number(segment, 1, 2)]


async def test_a_number_that_is_right_hides_nobody(storage: MemoryStorage, doctor: Doctor) -> None:
    one, _, bob = await people(storage)
    segment = await adas(storage)
    await remove_members(storage, segment, one)
    await store_members(storage, segment, bob)
    assert await examined(doctor) == [not_told(segment, one), wrongly_told(segment, bob)]


async def test_a_number_that_is_wrong_is_found_by_itself(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    one, _, _ = await people(storage)
    segment = await adas(storage)
    await set_capture(storage, TENANT, customers=False)
    await delete(storage, one)
    assert await examined(doctor) == [wrong_number(segment, 2, 1)]


async def test_a_change_that_left_no_mark_is_found(storage: MemoryStorage, doctor: Doctor) -> None:
    await people(storage)
    segment = await adas(storage)
    await set_capture(storage, TENANT, customers=False)
    unseen = await a_stored_customer(storage, TENANT, first_name="Ada")
    assert await examined(doctor) == [not_told(segment, unseen), wrong_number(segment, 2, 3)]


async def test_members_that_time_was_said_to_have_moved_and_did_not_are_found(
    storage: MemoryStorage, clock: FixedClock, doctor: Doctor
) -> None:
    customer = await a_stored_customer(storage, TENANT)
    segment = await published(storage, a_dynamic_segment(OLD))
    await backfill(storage, TENANT, segment.id, clock)
    await save_refresh_state(storage, segment, RefreshState(watermark=later(days=2)))
    clock.forward(days=3)
    assert await examined(doctor) == [not_told(segment, customer), wrong_number(segment, 0, 1)]


async def test_a_manual_segment_has_those_who_were_put_into_it(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    one, two, bob = await people(storage)
    segment = await by_hand(storage, one)
    await assign(storage, segment, two)
    assert await examined(doctor) == [not_told(segment, two), wrong_number(segment, 1, 2)]
    await store_members(storage, segment, two, bob)
    assert await examined(doctor) == [wrongly_told(segment, bob), wrong_number(segment, 3, 2)]


@pytest.mark.parametrize("written", [None, ADAS])
async def test_an_inactive_segment_tells_nobody_whoever_is_stored(
    storage: MemoryStorage, doctor: Doctor, written: str | None
) -> None:
    one, _, bob = await people(storage)
    make = a_dynamic_segment(written, is_active=False) if written else a_segment(is_active=False)
    segment = await published(storage, make)
    await assign(storage, segment, one)
    await store_members(storage, segment, one, bob)
    assert await examined(doctor) == []


@pytest.mark.parametrize("written", [None, ADAS, "[]"])
async def test_members_that_are_being_built_are_told_by_what_the_segment_says(
    storage: MemoryStorage, doctor: Doctor, written: str | None
) -> None:
    one, _, bob = await people(storage)
    segment = a_dynamic_segment(written) if written else a_segment()
    await published(storage, segment)
    await save_refresh_state(storage, segment, RefreshState(target=NOW))
    await assign(storage, segment, one)
    await store_members(storage, segment, bob)
    assert await examined(doctor) == []


async def test_every_segment_of_the_tenant_is_looked_at_and_of_no_other(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    _, _, bob = await people(storage)
    segments = [await adas(storage) for _ in range(2)]
    await published(storage, a_segment(tenant_id="other"))
    for segment in segments:
        await store_members(storage, segment, bob)
    found = await examined(doctor)
    assert {each.segment_id for each in found} == {segment.id for segment in segments}
    assert len(found) == 4
    assert await examined(doctor, "other") == []
    assert await doctor.tenants() == ["other", "tenant"]


async def test_every_customer_is_looked_at_however_many_there_are(
    storage: MemoryStorage, doctor: Doctor
) -> None:
    crowd = [a_customer(first_name="Ada") for _ in range(2_001)]
    await add_customers(storage, *crowd)
    segment = await adas(storage)
    assert await examined(doctor) == []
    wrong = crowd[::1_000]
    await remove_members(storage, segment, *wrong)
    expected = [not_told(segment, each) for each in wrong]
    assert await examined(doctor) == [*expected, wrong_number(segment, 1_998, 2_001)]
