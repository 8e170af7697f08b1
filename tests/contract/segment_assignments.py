"""The contract of `AssignmentRepository`."""

import asyncio
from collections.abc import Collection
from uuid import UUID

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import Assignment
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.filters import find_customers
from tests.contract.segments import a_stored_segment, remove_segment, some_segments
from tests.support.builders import a_customer, an_id, later
from tests.support.membership_steps import (
    ids,
    membership_transaction,
    remove_members,
    store_members,
    stored_members,
)
from tests.support.storage_steps import (
    ASSIGNMENT,
    Pause,
    a_stored_customer,
    add_customers,
    add_segments,
    assign,
    delete,
    overlap,
    save,
    some_customers,
)

LATER = Assignment(assigned_at=later(days=1, microseconds=1), assigned_by=an_id())


async def unassign(storage: Storage, segment: Segment, *customers: Customer) -> Collection[UUID]:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        return await tx.assignments.remove(segment.id, ids(customers))


async def assign_as(
    storage: Storage, segment: Segment, by: Assignment, *customers: Customer
) -> None:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.assignments.add(segment.id, ids(customers), by)


async def clear_assignments(storage: Storage, segment: Segment) -> None:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.assignments.clear(segment.id)


async def assign_members(storage: Storage, segment: Segment, by: Assignment = ASSIGNMENT) -> None:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.assignments.add_members(segment.id, by)


async def assigned_customers(storage: Storage, segment: Segment) -> list[Customer]:
    return await find_customers(storage, segment.tenant_id, CustomerFilter(assigned_to=segment.id))


async def get_assignment(
    storage: Storage, segment: Segment, customer: Customer
) -> Assignment | None:
    async with storage.view(segment.tenant_id) as view:
        return await view.assignments.get(segment.id, customer.id)


async def segments_of(storage: Storage, customer: Customer) -> list[Segment]:
    """The segments a customer is assigned to, newest first."""
    async with storage.view(customer.tenant_id) as view:
        segment_ids = set(await view.assignments.segments_of(customer.id))
        return [segment for segment in await view.segments.all() if segment.id in segment_ids]


