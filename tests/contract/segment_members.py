"""What every storage promises of who was put into a segment by hand."""

import asyncio

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.query import CustomerFilter, RuleAt
from customers.core.model.segment import Segment
from customers.core.ports import Storage
from tests.builders import (
    NOW,
    a_customer,
    a_dynamic_segment,
    later,
    some_statistics,
)
from tests.contract.filters import found
from tests.contract.segments import a_kept_segment, remove
from tests.contract.steps import (
    Pause,
    a_kept_customer,
    add_segments,
    delete,
    keep,
    overlapping,
    put,
    save,
)


async def take(storage: Storage, segment: Segment, *customers: Customer) -> int:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.lock(segment.id)
        return await tx.segments.take(segment.id, {customer.id for customer in customers})


async def empty(storage: Storage, segment: Segment) -> None:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.lock(segment.id)
        await tx.segments.empty(segment.id)


async def put_matching(storage: Storage, segment: Segment, which: CustomerFilter) -> None:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.lock(segment.id)
        await tx.segments.put_matching(segment.id, which, NOW)


async def members(storage: Storage, segment: Segment) -> list[Customer]:
    return await found(storage, segment.tenant_id, CustomerFilter(member_of=segment.id))


async def segments_of(storage: Storage, customer: Customer) -> list[Segment]:
    """The segments a customer was put into, newest first."""
    async with storage.view(customer.tenant_id) as view:
        ids = set(await view.segments.put_into(customer.id))
        return [each for each in await view.segments.all() if each.id in ids]


class MemberContract:
    async def test_putting_counts_those_who_were_not_in_the_segment(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment = await a_kept_segment(storage, tenant)
        assert await put(storage, segment, ada, bob) == 2
        assert await put(storage, segment, bob, eve) == 1
        assert await put(storage, segment, ada, bob, eve) == 0
        assert await put(storage, segment) == 0
        assert await members(storage, segment) == [ada, bob, eve]

    async def test_taking_counts_those_who_were_in_the_segment(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, ada, bob)
        assert await take(storage, segment, bob, eve, a_customer()) == 1
        assert await take(storage, segment, bob) == 0
        assert await take(storage, segment) == 0
        assert await members(storage, segment) == [ada]

    async def test_a_thousand_customers_are_put_and_taken_at_once(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [a_customer(tenant_id=tenant) for _ in range(1_000)]
        segment = await a_kept_segment(storage, tenant)
        await keep(storage, *crowd)
        assert await put(storage, segment, *crowd) == 1_000
        assert await put(storage, segment, *crowd) == 0
        assert await take(storage, segment, *crowd) == 1_000

    async def test_a_customer_knows_the_segments_they_were_put_into(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        one, two, three = [await a_kept_segment(storage, tenant) for _ in range(3)]
        await put(storage, one, ada, bob)
        await put(storage, three, ada)
        assert await segments_of(storage, ada) == [three, one]
        assert await segments_of(storage, bob) == [one]
        await take(storage, one, ada)
        assert await segments_of(storage, ada) == [three]
        await remove(storage, three)
        assert await segments_of(storage, ada) == []
        assert await members(storage, two) == []

    async def test_who_is_no_customer_was_put_into_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        gone = await a_kept_customer(storage, tenant)
        await put(storage, await a_kept_segment(storage, tenant), gone)
        await delete(storage, gone)
        for nobody in (gone, a_customer(tenant_id=tenant)):
            with pytest.raises(CustomerNotFound):
                await segments_of(storage, nobody)

    async def test_the_deleted_leave_and_the_restored_return(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, customer)
        deleted = await delete(storage, customer)
        assert await members(storage, segment) == []
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await members(storage, segment) == [restored]
        assert await segments_of(storage, customer) == [segment]

    async def test_emptying_takes_everyone_out_the_deleted_too(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, gone = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, segment, ada, gone)
        await put(storage, other, ada, gone)
        deleted = await delete(storage, gone)
        await empty(storage, segment)
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await members(storage, segment) == []
        assert await members(storage, other) == [ada, restored]

    async def test_a_segment_made_anew_under_an_old_name_has_no_members(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, customer)
        await remove(storage, segment)
        await add_segments(storage, segment)
        assert await members(storage, segment) == []

    async def test_many_who_put_the_same_customers_at_once_count_each_once(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [await a_kept_customer(storage, tenant) for _ in range(6)]
        segment = await a_kept_segment(storage, tenant)
        added = await asyncio.gather(
            *(put(storage, segment, *crowd[start:], *crowd[:start]) for start in range(6))
        )
        assert sum(added) == 6
        assert await members(storage, segment) == crowd

    async def test_a_lock_keeps_others_from_a_segments_members(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.segments.lock(segment.id)
                await pause()
                assert await tx.segments.put(segment.id, [customer.id], NOW) == 1

        assert await overlapping(hold, lambda: put(storage, segment, customer)) == 0


class PutMatchingContract:
    async def test_everyone_whom_a_rule_matches_is_put(self, storage: Storage, tenant: str) -> None:
        poor, rich, gone = (
            a_customer(tenant_id=tenant, statistics=some_statistics(spent))
            for spent in ("1.00", "1500.50", "2000.00")
        )
        await keep(storage, poor, rich, gone)
        await delete(storage, gone)
        segment = await a_kept_segment(storage, tenant)
        rule = a_dynamic_segment('[{"field":"total_spent","operator":"gt","value":1000}]').rule
        assert rule is not None
        await put_matching(storage, segment, CustomerFilter(rule=RuleAt(rule=rule, now=NOW)))
        assert await members(storage, segment) == [rich]

    async def test_those_who_are_in_the_segment_stay(self, storage: Storage, tenant: str) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        eve = await a_kept_customer(storage, tenant, status=CustomerStatus.BLOCKED)
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, ada, eve)
        active = CustomerFilter(statuses=frozenset({CustomerStatus.ACTIVE}))
        await put_matching(storage, segment, active)
        assert await members(storage, segment) == [ada, bob, eve]

    async def test_the_members_of_another_segment_can_be_put(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, _ = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, other, ada)
        await put_matching(storage, segment, CustomerFilter(member_of=other.id))
        assert await members(storage, segment) == [ada]

    async def test_nobody_is_put_where_nobody_matches(self, storage: Storage, tenant: str) -> None:
        await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        await put_matching(storage, segment, CustomerFilter(search="nobody"))
        assert await members(storage, segment) == []
