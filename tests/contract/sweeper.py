"""The contract of the sweeper's methods: its tenants, failed builds, the backlog and the lease.

Other tests may share the storage, so other tenants are ignored, and every test ends its lease.
"""

import asyncio
from uuid import uuid4

import pytest

from customers.core.model.membership import Cause, RefreshState
from customers.core.ports.storage import Storage
from tests.contract.segments import remove_segment
from tests.support.builders import NOW, a_segment, a_tenant, later
from tests.support.membership_steps import (
    apply_changes,
    pending_candidates,
    refresh_state_of,
    save_refresh_state,
    set_capture,
)
from tests.support.storage_steps import (
    LONG_LEASE,
    SHORT_LEASE,
    a_stored_customer,
    acquire_lease,
    add_segments,
)

EVERYTHING = 1_000_000
_TRIES = 20


async def tenants_with_segments(storage: Storage, *tenants: str) -> list[str]:
    """The tenants among these that have segments, in the order returned."""
    return [name for name in await storage.tenants_with_segments() if name in tenants]


async def tenants_to_refresh(storage: Storage, *tenants: str) -> list[str]:
    return [name for name in await storage.tenants_to_refresh() if name in tenants]


class FailedBuildCountContract:
    async def test_failed_builds_of_all_tenants_are_counted(
        self, storage: Storage, tenant: str
    ) -> None:
        segment, other = a_segment(tenant_id=tenant), a_segment(tenant_id=tenant)
        await add_segments(storage, segment, other)
        await save_refresh_state(storage, other, RefreshState(target=NOW))
        building, ready = RefreshState(target=NOW), RefreshState(watermark=NOW)
        failed = RefreshState(target=NOW, scanned=3, cause=Cause.RULE).failed()

        async def count(state: RefreshState) -> int:
            await save_refresh_state(storage, segment, state)
            assert await refresh_state_of(storage, segment) == state
            return await storage.failed_builds()

        # Builds of other tests may fail meanwhile.
        for _ in range(_TRIES):
            before, during, after = [await count(state) for state in (building, failed, ready)]
            if (during, after) == (before + 1, before):
                return
        pytest.fail(f"{before} failed builds, then {during}, then {after}")


class SweeperTenantsContract:
    async def test_tenants_with_segments_are_returned_in_order(
        self, storage: Storage, tenant: str
    ) -> None:
        tenants = [f"{tenant}{letter}" for letter in "bBé"]
        for name in (tenants[2], tenants[0], tenants[1]):
            await add_segments(storage, a_segment(tenant_id=name), a_segment(tenant_id=name))
        await a_stored_customer(storage, other := a_tenant())
        names = await tenants_with_segments(storage, other, *tenants)
        assert names == [tenants[1], tenants[0], tenants[2]]

    async def test_a_tenant_whose_last_segment_was_removed_is_not_returned(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_segments(storage, segment := a_segment(tenant_id=tenant))
        assert await tenants_with_segments(storage, tenant) == [tenant]
        await remove_segment(storage, segment)
        assert await tenants_with_segments(storage, tenant) == []

    async def test_tenants_with_pending_changes_are_to_be_refreshed(
        self, storage: Storage, tenant: str
    ) -> None:
        tenants = [f"{tenant}{letter}" for letter in "bBé"]
        for name in tenants:
            await set_capture(storage, name)
            await a_stored_customer(storage, name)
        assert await tenants_to_refresh(storage, *tenants) == [tenants[1], tenants[0], tenants[2]]
        await apply_changes(storage, tenants[0], [], await pending_candidates(storage, tenants[0]))
        assert await tenants_to_refresh(storage, *tenants) == [tenants[1], tenants[2]]

    async def test_tenants_with_a_backfill_under_way_are_to_be_refreshed(
        self, storage: Storage, tenant: str
    ) -> None:
        segment, other = a_segment(tenant_id=tenant), a_segment(tenant_id=tenant)
        await add_segments(storage, segment, other)
        await save_refresh_state(storage, other, RefreshState(watermark=NOW, target=NOW))
        for refresh_state, expected in (
            (RefreshState(target=NOW), [tenant]),
            (RefreshState(watermark=NOW), []),
            (RefreshState(target=NOW, scanned=9), [tenant]),
            (RefreshState(target=NOW, scanned=9).failed(), []),
        ):
            await save_refresh_state(storage, segment, refresh_state)
            assert await tenants_to_refresh(storage, tenant) == expected
        await remove_segment(storage, segment)
        assert await tenants_to_refresh(storage, tenant) == []


class BacklogContract:
    async def test_the_backlog_has_the_moment_of_the_oldest_pending_change(
        self, storage: Storage, tenant: str
    ) -> None:
        oldest = [later(days=-36_500), later(days=-36_499)]  # older than those of other tests
        tenants = [f"{tenant}{letter}" for letter in "ab"]
        for name, moment in zip(tenants, oldest, strict=True):
            await set_capture(storage, name)
            await a_stored_customer(storage, name, created_at=moment, updated_at=moment)
        for name, moment in zip(tenants, oldest, strict=True):
            assert (await storage.backlog(EVERYTHING)).oldest_at == moment
            await apply_changes(storage, name, [], await pending_candidates(storage, name))
        assert (await storage.backlog(EVERYTHING)).oldest_at not in oldest

    async def test_the_backlog_is_counted_up_to_the_limit(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_capture(storage, tenant)
        for _ in range(3):
            await a_stored_customer(storage, tenant)
        assert [(await storage.backlog(limit)).size for limit in (1, 2, 3)] == [1, 2, 3]


class LeaseContract:
    async def test_others_are_refused_until_the_holder_does_not_renew_in_time(
        self, storage: Storage
    ) -> None:
        holder, other = uuid4(), uuid4()
        await acquire_lease(storage, holder)
        assert not await storage.lease(other, LONG_LEASE)
        assert await storage.lease(holder, LONG_LEASE)
        assert not await storage.lease(other, SHORT_LEASE)
        assert await storage.lease(holder, SHORT_LEASE)
        await acquire_lease(storage, other)
        assert not await storage.lease(holder, LONG_LEASE)
        assert await storage.lease(other, SHORT_LEASE)

    async def test_of_concurrent_requests_one_gets_the_lease(self, storage: Storage) -> None:
        rivals = [uuid4() for _ in range(8)]
        answers: list[bool] = []
        while not any(answers):
            answers = await asyncio.gather(*(storage.lease(rival, LONG_LEASE) for rival in rivals))
        assert answers.count(True) == 1
        winner = rivals[answers.index(True)]
        assert (
            await asyncio.gather(*(storage.lease(rival, LONG_LEASE) for rival in rivals)) == answers
        )
        assert await storage.lease(winner, SHORT_LEASE)
