"""What every storage promises of the members it has stored, and of how far they have come."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.membership import Cause, RefreshState
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerSort,
    MembersOf,
    Page,
    SortDirection,
    SortField,
)
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.filters import ACTIVE, BLOCKED, SHOPPERS, found, shopper
from tests.contract.membership_steps import (
    a_flip,
    ids,
    let_in,
    let_out,
    members_locked,
    settle,
    stand,
    standing_of,
    stored_members,
)
from tests.contract.segments import a_kept_segment, remove, save_segment
from tests.contract.steps import (
    Pause,
    a_kept_customer,
    add_segments,
    count,
    delete,
    keep,
    overlapping,
    save,
)
from tests.support.builders import NOW, a_customer, an_id, later

STANDINGS = [
    RefreshState(watermark=NOW),
    RefreshState(target=NOW, cause=Cause.RULE),
    RefreshState(target=later(microseconds=1), cursor=an_id(), scanned=5_000, cause=Cause.SEGMENT),
    RefreshState(watermark=NOW, target=later(days=1), cursor=an_id()),
    RefreshState(),
]


def members_of(segment: Segment, **overrides: Any) -> CustomerFilter:
    return CustomerFilter(members_of=MembersOf(segment_id=segment.id, **overrides))


class StoredMemberContract:
    async def test_members_follow_the_flips(self, storage: Storage, tenant: str) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await settle(
            storage, tenant, [a_flip(segment, ada), a_flip(other, eve), a_flip(segment, bob)]
        )
        assert await stored_members(storage, segment) == [ada, bob]
        assert await stored_members(storage, other) == [eve]
        await settle(storage, tenant, [a_flip(segment, ada, entered=False), a_flip(segment, eve)])
        assert await stored_members(storage, segment) == [bob, eve]

    @pytest.mark.parametrize("turns", [(True, False), (False, True), (True, False, True)])
    async def test_of_a_customers_flips_the_last_one_says_who_is_a_member(
        self, storage: Storage, tenant: str, turns: tuple[bool, ...]
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment = await a_kept_segment(storage, tenant)
        if not turns[0]:
            await let_in(storage, segment, ada)
        membership_changes = [a_flip(segment, ada, entered=entered) for entered in turns]
        await settle(storage, tenant, [*membership_changes, a_flip(segment, bob)])
        assert await stored_members(storage, segment) == ([ada, bob] if turns[-1] else [bob])
        assert (await standing_of(storage, segment)).member_count == 1 + turns[-1]

    async def test_those_of_some_customers_who_are_stored_are_named(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await let_in(storage, segment, ada, eve)
        await let_in(storage, other, bob)
        await delete(storage, eve)
        async with members_locked(storage, tenant) as tx:
            ids = await tx.memberships.members_among(segment.id, [ada.id, bob.id, eve.id, an_id()])
            assert set(ids) == {ada.id, eve.id}
            assert set(await tx.memberships.members_among(segment.id, [])) == set()

    async def test_a_thousand_customers_enter_and_leave_at_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(1_000)]
        segment = await a_kept_segment(storage, tenant)
        await keep(storage, *customers)
        await let_in(storage, segment, *customers)
        assert await count(storage, tenant, members_of(segment)) == 1_000
        await let_out(storage, segment, *customers[:-1])
        assert await stored_members(storage, segment) == customers[-1:]

    async def test_changes_of_customers_and_segments_leave_stored_members_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, ada, eve)
        deleted = await delete(storage, eve)
        await save_segment(storage, evolve(segment, is_active=False))
        assert await stored_members(storage, segment) == [ada]
        assert (await standing_of(storage, segment)).member_count == 2
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await stored_members(storage, segment) == [ada, restored]

    async def test_a_segment_made_anew_under_an_old_id_has_no_members(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, await a_kept_customer(storage, tenant))
        await stand(storage, segment, RefreshState(watermark=NOW))
        await remove(storage, segment)
        await add_segments(storage, segment)
        assert await stored_members(storage, segment) == []
        assert await standing_of(storage, segment) == RefreshState()

    async def test_who_locks_the_members_waits_for_the_one_who_holds_them(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        customer = await a_kept_customer(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with members_locked(storage, tenant) as tx:
                await pause()
                await tx.memberships.apply([a_flip(segment, customer)])

        async def wait() -> set[Any]:
            async with members_locked(storage, tenant) as tx:
                return set(await tx.memberships.members_among(segment.id, [customer.id]))

        assert await overlapping(hold, wait) == {customer.id}

    async def test_many_who_settle_at_once_are_all_counted(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(8)]
        segment = await a_kept_segment(storage, tenant)
        await asyncio.gather(*(let_in(storage, segment, customer) for customer in customers))
        assert (await standing_of(storage, segment)).member_count == 8


class StandingContract:
    @pytest.mark.parametrize("refresh_state", STANDINGS, ids=str)
    async def test_a_standing_is_read_as_it_was_told(
        self, storage: Storage, tenant: str, refresh_state: RefreshState
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        for before in STANDINGS:
            await stand(storage, segment, before)
            await stand(storage, segment, refresh_state)
            assert await standing_of(storage, segment) == refresh_state

    async def test_the_number_of_members_is_that_of_those_who_are_stored(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment = await a_kept_segment(storage, tenant)
        await stand(storage, segment, refresh_state := RefreshState(watermark=NOW, member_count=99))
        for members, change in ((3, let_in), (3, let_in), (2, let_out), (2, let_out)):
            await change(storage, segment, *(customers if members == 3 else customers[:1]))
            assert await standing_of(storage, segment) == evolve(refresh_state, member_count=members)
            await stand(storage, segment, refresh_state)
            assert await standing_of(storage, segment) == evolve(refresh_state, member_count=members)

    async def test_standings_are_told_of_the_segments_asked_for_or_of_all(
        self, storage: Storage, tenant: str
    ) -> None:
        one, two, old = [await a_kept_segment(storage, tenant) for _ in range(3)]
        await stand(storage, one, refresh_state := RefreshState(watermark=NOW))
        await stand(storage, old, refresh_state)
        await remove(storage, old)
        async with storage.view(tenant) as view:
            requested = await view.memberships.refresh_states([one.id, old.id, an_id()])
            all_states = await view.memberships.refresh_states()
            assert dict(await view.memberships.refresh_states([])) == {}
        assert (dict(requested), dict(all_states)) == ({one.id: refresh_state}, {one.id: refresh_state, two.id: RefreshState()})


class MemberFilterContract:
    async def test_stored_members_are_corrected_by_a_filter(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve, max_ = [await a_kept_customer(storage, tenant) for _ in range(4)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, ada, bob)

        async def corrected(**corrections: frozenset[Any]) -> list[Customer]:
            return await found(storage, tenant, members_of(segment, **corrections))

        assert await corrected() == [ada, bob]
        assert await corrected(without=frozenset({ada.id, eve.id})) == [bob]
        assert await corrected(plus=frozenset({bob.id, eve.id, max_.id})) == [ada, bob, eve, max_]
        both = {"without": frozenset({ada.id}), "plus": frozenset({eve.id})}
        assert await corrected(**both) == [bob, eve]

    async def test_neither_deleted_nor_unknown_customers_are_members(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve, lost = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, ada, eve)
        await delete(storage, eve)
        await delete(storage, lost)
        customer_filter = members_of(segment, plus=frozenset({eve.id, lost.id, an_id()}))
        assert await found(storage, tenant, customer_filter) == [ada]

    async def test_a_segment_without_stored_members_may_have_others(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        segment = await a_kept_segment(storage, tenant)
        assert await found(storage, tenant, members_of(segment)) == []
        customer_filter = members_of(segment, plus=frozenset({customer.id}))
        assert await found(storage, tenant, customer_filter) == [customer]

    async def test_members_are_filtered_by_all_else_too(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [shopper(tenant, number) for number in range(6)]
        segment = await a_kept_segment(storage, tenant)
        await keep(storage, *customers)
        await let_in(storage, segment, *customers[:3])
        customer_filter = members_of(segment, plus=frozenset(ids(customers[4:])), without={customers[0].id})
        blocked = evolve(customer_filter, statuses=frozenset({BLOCKED}))
        assert await found(storage, tenant, blocked) == [customers[2], customers[5]]
        early = evolve(customer_filter, created_to=later(days=1), statuses=frozenset({ACTIVE, BLOCKED}))
        assert await found(storage, tenant, early) == [customers[5]]

    @pytest.mark.parametrize("by", SortField)
    @pytest.mark.parametrize("order", SortDirection)
    async def test_members_are_paged_and_walked_through_in_every_order(
        self, storage: Storage, tenant: str, by: SortField, order: SortDirection
    ) -> None:
        customers = [shopper(tenant, number) for number in range(SHOPPERS)]
        segment = await a_kept_segment(storage, tenant)
        await keep(storage, *customers)
        await let_in(storage, segment, *customers[::2])
        without, plus = {customer.id for customer in customers[:3]}, {customer.id for customer in customers[1::4]}
        customer_filter = members_of(segment, without=frozenset(without), plus=frozenset(plus))
        expected_ids = ids(customers[::2]) - without | plus
        sorts = CustomerSort(by=by, order=order)
        async with storage.view(tenant) as view:
            customers = await view.customers.page_after(CustomerFilter(), sorts, None, 100)
            expected = [customer for customer in customers if customer.id in expected_ids]
            pages = [
                customer
                for number in range(1, 6)
                for customer in await view.customers.page(customer_filter, sorts, Page(number=number, size=4))
            ]
            walked: list[Customer] = []
            while page := await view.customers.page_after(customer_filter, sorts, _key(walked, by), 4):
                walked += page
        assert (pages, walked) == (expected, expected)


def _key(walked: list[Customer], by: SortField) -> CustomerKey | None:
    return CustomerKey(value=by.of(walked[-1]), id=walked[-1].id) if walked else None
