"""What every storage promises of the feed: what was settled, in an order that never changes."""

import asyncio

import pytest

from customers.core.model.customer import Customer
from customers.core.model.membership import Cause, SequencedChange
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.membership_steps import (
    a_flip,
    changes,
    let_in,
    let_out,
    members_locked,
    settle,
    stored_members,
)
from tests.contract.segments import a_kept_segment, remove
from tests.contract.steps import a_kept_customer, abandoned, add_segments, delete, erase
from tests.support.builders import an_id, later


async def replayed(storage: Storage, segment: Segment, customers: list[Customer]) -> list[Customer]:
    """Who is a member by what the feed says."""
    last = {change.customer_id: change.entered for change in await changes(storage, segment)}
    return [customer for customer in customers if last.get(customer.id)]


class FeedContract:
    @pytest.mark.parametrize("cause", Cause)
    async def test_a_change_tells_its_flip(
        self, storage: Storage, tenant: str, cause: Cause
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        at = later(days=1, microseconds=1)
        await settle(storage, tenant, [a_flip(segment, customer, at=at, cause=cause)])
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

    async def test_changes_come_in_the_order_of_the_flips(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        turns = [(bob, True), (ada, True), (bob, False), (bob, True), (ada, False)]
        membership_changes = [a_flip(segment, customer, entered=entered) for customer, entered in turns]
        await settle(
            storage, tenant, [membership_changes[0], a_flip(other, bob), *membership_changes[1:3]]
        )
        await settle(storage, tenant, membership_changes[3:])
        feed = await changes(storage, segment)
        assert [(change.customer_id, change.entered) for change in feed] == [
            (customer.id, entered) for customer, entered in turns
        ]
        assert [change.customer_id for change in await changes(storage, other)] == [bob.id]

    async def test_sequences_rise_in_a_tenant_and_never_change(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        earlier: list[SequencedChange] = []
        for turn in range(3):
            await let_in(storage, segment, customer)
            await let_in(storage, other, customer)
            await settle(storage, tenant, [])
            await let_out(storage, segment, customer)
            feed = list(await changes(storage, segment))
            assert feed[:-2] == earlier
            earlier = feed
            last = (await changes(storage, other))[turn].sequence
            assert earlier[-2].sequence < last < earlier[-1].sequence

    async def test_a_feed_is_read_on_from_a_sequence_in_parts(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(5)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        for customer in customers:
            await let_in(storage, segment, customer)
            await let_in(storage, other, customer)
        feed = list(await changes(storage, segment))
        assert list(await changes(storage, segment, 0, 2)) == feed[:2]
        assert list(await changes(storage, segment, feed[1].sequence, 2)) == feed[2:4]
        assert list(await changes(storage, segment, feed[2].sequence + 1, 9)) == feed[3:]
        assert list(await changes(storage, segment, feed[4].sequence)) == []
        assert list(await changes(storage, segment, 10**15)) == []

    async def test_replaying_a_feed_gives_the_members(self, storage: Storage, tenant: str) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(4)]
        segment = await a_kept_segment(storage, tenant)
        for movers, move in ((customers[:3], let_in), (customers[1:2], let_out), (customers[3:], let_in)):
            await move(storage, segment, *movers)
            members = await stored_members(storage, segment)
            assert await replayed(storage, segment, customers) == members

    async def test_nothing_is_told_of_what_was_rolled_back(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        async with abandoned(storage, tenant) as tx:
            await tx.memberships.acquire_lock()
            await tx.memberships.apply([a_flip(segment, customer)])
            assert len(await tx.memberships.changes(segment.id, 0, 9)) == 1
        assert list(await changes(storage, segment)) == []

    async def test_nothing_is_skipped_or_repeated_while_many_settle(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(12)]
        segment = await a_kept_segment(storage, tenant)
        read: list[SequencedChange] = []
        async with asyncio.TaskGroup() as tasks:
            for customer in customers:
                tasks.create_task(let_in(storage, segment, customer))
            while len(read) < len(customers):
                await asyncio.sleep(0)
                read += await changes(storage, segment, read[-1].sequence if read else 0, 3)
        assert read == list(await changes(storage, segment))
        assert {change.customer_id for change in read} == {customer.id for customer in customers}

    async def test_deleted_and_erased_customers_stay_in_the_feed(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, *customers)
        before = list(await changes(storage, segment))
        await delete(storage, customers[0])
        await erase(storage, customers[1])
        assert list(await changes(storage, segment)) == before

    async def test_the_feed_goes_with_its_segment_and_sequences_go_on(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, customer)
        (before,) = await changes(storage, segment)
        await remove(storage, segment)
        assert list(await changes(storage, segment)) == []
        await add_segments(storage, segment)
        assert list(await changes(storage, segment)) == []
        await let_in(storage, segment, customer)
        assert (await changes(storage, segment))[0].sequence > before.sequence

    async def test_a_segment_that_is_not_there_has_no_feed(
        self, storage: Storage, tenant: str
    ) -> None:
        async with members_locked(storage, tenant) as tx:
            assert list(await tx.memberships.changes(an_id(), 0, 9)) == []
