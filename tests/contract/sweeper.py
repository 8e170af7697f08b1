"""What every storage promises the sweeper: whose members to settle, and that it sweeps alone.

A storage may be shared with other tests, so its other tenants are ignored, and leases are short.
"""

import asyncio
from uuid import UUID, uuid4

from customers.core.model.membership import RefreshState
from customers.core.ports.storage import Storage
from tests.contract.membership_steps import marked, settle, stand, watch
from tests.contract.segments import remove
from tests.contract.steps import a_kept_customer, add_segments
from tests.support.builders import NOW, a_segment, a_tenant

LONG, AT_ONCE = 60.0, 0.001


async def with_segments(storage: Storage, *tenants: str) -> list[str]:
    """Those of the tenants who have segments, in the order in which they are told."""
    return [name for name in await storage.tenants_with_segments() if name in tenants]


async def to_settle(storage: Storage, *tenants: str) -> list[str]:
    return [name for name in await storage.tenants_to_refresh() if name in tenants]


async def waited_for(storage: Storage, holder: UUID) -> None:
    """Asks for a long lease until it is the holder's."""
    while True:
        if await storage.lease(holder, LONG):
            return
        await asyncio.sleep(0.01)


class TenantsContract:
    async def test_tenants_with_segments_are_told_in_order(
        self, storage: Storage, tenant: str
    ) -> None:
        tenants = [f"{tenant}{letter}" for letter in "bBé"]
        for name in (tenants[2], tenants[0], tenants[1]):
            await add_segments(storage, a_segment(tenant_id=name), a_segment(tenant_id=name))
        await a_kept_customer(storage, other := a_tenant())
        names = await with_segments(storage, other, *tenants)
        assert names == [tenants[1], tenants[0], tenants[2]]

    async def test_a_tenant_whose_last_segment_went_has_none(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_segments(storage, segment := a_segment(tenant_id=tenant))
        assert await with_segments(storage, tenant) == [tenant]
        await remove(storage, segment)
        assert await with_segments(storage, tenant) == []

    async def test_tenants_with_marks_are_to_be_settled(
        self, storage: Storage, tenant: str
    ) -> None:
        tenants = [f"{tenant}{letter}" for letter in "bBé"]
        for name in tenants:
            await watch(storage, name)
            await a_kept_customer(storage, name)
        assert await to_settle(storage, *tenants) == [tenants[1], tenants[0], tenants[2]]
        await settle(storage, tenants[0], [], await marked(storage, tenants[0]))
        assert await to_settle(storage, *tenants) == [tenants[1], tenants[2]]

    async def test_tenants_whose_members_are_being_built_are_to_be_settled(
        self, storage: Storage, tenant: str
    ) -> None:
        segment, other = a_segment(tenant_id=tenant), a_segment(tenant_id=tenant)
        await add_segments(storage, segment, other)
        await stand(storage, other, RefreshState(watermark=NOW, target=NOW))
        for refresh_state, expected in (
            (RefreshState(target=NOW), [tenant]),
            (RefreshState(watermark=NOW), []),
            (RefreshState(target=NOW, scanned=9), [tenant]),
        ):
            await stand(storage, segment, refresh_state)
            assert await to_settle(storage, tenant) == expected
        await remove(storage, segment)
        assert await to_settle(storage, tenant) == []


class LeaseContract:
    async def test_others_are_turned_away_until_the_holder_does_not_ask_again_in_time(
        self, storage: Storage
    ) -> None:
        holder, other = uuid4(), uuid4()
        await waited_for(storage, holder)
        assert not await storage.lease(other, LONG)
        assert await storage.lease(holder, LONG)
        assert not await storage.lease(other, AT_ONCE)
        assert await storage.lease(holder, AT_ONCE)
        await waited_for(storage, other)
        assert not await storage.lease(holder, LONG)
        assert await storage.lease(other, AT_ONCE)

    async def test_of_many_who_ask_at_once_one_is_the_sweeper(self, storage: Storage) -> None:
        rivals = [uuid4() for _ in range(8)]
        answers: list[bool] = []
        while not any(answers):
            answers = await asyncio.gather(*(storage.lease(rival, LONG) for rival in rivals))
        assert answers.count(True) == 1
        winner = rivals[answers.index(True)]
        assert await asyncio.gather(*(storage.lease(rival, LONG) for rival in rivals)) == answers
        assert await storage.lease(winner, AT_ONCE)
