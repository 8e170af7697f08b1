"""The contract of `ApiKeyRepository`, and of looking a key up."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from customers.core.errors import ApiKeyNotFound
from customers.core.model.api_key import ApiKey
from customers.core.ports.storage import Storage
from tests.support.builders import NOW, a_tenant, an_api_key, an_id, later
from tests.support.storage_steps import Pause, overlap


async def add_keys(storage: Storage, *keys: ApiKey) -> None:
    for key in keys:
        async with storage.transaction(key.tenant_id) as tx:
            await tx.api_keys.acquire_lock()
            await tx.api_keys.add(key)


async def a_stored_key(storage: Storage, tenant: str) -> ApiKey:
    key = an_api_key(tenant_id=tenant)
    await add_keys(storage, key)
    return key


async def all_keys(storage: Storage, tenant: str) -> list[ApiKey]:
    async with storage.view(tenant) as view:
        return list(await view.api_keys.all())


class ApiKeyContract:
    async def test_an_added_key_reads_back_unchanged(self, storage: Storage, tenant: str) -> None:
        bare = an_api_key(tenant_id=tenant, name="")
        full = an_api_key(
            tenant_id=tenant,
            name="Größe %_'",
            permissions=("customers:*", "customers:notes:manage"),
            created_at=later(microseconds=1),
            expires_at=later(days=90),
            last_used_at=later(minutes=1),
        )
        await add_keys(storage, bare, full)
        assert await all_keys(storage, tenant) == [full, bare]
        assert [await storage.api_key(key.id) for key in (bare, full)] == [bare, full]

    async def test_keys_are_listed_newest_first_and_ties_by_id(
        self, storage: Storage, tenant: str
    ) -> None:
        days = (1, 3, 0, 2, 2)
        keys = [an_api_key(tenant_id=tenant, created_at=later(days=day)) for day in days]
        await add_keys(storage, *keys)
        newest = sorted(keys, key=lambda key: (key.created_at, key.id), reverse=True)
        assert await all_keys(storage, tenant) == newest

    async def test_a_tenant_sees_its_own_keys(self, storage: Storage, tenant: str) -> None:
        key = await a_stored_key(storage, tenant)
        assert await all_keys(storage, a_tenant()) == []
        assert await all_keys(storage, tenant) == [key]

    async def test_the_keys_of_every_tenant_are_listed_by_tenant(
        self, storage: Storage, tenant: str
    ) -> None:
        first, second = sorted((tenant, a_tenant()))
        old, new = [an_api_key(tenant_id=first, created_at=later(days=day)) for day in (1, 2)]
        other = an_api_key(tenant_id=second, created_at=later(days=3))
        revoked = await a_stored_key(storage, tenant)
        await add_keys(storage, other, old, new)
        async with storage.transaction(tenant) as tx:
            await tx.api_keys.revoke(revoked.id, later(days=1))
        listed = await storage.api_keys_of_every_tenant()
        assert [key for key in listed if key.tenant_id in (first, second)] == [new, old, other]

    async def test_a_key_is_found_by_its_id_alone(self, storage: Storage, tenant: str) -> None:
        keys = [await a_stored_key(storage, one) for one in (tenant, a_tenant())]
        assert [await storage.api_key(key.id) for key in keys] == keys
        assert await storage.api_key(uuid4()) is None

    async def test_a_revoked_key_is_found_but_not_listed(
        self, storage: Storage, tenant: str
    ) -> None:
        key, other = [await a_stored_key(storage, tenant) for _ in range(2)]
        async with storage.transaction(tenant) as tx:
            await tx.api_keys.revoke(key.id, later(days=1))
        assert await all_keys(storage, tenant) == [other]
        assert await storage.api_key(key.id) == evolve(key, revoked_at=later(days=1))

    async def test_a_key_is_revoked_once(self, storage: Storage, tenant: str) -> None:
        key = await a_stored_key(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await tx.api_keys.revoke(key.id, NOW)
            with pytest.raises(ApiKeyNotFound):
                await tx.api_keys.revoke(key.id, later(days=1))
        assert await storage.api_key(key.id) == evolve(key, revoked_at=NOW)

    async def test_the_key_of_another_tenant_cannot_be_revoked(
        self, storage: Storage, tenant: str
    ) -> None:
        key = await a_stored_key(storage, a_tenant())
        for key_id in (key.id, an_id()):
            async with storage.transaction(tenant) as tx:
                with pytest.raises(ApiKeyNotFound):
                    await tx.api_keys.revoke(key_id, NOW)
        assert await storage.api_key(key.id) == key

    async def test_the_last_use_only_moves_forward(self, storage: Storage, tenant: str) -> None:
        key, other = [await a_stored_key(storage, tenant) for _ in range(2)]
        for minutes, expected in ((5, 5), (4, 5), (6, 6)):
            async with storage.transaction(tenant) as tx:
                await tx.api_keys.mark_used({key.id: later(minutes=minutes), an_id(): NOW})
            used = evolve(key, last_used_at=NOW + timedelta(minutes=expected))
            assert await storage.api_key(key.id) == used
        assert await storage.api_key(other.id) == other

    async def test_uses_of_another_tenants_keys_change_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        key = await a_stored_key(storage, a_tenant())
        async with storage.transaction(tenant) as tx:
            await tx.api_keys.mark_used({key.id: NOW})
        assert await storage.api_key(key.id) == key

    async def test_keys_are_not_added_when_the_transaction_fails(
        self, storage: Storage, tenant: str
    ) -> None:
        key = an_api_key(tenant_id=tenant)

        async def fail() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.api_keys.acquire_lock()
                await tx.api_keys.add(key)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await storage.api_key(key.id) is None

    async def test_who_waits_for_the_lock_sees_the_keys_of_its_holder(
        self, storage: Storage, tenant: str
    ) -> None:
        key = an_api_key(tenant_id=tenant)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.api_keys.acquire_lock()
                await pause()
                await tx.api_keys.add(key)

        async def wait() -> list[ApiKey]:
            async with storage.transaction(tenant) as tx:
                await tx.api_keys.acquire_lock()
                return list(await tx.api_keys.all())

        assert await overlap(hold, wait) == [key]

    async def test_the_lock_of_another_tenant_is_free(self, storage: Storage, tenant: str) -> None:
        async def use(other: str) -> None:
            async with storage.transaction(other) as tx:
                await tx.api_keys.acquire_lock()

        async with storage.transaction(tenant) as tx:
            await tx.api_keys.acquire_lock()
            await asyncio.create_task(use(a_tenant()))
