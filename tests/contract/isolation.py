"""What every storage promises of tenants: they do not exist for each other."""

import asyncio

import pytest

from customers.core.ports import Storage
from tests.builders import a_customer, a_tenant
from tests.contract.scene import (
    LOCKED_READS,
    READS,
    WRITES,
    lock_everything,
    outcome,
    seen,
    set_up,
)
from tests.contract.steps import keep, stored


class IsolationContract:
    @pytest.mark.parametrize("read", READS)
    async def test_another_tenants_ids_are_unknown_to_a_view(
        self, storage: Storage, tenant: str, read: str
    ) -> None:
        async with storage.view(tenant) as view:
            of_nobody = await outcome(READS[read](view))
        await set_up(storage, theirs := a_tenant())
        async with storage.view(tenant) as view:
            assert await outcome(READS[read](view)) == of_nobody
        async with storage.view(theirs) as view:
            of_theirs = await outcome(READS[read](view))
        assert of_theirs != of_nobody or read == "get the deleted"

    @pytest.mark.parametrize("read", LOCKED_READS)
    async def test_another_tenants_ids_are_unknown_to_a_transaction(
        self, storage: Storage, tenant: str, read: str
    ) -> None:
        async with storage.transaction(tenant) as tx:
            of_nobody = await outcome(LOCKED_READS[read](tx))
        await set_up(storage, a_tenant())
        async with storage.transaction(tenant) as tx:
            assert await outcome(LOCKED_READS[read](tx)) == of_nobody

    @pytest.mark.parametrize("write", WRITES)
    async def test_a_write_leaves_a_tenant_with_the_same_ids_as_it_was(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        theirs = a_tenant()
        ours, _ = await set_up(storage, tenant), await set_up(storage, theirs)
        before = await seen(storage, theirs)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
            await WRITES[write](tx, ours)
        assert await seen(storage, theirs) == before

    @pytest.mark.parametrize("other", ["x", "X ", "%", "_", "\u00e9", "e\u0301", "/", "'\\"])
    async def test_tenants_are_told_apart_by_every_character(
        self, storage: Storage, tenant: str, other: str
    ) -> None:
        names = [tenant, f"{tenant}{other}", f"{tenant}{other.upper()}.", f"{other}{tenant}"]
        namesakes = [a_customer(tenant_id=name, email="ada@example.test") for name in names]
        for customer in namesakes:
            await keep(storage, customer)
        assert [await stored(storage, customer) for customer in namesakes] == namesakes

    async def test_tenants_are_served_side_by_side(self, storage: Storage) -> None:
        tenants = [a_tenant() for _ in range(6)]
        scenes = await asyncio.gather(*(set_up(storage, each) for each in tenants))
        kept = await asyncio.gather(*(stored(storage, scene.ada) for scene in scenes))
        assert kept == [scene.ada for scene in scenes]
