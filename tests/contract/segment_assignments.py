"""What every storage promises of who was put into a segment by hand."""

import asyncio
from collections.abc import Collection
from uuid import UUID

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.model.membership import Assignment
from customers.core.model.query import CustomerFilter
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.filters import found
from tests.contract.membership_steps import ids, let_in, let_out, members_locked, stored_members
from tests.contract.segments import a_kept_segment, remove
from tests.contract.steps import (
    BY_HAND,
    Pause,
    a_kept_customer,
    add_segments,
    delete,
    keep,
    overlapping,
    put,
    save,
)
from tests.support.builders import a_customer, an_id, later

LATER = Assignment(assigned_at=later(days=1, microseconds=1), assigned_by=an_id())


async def take(storage: Storage, segment: Segment, *customers: Customer) -> Collection[UUID]:
    async with members_locked(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        return await tx.assignments.remove(segment.id, ids(customers))


async def put_as(storage: Storage, segment: Segment, by: Assignment, *customers: Customer) -> None:
    async with members_locked(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.assignments.add(segment.id, ids(customers), by)


async def empty(storage: Storage, segment: Segment) -> None:
    async with members_locked(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.assignments.clear(segment.id)


async def add_members(storage: Storage, segment: Segment, by: Assignment = BY_HAND) -> None:
    async with members_locked(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.assignments.add_members(segment.id, by)


async def assigned(storage: Storage, segment: Segment) -> list[Customer]:
    return await found(storage, segment.tenant_id, CustomerFilter(assigned_to=segment.id))


async def assignment(storage: Storage, segment: Segment, customer: Customer) -> Assignment | None:
    async with storage.view(segment.tenant_id) as view:
        return await view.assignments.get(segment.id, customer.id)


async def segments_of(storage: Storage, customer: Customer) -> list[Segment]:
    """The segments a customer was put into, newest first."""
    async with storage.view(customer.tenant_id) as view:
        segment_ids = set(await view.assignments.segments_of(customer.id))
        return [segment for segment in await view.segments.all() if segment.id in segment_ids]


class PuttingContract:
    async def test_putting_names_those_who_were_not_in_the_segment(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment = await a_kept_segment(storage, tenant)
        assert set(await put(storage, segment, ada, bob)) == {ada.id, bob.id}
        assert set(await put(storage, segment, bob, eve)) == {eve.id}
        assert set(await put(storage, segment, ada, bob, eve)) == set()
        assert set(await put(storage, segment)) == set()
        assert await assigned(storage, segment) == [ada, bob, eve]

    async def test_taking_names_those_who_were_in_the_segment(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, ada, bob)
        assert set(await take(storage, segment, bob, eve, a_customer())) == {bob.id}
        assert set(await take(storage, segment, bob)) == set()
        assert set(await take(storage, segment)) == set()
        assert await assigned(storage, segment) == [ada]

    async def test_a_thousand_customers_are_put_and_taken_at_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(1_000)]
        segment = await a_kept_segment(storage, tenant)
        await keep(storage, *customers)
        assert set(await put(storage, segment, *customers)) == ids(customers)
        assert set(await put(storage, segment, *customers)) == set()
        assert set(await take(storage, segment, *customers)) == ids(customers)

    async def test_neither_putting_nor_taking_touches_stored_members(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, ada)
        await put(storage, segment, ada, bob)
        await take(storage, segment, ada)
        assert await stored_members(storage, segment) == [ada]

    async def test_emptying_takes_everyone_out_the_deleted_too(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, segment, ada, eve)
        await put(storage, other, ada, eve)
        deleted = await delete(storage, eve)
        await empty(storage, segment)
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await assigned(storage, segment) == []
        assert await assigned(storage, other) == [ada, restored]

    async def test_everyone_among_the_stored_members_is_put_in(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve, _ = [await a_kept_customer(storage, tenant) for _ in range(4)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, segment, ada, eve)
        await let_in(storage, segment, ada, bob)
        await add_members(storage, segment, LATER)
        assert await assigned(storage, segment) == [ada, bob, eve]
        assignments = [await assignment(storage, segment, customer) for customer in (ada, bob, eve)]
        assert assignments == [BY_HAND, LATER, BY_HAND]
        await add_members(storage, other)
        assert await assigned(storage, other) == []

    async def test_who_was_put_in_with_the_members_stays_when_those_leave(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, customer)
        await add_members(storage, segment)
        await let_out(storage, segment, customer)
        assert await assigned(storage, segment) == [customer]

    async def test_many_who_put_the_same_customers_at_once_name_each_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(6)]
        segment = await a_kept_segment(storage, tenant)
        added = await asyncio.gather(
            *(put(storage, segment, *customers[start:], *customers[:start]) for start in range(6))
        )
        assert sorted(customer_id for added_ids in added for customer_id in added_ids) == sorted(ids(customers))
        assert await assigned(storage, segment) == customers

    async def test_who_waits_for_the_members_finds_who_was_put_in_meanwhile(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with members_locked(storage, tenant) as tx:
                await tx.segments.get_for_update(segment.id)
                await pause()
                assert set(await tx.assignments.add(segment.id, [customer.id], BY_HAND))

        assert set(await overlapping(hold, lambda: put(storage, segment, customer))) == set()


class AssignmentContract:
    async def test_an_assignment_is_read_as_it_was_first_made(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, segment, ada)
        await put_as(storage, segment, LATER, ada, bob)
        assignments = [await assignment(storage, segment, customer) for customer in (ada, bob, eve)]
        assert assignments == [BY_HAND, LATER, None]
        assert await assignment(storage, other, ada) is None
        await take(storage, segment, ada)
        await put_as(storage, segment, LATER, ada)
        assert await assignment(storage, segment, ada) == LATER

    async def test_the_assignment_of_a_deleted_customer_is_found(
        self, storage: Storage, tenant: str
    ) -> None:
        eve = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, eve)
        await delete(storage, eve)
        assert await assignment(storage, segment, eve) == BY_HAND
        assert set(await take(storage, segment, eve)) == {eve.id}
        assert await assignment(storage, segment, eve) is None

    async def test_a_customer_knows_the_segments_they_were_put_into(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        one, two, three = [await a_kept_segment(storage, tenant) for _ in range(3)]
        await put(storage, one, ada, bob)
        await put(storage, three, ada)
        await let_in(storage, two, ada)
        assert await segments_of(storage, ada) == [three, one]
        assert await segments_of(storage, bob) == [one]
        await take(storage, one, ada)
        await remove(storage, three)
        assert await segments_of(storage, ada) == []

    async def test_who_is_no_customer_was_put_into_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        eve = await a_kept_customer(storage, tenant)
        await put(storage, await a_kept_segment(storage, tenant), eve)
        await delete(storage, eve)
        for customer in (eve, a_customer(tenant_id=tenant)):
            with pytest.raises(CustomerNotFound):
                await segments_of(storage, customer)

    async def test_the_deleted_leave_and_the_restored_return(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, customer)
        deleted = await delete(storage, customer)
        assert await assigned(storage, segment) == []
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await assigned(storage, segment) == [restored]
        assert await segments_of(storage, customer) == [segment]

    async def test_a_segment_made_anew_under_an_old_id_has_nobody_in_it(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, customer)
        await remove(storage, segment)
        await add_segments(storage, segment)
        assert await assigned(storage, segment) == []
        assert await assignment(storage, segment, customer) is None
