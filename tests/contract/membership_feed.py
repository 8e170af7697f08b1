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
    last = {each.customer_id: each.entered for each in await changes(storage, segment)}
    return [each for each in customers if last.get(each.id)]


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
        membership_changes = [a_flip(segment, each, entered=entered) for each, entered in turns]
        await settle(
            storage, tenant, [membership_changes[0], a_flip(other, bob), *membership_changes[1:3]]
        )
        await settle(storage, tenant, membership_changes[3:])
        told = await changes(storage, segment)
        assert [(each.customer_id, each.entered) for each in told] == [
            (customer.id, entered) for customer, entered in turns
        ]
        assert [each.customer_id for each in await changes(storage, other)] == [bob.id]

    async def test_sequences_rise_in_a_tenant_and_never_change(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        known: list[SequencedChange] = []
        for turn in range(3):
            await let_in(storage, segment, customer)
            await let_in(storage, other, customer)
            await settle(storage, tenant, [])
            await let_out(storage, segment, customer)
            told = list(await changes(storage, segment))
            assert told[:-2] == known
            known = told
            last = (await changes(storage, other))[turn].sequence
            assert known[-2].sequence < last < known[-1].sequence

    async def test_a_feed_is_read_on_from_a_sequence_in_parts(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [await a_kept_customer(storage, tenant) for _ in range(5)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        for each in crowd:
            await let_in(storage, segment, each)
            await let_in(storage, other, each)
        every = list(await changes(storage, segment))
        assert list(await changes(storage, segment, 0, 2)) == every[:2]
        assert list(await changes(storage, segment, every[1].sequence, 2)) == every[2:4]
        assert list(await changes(storage, segment, every[2].sequence + 1, 9)) == every[3:]
        assert list(await changes(storage, segment, every[4].sequence)) == []
        assert list(await changes(storage, segment, 10**15)) == []

    async def test_replaying_a_feed_gives_the_members(self, storage: Storage, tenant: str) -> None:
        crowd = [await a_kept_customer(storage, tenant) for _ in range(4)]
        segment = await a_kept_segment(storage, tenant)
        for some, change in ((crowd[:3], let_in), (crowd[1:2], let_out), (crowd[3:], let_in)):
            await change(storage, segment, *some)
            members = await stored_members(storage, segment)
            assert await replayed(storage, segment, crowd) == members

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
        crowd = [await a_kept_customer(storage, tenant) for _ in range(12)]
        segment = await a_kept_segment(storage, tenant)
        read: list[SequencedChange] = []
        async with asyncio.TaskGroup() as tasks:
            for each in crowd:
                tasks.create_task(let_in(storage, segment, each))
            while len(read) < len(crowd):
                await asyncio.sleep(0)
                read += await changes(storage, segment, read[-1].sequence if read else 0, 3)
        assert read == list(await changes(storage, segment))
        assert {each.customer_id for each in read} == {each.id for each in crowd}

    async def test_deleted_and_erased_customers_stay_in_the_feed(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, *crowd)
        before = list(await changes(storage, segment))
        await delete(storage, crowd[0])
        await erase(storage, crowd[1])
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
