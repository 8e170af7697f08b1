"""The contract of stored members, refresh states and member filters."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter, MembersOf
from customers.core.model.membership import Cause, RefreshState
from customers.core.model.query import CustomerKey, CustomerSort, Page, SortDirection, SortField
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.filters import ACTIVE, BLOCKED, SHOPPERS, find_customers, shopper
from tests.contract.segments import a_stored_segment, remove_segment, save_segment, some_segments
from tests.support.builders import NOW, a_customer, an_id, later
from tests.support.membership_steps import (
    a_change,
    apply_changes,
    ids,
    membership_transaction,
    refresh_state_of,
    remove_members,
    save_refresh_state,
    store_members,
    stored_members,
)
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    add_customers,
    add_segments,
    count,
    delete,
    overlap,
    save,
    some_customers,
)

REFRESH_STATES = [
    RefreshState(watermark=NOW),
    RefreshState(target=NOW, cause=Cause.RULE),
    RefreshState(target=later(microseconds=1), cursor=an_id(), scanned=5_000, cause=Cause.SEGMENT),
    RefreshState(watermark=NOW, target=later(days=1), cursor=an_id()),
    RefreshState(),
]


def members_of(segment: Segment, **overrides: Any) -> CustomerFilter:
    return CustomerFilter(members_of=MembersOf(segment_id=segment.id, **overrides))


class StoredMemberContract:
    async def test_members_follow_the_applied_changes(self, storage: Storage, tenant: str) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        segment, other = await some_segments(storage, tenant, 2)
        await apply_changes(
            storage, tenant, [a_change(segment, ada), a_change(other, eve), a_change(segment, bob)]
        )
        assert await stored_members(storage, segment) == [ada, bob]
        assert await stored_members(storage, other) == [eve]
        await apply_changes(
            storage, tenant, [a_change(segment, ada, entered=False), a_change(segment, eve)]
        )
        assert await stored_members(storage, segment) == [bob, eve]

    @pytest.mark.parametrize("turns", [(True, False), (False, True), (True, False, True)])
    async def test_the_last_change_of_a_customer_decides_membership(
        self, storage: Storage, tenant: str, turns: tuple[bool, ...]
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        segment = await a_stored_segment(storage, tenant)
        if not turns[0]:
            await store_members(storage, segment, ada)
        membership_changes = [a_change(segment, ada, entered=entered) for entered in turns]
        await apply_changes(storage, tenant, [*membership_changes, a_change(segment, bob)])
        assert await stored_members(storage, segment) == ([ada, bob] if turns[-1] else [bob])
        assert (await refresh_state_of(storage, segment)).member_count == 1 + turns[-1]

    async def test_members_among_returns_the_ids_that_are_stored_members(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        segment, other = await some_segments(storage, tenant, 2)
        await store_members(storage, segment, ada, eve)
        await store_members(storage, other, bob)
        await delete(storage, eve)
        async with membership_transaction(storage, tenant) as tx:
            ids = await tx.memberships.members_among(segment.id, [ada.id, bob.id, eve.id, an_id()])
            assert set(ids) == {ada.id, eve.id}
            assert set(await tx.memberships.members_among(segment.id, [])) == set()

    async def test_a_thousand_customers_enter_and_leave_in_one_call(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(1_000)]
        segment = await a_stored_segment(storage, tenant)
        await add_customers(storage, *customers)
        await store_members(storage, segment, *customers)
        assert await count(storage, tenant, members_of(segment)) == 1_000
        await remove_members(storage, segment, *customers[:-1])
        assert await stored_members(storage, segment) == customers[-1:]

    async def test_writes_to_customers_and_segments_do_not_change_stored_members(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve = await some_customers(storage, tenant, 2)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, ada, eve)
        deleted = await delete(storage, eve)
        await save_segment(storage, evolve(segment, is_active=False))
        assert await stored_members(storage, segment) == [ada]
        assert (await refresh_state_of(storage, segment)).member_count == 2
        await save(storage, restored := deleted.restored(later(days=1)))
        assert await stored_members(storage, segment) == [ada, restored]

    async def test_a_segment_that_reuses_an_id_has_no_members(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, await a_stored_customer(storage, tenant))
        await save_refresh_state(storage, segment, RefreshState(watermark=NOW))
        await remove_segment(storage, segment)
        await add_segments(storage, segment)
        assert await stored_members(storage, segment) == []
        assert await refresh_state_of(storage, segment) == RefreshState()

    async def test_the_membership_lock_is_held_by_one_transaction_at_a_time(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        customer = await a_stored_customer(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with membership_transaction(storage, tenant) as tx:
                await pause()
                await tx.memberships.apply([a_change(segment, customer)])

        async def wait() -> set[Any]:
            async with membership_transaction(storage, tenant) as tx:
                return set(await tx.memberships.members_among(segment.id, [customer.id]))

        assert await overlap(hold, wait) == {customer.id}

    async def test_concurrent_applies_are_all_counted(self, storage: Storage, tenant: str) -> None:
        customers = await some_customers(storage, tenant, 8)
        segment = await a_stored_segment(storage, tenant)
        await asyncio.gather(*(store_members(storage, segment, customer) for customer in customers))
        assert (await refresh_state_of(storage, segment)).member_count == 8


class RefreshStateContract:
    @pytest.mark.parametrize("refresh_state", REFRESH_STATES, ids=str)
    async def test_a_saved_refresh_state_reads_back_unchanged(
        self, storage: Storage, tenant: str, refresh_state: RefreshState
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        for before in REFRESH_STATES:
            await save_refresh_state(storage, segment, before)
            await save_refresh_state(storage, segment, refresh_state)
            assert await refresh_state_of(storage, segment) == refresh_state

    async def test_the_member_count_is_maintained_by_apply_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 3)
        segment = await a_stored_segment(storage, tenant)
        await save_refresh_state(
            storage, segment, refresh_state := RefreshState(watermark=NOW, member_count=99)
        )
        for members, change in (
            (3, store_members),
            (3, store_members),
            (2, remove_members),
            (2, remove_members),
        ):
            await change(storage, segment, *(customers if members == 3 else customers[:1]))
            assert await refresh_state_of(storage, segment) == evolve(
                refresh_state, member_count=members
            )
            await save_refresh_state(storage, segment, refresh_state)
            assert await refresh_state_of(storage, segment) == evolve(
                refresh_state, member_count=members
            )

    async def test_refresh_states_are_of_the_requested_segments_or_of_all(
        self, storage: Storage, tenant: str
    ) -> None:
        one, two, old = await some_segments(storage, tenant, 3)
        await save_refresh_state(storage, one, refresh_state := RefreshState(watermark=NOW))
        await save_refresh_state(storage, old, refresh_state)
        await remove_segment(storage, old)
        async with storage.view(tenant) as view:
            requested = await view.memberships.refresh_states([one.id, old.id, an_id()])
            all_states = await view.memberships.refresh_states()
            assert dict(await view.memberships.refresh_states([])) == {}
        assert (dict(requested), dict(all_states)) == (
            {one.id: refresh_state},
            {one.id: refresh_state, two.id: RefreshState()},
        )


class MemberFilterContract:
    async def test_a_member_filter_corrects_stored_members(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve, max_ = await some_customers(storage, tenant, 4)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, ada, bob)

        async def corrected(**corrections: frozenset[Any]) -> list[Customer]:
            return await find_customers(storage, tenant, members_of(segment, **corrections))

        assert await corrected() == [ada, bob]
        assert await corrected(without=frozenset({ada.id, eve.id})) == [bob]
        assert await corrected(plus=frozenset({bob.id, eve.id, max_.id})) == [ada, bob, eve, max_]
        both = {"without": frozenset({ada.id}), "plus": frozenset({eve.id})}
        assert await corrected(**both) == [bob, eve]

    async def test_deleted_and_unknown_customers_are_never_members(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve, lost = await some_customers(storage, tenant, 3)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, ada, eve)
        await delete(storage, eve)
        await delete(storage, lost)
        customer_filter = members_of(segment, plus=frozenset({eve.id, lost.id, an_id()}))
        assert await find_customers(storage, tenant, customer_filter) == [ada]

    async def test_a_filter_can_add_members_to_a_segment_without_any(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        segment = await a_stored_segment(storage, tenant)
        assert await find_customers(storage, tenant, members_of(segment)) == []
        customer_filter = members_of(segment, plus=frozenset({customer.id}))
        assert await find_customers(storage, tenant, customer_filter) == [customer]

    async def test_members_can_be_filtered_by_other_fields(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [shopper(tenant, number) for number in range(6)]
        segment = await a_stored_segment(storage, tenant)
        await add_customers(storage, *customers)
        await store_members(storage, segment, *customers[:3])
        customer_filter = members_of(
            segment, plus=frozenset(ids(customers[4:])), without={customers[0].id}
        )
        blocked = evolve(customer_filter, statuses=frozenset({BLOCKED}))
        assert await find_customers(storage, tenant, blocked) == [customers[2], customers[5]]
        early = evolve(
            customer_filter, created_to=later(days=1), statuses=frozenset({ACTIVE, BLOCKED})
        )
        assert await find_customers(storage, tenant, early) == [customers[5]]

    @pytest.mark.parametrize("by", SortField)
    @pytest.mark.parametrize("direction", SortDirection)
    async def test_members_are_paged_by_number_and_cursor_in_every_order(
        self, storage: Storage, tenant: str, by: SortField, direction: SortDirection
    ) -> None:
        customers = [shopper(tenant, number) for number in range(SHOPPERS)]
        segment = await a_stored_segment(storage, tenant)
        await add_customers(storage, *customers)
        await store_members(storage, segment, *customers[::2])
        without, plus = (
            {customer.id for customer in customers[:3]},
            {customer.id for customer in customers[1::4]},
        )
        customer_filter = members_of(segment, without=frozenset(without), plus=frozenset(plus))
        expected_ids = ids(customers[::2]) - without | plus
        sort = CustomerSort(by=by, direction=direction)
        async with storage.view(tenant) as view:
            everyone = await view.customers.page_after(CustomerFilter(), sort, None, 100)
            expected = [customer for customer in everyone if customer.id in expected_ids]
            pages = [
                customer
                for number in range(1, 6)
                for customer in await view.customers.page(
                    customer_filter, sort, Page(number=number, size=4)
                )
            ]
            walked: list[Customer] = []
            while page := await view.customers.page_after(
                customer_filter, sort, _key(walked, by), 4
            ):
                walked += page
        assert (pages, walked) == (expected, expected)


def _key(walked: list[Customer], by: SortField) -> CustomerKey | None:
    return CustomerKey(value=by.of(walked[-1]), id=walked[-1].id) if walked else None