class AssignmentWriteContract:
    async def test_add_returns_the_ids_that_were_not_assigned(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        segment = await a_stored_segment(storage, tenant)
        assert set(await assign(storage, segment, ada, bob)) == {ada.id, bob.id}
        assert set(await assign(storage, segment, bob, eve)) == {eve.id}
        assert set(await assign(storage, segment, ada, bob, eve)) == set()
        assert set(await assign(storage, segment)) == set()
        assert await assigned_customers(storage, segment) == [ada, bob, eve]

    async def test_remove_returns_the_ids_that_were_assigned(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        segment = await a_stored_segment(storage, tenant)
        await assign(storage, segment, ada, bob)
        assert set(await unassign(storage, segment, bob, eve, a_customer())) == {bob.id}
        assert set(await unassign(storage, segment, bob)) == set()
        assert set(await unassign(storage, segment)) == set()
        assert await assigned_customers(storage, segment) == [ada]

    async def test_a_thousand_customers_are_assigned_and_unassigned_in_one_call(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(1_000)]
        segment = await a_stored_segment(storage, tenant)
        await add_customers(storage, *customers)
        assert set(await assign(storage, segment, *customers)) == ids(customers)
        assert set(await assign(storage, segment, *customers)) == set()
        assert set(await unassign(storage, segment, *customers)) == ids(customers)

    async def test_assignments_do_not_change_stored_members(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, ada)
        await assign(storage, segment, ada, bob)
        await unassign(storage, segment, ada)
        assert await stored_members(storage, segment) == [ada]

    async def test_clear_removes_every_assignment_of_deleted_customers_too(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve = await some_customers(storage, tenant, 2)
        segment, other = await some_segments(storage, tenant, 2)
        await assign(storage, segment, ada, eve)
        await assign(storage, other, ada, eve)
        deleted = await delete(storage, eve)
        await clear_assignments(storage, segment)
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await assigned_customers(storage, segment) == []
        assert await assigned_customers(storage, other) == [ada, restored]

    async def test_add_members_assigns_every_stored_member(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve, _ = await some_customers(storage, tenant, 4)
        segment, other = await some_segments(storage, tenant, 2)
        await assign(storage, segment, ada, eve)
        await store_members(storage, segment, ada, bob)
        await assign_members(storage, segment, LATER)
        assert await assigned_customers(storage, segment) == [ada, bob, eve]
        assignments = [
            await get_assignment(storage, segment, customer) for customer in (ada, bob, eve)
        ]
        assert assignments == [ASSIGNMENT, LATER, ASSIGNMENT]
        await assign_members(storage, other)
        assert await assigned_customers(storage, other) == []

    async def test_assigned_members_stay_assigned_when_their_membership_ends(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, customer)
        await assign_members(storage, segment)
        await remove_members(storage, segment, customer)
        assert await assigned_customers(storage, segment) == [customer]

    async def test_concurrent_adds_return_every_id_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 6)
        segment = await a_stored_segment(storage, tenant)
        added = await asyncio.gather(
            *(
                assign(storage, segment, *customers[start:], *customers[:start])
                for start in range(6)
            )
        )
        assert sorted(customer_id for added_ids in added for customer_id in added_ids) == sorted(
            ids(customers)
        )
        assert await assigned_customers(storage, segment) == customers

    async def test_a_waiter_for_the_membership_lock_sees_new_assignments(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with membership_transaction(storage, tenant) as tx:
                await tx.segments.get_for_update(segment.id)
                await pause()
                assert set(await tx.assignments.add(segment.id, [customer.id], ASSIGNMENT))

        assert set(await overlap(hold, lambda: assign(storage, segment, customer))) == set()


class AssignmentReadContract:
    async def test_an_assignment_keeps_its_first_values(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        segment, other = await some_segments(storage, tenant, 2)
        await assign(storage, segment, ada)
        await assign_as(storage, segment, LATER, ada, bob)
        assignments = [
            await get_assignment(storage, segment, customer) for customer in (ada, bob, eve)
        ]
        assert assignments == [ASSIGNMENT, LATER, None]
        assert await get_assignment(storage, other, ada) is None
        await unassign(storage, segment, ada)
        await assign_as(storage, segment, LATER, ada)
        assert await get_assignment(storage, segment, ada) == LATER

    async def test_the_assignment_of_a_deleted_customer_can_be_read(
        self, storage: Storage, tenant: str
    ) -> None:
        eve = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        await assign(storage, segment, eve)
        await delete(storage, eve)
        assert await get_assignment(storage, segment, eve) == ASSIGNMENT
        assert set(await unassign(storage, segment, eve)) == {eve.id}
        assert await get_assignment(storage, segment, eve) is None

    async def test_segments_of_returns_the_segments_a_customer_is_assigned_to(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        one, two, three = await some_segments(storage, tenant, 3)
        await assign(storage, one, ada, bob)
        await assign(storage, three, ada)
        await store_members(storage, two, ada)
        assert await segments_of(storage, ada) == [three, one]
        assert await segments_of(storage, bob) == [one]
        await unassign(storage, one, ada)
        await remove_segment(storage, three)
        assert await segments_of(storage, ada) == []

    async def test_segments_of_an_unknown_or_deleted_customer_raises(
        self, storage: Storage, tenant: str
    ) -> None:
        eve = await a_stored_customer(storage, tenant)
        await assign(storage, await a_stored_segment(storage, tenant), eve)
        await delete(storage, eve)
        for customer in (eve, a_customer(tenant_id=tenant)):
            with pytest.raises(CustomerNotFound):
                await segments_of(storage, customer)

    async def test_deleted_customers_leave_and_restored_ones_return(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        await assign(storage, segment, customer)
        deleted = await delete(storage, customer)
        assert await assigned_customers(storage, segment) == []
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await assigned_customers(storage, segment) == [restored]
        assert await segments_of(storage, customer) == [segment]

    async def test_a_segment_that_reuses_an_id_has_no_assignments(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        await assign(storage, segment, customer)
        await remove_segment(storage, segment)
        await add_segments(storage, segment)
        assert await assigned_customers(storage, segment) == []
        assert await get_assignment(storage, segment, customer) is None
