"""The contract of the feed: applied changes, in an order that never changes."""

import asyncio

import pytest

from customers.core.model.customer import Customer
from customers.core.model.membership import Cause, SequencedChange
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.segments import a_stored_segment, remove_segment, some_segments
from tests.support.builders import an_id, later
from tests.support.membership_steps import (
    a_change,
    apply_changes,
    changes,
    membership_transaction,
    remove_members,
    store_members,
    stored_members,
)
from tests.support.storage_steps import (
    a_stored_customer,
    add_segments,
    delete,
    erase,
    failing_transaction,
    some_customers,
)


async def replayed(storage: Storage, segment: Segment, customers: list[Customer]) -> list[Customer]:
    """The customers who are members according to the feed."""
    last = {change.customer_id: change.entered for change in await changes(storage, segment)}
    return [customer for customer in customers if last.get(customer.id)]


class MembershipFeedContract:
    @pytest.mark.parametrize("cause", Cause)
    async def test_a_change_has_the_fields_of_the_membership_change(
        self, storage: Storage, tenant: str, cause: Cause
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        at = later(days=1, microseconds=1)
        await apply_changes(storage, tenant, [a_change(segment, customer, at=at, cause=cause)])
        (change,) = await changes(storage, segment)
        assert change == SequencedChange(
            sequence=change.sequence,
            segment_id=segment.id,
            customer_id=customer.id,
            entered=True,
            at=at,
            cause=cause,
        )
        assert change.sequence > 0

    async def test_changes_are_in_the_order_they_were_applied(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        segment, other = await some_segments(storage, tenant, 2)
        turns = [(bob, True), (ada, True), (bob, False), (bob, True), (ada, False)]
        membership_changes = [
            a_change(segment, customer, entered=entered) for customer, entered in turns
        ]
        await apply_changes(
            storage, tenant, [membership_changes[0], a_change(other, bob), *membership_changes[1:3]]
        )
        await apply_changes(storage, tenant, membership_changes[3:])
        feed = await changes(storage, segment)
        assert [(change.customer_id, change.entered) for change in feed] == [
            (customer.id, entered) for customer, entered in turns
        ]
        assert [change.customer_id for change in await changes(storage, other)] == [bob.id]

    async def test_sequence_numbers_rise_in_a_tenant_and_never_change(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment, other = await some_segments(storage, tenant, 2)
        earlier: list[SequencedChange] = []
        for turn in range(3):
            await store_members(storage, segment, customer)
            await store_members(storage, other, customer)
            await apply_changes(storage, tenant, [])
            await remove_members(storage, segment, customer)
            feed = list(await changes(storage, segment))
            assert feed[:-2] == earlier
            earlier = feed
            last = (await changes(storage, other))[turn].sequence
            assert earlier[-2].sequence < last < earlier[-1].sequence

    async def test_a_feed_is_paged_by_sequence_number(self, storage: Storage, tenant: str) -> None:
        customers = await some_customers(storage, tenant, 5)
        segment, other = await some_segments(storage, tenant, 2)
        for customer in customers:
            await store_members(storage, segment, customer)
            await store_members(storage, other, customer)
        feed = list(await changes(storage, segment))
        assert list(await changes(storage, segment, 0, 2)) == feed[:2]
        assert list(await changes(storage, segment, feed[1].sequence, 2)) == feed[2:4]
        assert list(await changes(storage, segment, feed[2].sequence + 1, 9)) == feed[3:]
        assert list(await changes(storage, segment, feed[4].sequence)) == []
        assert list(await changes(storage, segment, 10**15)) == []

    async def test_replaying_a_feed_yields_the_stored_members(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 4)
        segment = await a_stored_segment(storage, tenant)
        for movers, move in (
            (customers[:3], store_members),
            (customers[1:2], remove_members),
            (customers[3:], store_members),
        ):
            await move(storage, segment, *movers)
            members = await stored_members(storage, segment)
            assert await replayed(storage, segment, customers) == members

    async def test_rolled_back_changes_are_not_in_the_feed(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        async with failing_transaction(storage, tenant) as tx:
            await tx.memberships.acquire_lock()
            await tx.memberships.apply([a_change(segment, customer)])
            assert len(await tx.memberships.changes(segment.id, 0, 9)) == 1
        assert list(await changes(storage, segment)) == []

    async def test_reading_the_feed_during_concurrent_applies_neither_skips_nor_repeats(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 12)
        segment = await a_stored_segment(storage, tenant)
        read: list[SequencedChange] = []
        async with asyncio.TaskGroup() as tasks:
            for customer in customers:
                tasks.create_task(store_members(storage, segment, customer))
            while len(read) < len(customers):
                await asyncio.sleep(0)
                read += await changes(storage, segment, read[-1].sequence if read else 0, 3)
        assert read == list(await changes(storage, segment))
        assert {change.customer_id for change in read} == {customer.id for customer in customers}

    async def test_deleted_and_erased_customers_stay_in_the_feed(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 2)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, *customers)
        before = list(await changes(storage, segment))
        await delete(storage, customers[0])
        await erase(storage, customers[1])
        assert list(await changes(storage, segment)) == before

    async def test_a_removed_segment_has_no_feed_and_sequence_numbers_go_on(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, customer)
        (before,) = await changes(storage, segment)
        await remove_segment(storage, segment)
        assert list(await changes(storage, segment)) == []
        await add_segments(storage, segment)
        assert list(await changes(storage, segment)) == []
        await store_members(storage, segment, customer)
        assert (await changes(storage, segment))[0].sequence > before.sequence

    async def test_the_feed_of_an_unknown_segment_is_empty(
        self, storage: Storage, tenant: str
    ) -> None:
        async with membership_transaction(storage, tenant) as tx:
            assert list(await tx.memberships.changes(an_id(), 0, 9)) == []
