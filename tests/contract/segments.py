"""What every storage promises of segments and of who was put into them by hand."""

import asyncio

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound, SegmentNameTaken, SegmentNotFound
from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.query import CustomerFilter, RuleAt
from customers.core.model.segment import Segment
from customers.core.ports import Storage
from tests.builders import (
    NOW,
    a_customer,
    a_dynamic_segment,
    a_segment,
    a_tenant,
    an_id,
    later,
    some_statistics,
)
from tests.contract.filters import found
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

WRITTEN = (
    '{ "logicalOperator": "or", "rules": [{"field":"totalSpent", "operator": "greaterThan", '
    '"value": "1000"},\n {"value": 1.50, "operator": "lt", "field": "lifetime_value"},'
    '{"field": "notes", "operator": "contains", "value": "\\u00e9%_\\\\\'"}]}'
)
SAME_NAME = [("VIP", "VIP"), ("VIP", "vip"), ("Straße", "STRASSE"), ("É", "e\u0301")]


def a_manual_segment_with_rules(written: str, tenant_id: str) -> Segment:
    """Its rules are kept and not evaluated, so they need not even be rules."""
    return a_segment(tenant_id=tenant_id, rules_written=written)


async def a_kept_segment(storage: Storage, tenant: str) -> Segment:
    segment = a_segment(tenant_id=tenant)
    await add_segments(storage, segment)
    return segment


async def get(storage: Storage, segment: Segment) -> Segment:
    async with storage.view(segment.tenant_id) as view:
        return await view.segments.get(segment.id)


async def save_segment(storage: Storage, segment: Segment) -> None:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.lock(segment.id)
        await tx.segments.save(segment)


async def take(storage: Storage, segment: Segment, *customers: Customer) -> int:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.lock(segment.id)
        return await tx.segments.take(segment.id, {customer.id for customer in customers})


async def empty(storage: Storage, segment: Segment) -> None:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.lock(segment.id)
        await tx.segments.empty(segment.id)


async def remove(storage: Storage, segment: Segment) -> None:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.lock(segment.id)
        await tx.segments.remove(segment.id)


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


class SegmentContract:
    async def test_a_segment_is_read_as_it_was_added(self, storage: Storage, tenant: str) -> None:
        segment = a_dynamic_segment(
            WRITTEN, tenant_id=tenant, name="Großkunden %_'", description="a\n\tb", is_active=False
        )
        await add_segments(storage, segment)
        assert await get(storage, segment) == segment

    @pytest.mark.parametrize(
        "written", ["[]", '"[]"', '{"conditions":[],"logic":"NOT"}', "[ [ ], [] ]", "[\n]"]
    )
    @pytest.mark.parametrize("is_dynamic", [False, True])
    async def test_rules_are_kept_as_they_were_written(
        self, storage: Storage, tenant: str, written: str, is_dynamic: bool
    ) -> None:
        make = a_dynamic_segment if is_dynamic else a_manual_segment_with_rules
        segment = make(written, tenant_id=tenant)
        await add_segments(storage, segment)
        assert await get(storage, segment) == segment
        await save_segment(storage, plain := a_segment(tenant_id=tenant, id=segment.id))
        assert await get(storage, segment) == plain

    async def test_segments_come_newest_first(self, storage: Storage, tenant: str) -> None:
        made = [a_segment(tenant_id=tenant, created_at=later(days=day)) for day in (1, 3, 0, 2, 2)]
        await add_segments(storage, *made)
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [made[place] for place in (1, 4, 3, 0, 2)]

    async def test_a_segment_that_is_not_there_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == []
            with pytest.raises(SegmentNotFound):
                await view.segments.get(an_id())
        async with storage.transaction(tenant) as tx:
            with pytest.raises(SegmentNotFound):
                await tx.segments.lock(an_id())

    async def test_a_saved_segment_is_read_as_it_was_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        whole = a_dynamic_segment(WRITTEN, tenant_id=tenant, id=segment.id, is_active=False)
        for value in (whole, segment, evolve(segment, updated_at=later(microseconds=1))):
            await save_segment(storage, value)
            assert await get(storage, segment) == value

    async def test_a_removed_segment_is_gone(self, storage: Storage, tenant: str) -> None:
        gone, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await remove(storage, gone)
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [other]
            with pytest.raises(SegmentNotFound):
                await view.segments.get(gone.id)

    async def test_who_waits_for_a_segment_finds_what_its_holder_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        renamed = evolve(segment, name="Renamed")

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.segments.lock(segment.id)
                await pause()
                await tx.segments.save(renamed)

        async def wait() -> Segment:
            async with storage.transaction(tenant) as tx:
                return await tx.segments.lock(segment.id)

        assert await overlapping(hold, wait) == renamed

    async def test_who_waits_for_a_segment_that_is_removed_does_not_find_it(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.segments.lock(segment.id)
                await pause()
                await tx.segments.remove(segment.id)

        async def wait() -> None:
            async with storage.transaction(tenant) as tx:
                with pytest.raises(SegmentNotFound):
                    await tx.segments.lock(segment.id)

        await overlapping(hold, wait)


class SegmentNameContract:
    @pytest.mark.parametrize(("first", "second"), SAME_NAME)
    async def test_a_taken_name_is_neither_added_nor_saved(
        self, storage: Storage, tenant: str, first: str, second: str
    ) -> None:
        holder, other = a_segment(tenant_id=tenant, name=first), a_segment(tenant_id=tenant)
        await add_segments(storage, holder, other)
        with pytest.raises(SegmentNameTaken):
            await add_segments(storage, a_segment(tenant_id=tenant, name=second))
        with pytest.raises(SegmentNameTaken):
            await save_segment(storage, evolve(other, name=second))
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [other, holder]

    async def test_the_letter_case_of_a_name_can_change(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = a_segment(tenant_id=tenant, name="vip")
        await add_segments(storage, segment)
        await save_segment(storage, shouted := evolve(segment, name="VIP"))
        assert await get(storage, segment) == shouted

    async def test_a_name_is_free_after_its_segment_went_or_took_another(
        self, storage: Storage, tenant: str
    ) -> None:
        gone, mover = a_segment(tenant_id=tenant, name="a"), a_segment(tenant_id=tenant, name="b")
        await add_segments(storage, gone, mover)
        await remove(storage, gone)
        await save_segment(storage, moved := evolve(mover, name="A"))
        await add_segments(storage, new := a_segment(tenant_id=tenant, name="B"))
        assert (await get(storage, moved), await get(storage, new)) == (moved, new)

    async def test_a_name_of_another_tenant_is_free(self, storage: Storage, tenant: str) -> None:
        await add_segments(storage, a_segment(tenant_id=a_tenant(), name="VIP"))
        await add_segments(storage, ours := a_segment(tenant_id=tenant, name="VIP"))
        assert await get(storage, ours) == ours

    async def test_of_many_who_add_one_name_at_once_one_is_kept(
        self, storage: Storage, tenant: str
    ) -> None:
        rivals = [a_segment(tenant_id=tenant, name="VIP") for _ in range(6)]
        ends = await asyncio.gather(
            *(add_segments(storage, each) for each in rivals), return_exceptions=True
        )
        assert [type(end) for end in ends if end is not None] == [SegmentNameTaken] * 5
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [rivals[ends.index(None)]]


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
