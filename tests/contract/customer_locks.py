"""The contract of the locking reads of `CustomerRepository`."""

import asyncio
from uuid import UUID

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.contract.customers import ALL_FIELDS
from tests.support.builders import a_customer, a_tenant, an_id, later
from tests.support.full_tenant import outcome
from tests.support.storage_steps import Pause, add_customers, delete, erase, get_customer, overlap


class CustomerLockContract:
    @pytest.mark.parametrize("lock", ["get_for_update", "get_any_for_update"])
    async def test_a_locking_read_returns_the_customer(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, **ALL_FIELDS)
        await add_customers(storage, customer)
        async with storage.transaction(tenant) as tx:
            assert await getattr(tx.customers, lock)(customer.id) == customer

    @pytest.mark.parametrize("lock", ["get_for_update", "get_any_for_update"])
    async def test_an_unknown_customer_cannot_be_locked(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        async with storage.transaction(tenant) as tx:
            with pytest.raises(CustomerNotFound):
                await getattr(tx.customers, lock)(an_id())

    async def test_only_get_any_for_update_returns_deleted_and_erased_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        one, two = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await add_customers(storage, one, two)
        deleted = await delete(storage, one, later(days=1))
        await erase(storage, two, later(days=1))
        async with storage.transaction(tenant) as tx:
            for customer in (one, two):
                with pytest.raises(CustomerNotFound):
                    await tx.customers.get_for_update(customer.id)
            assert await tx.customers.get_any_for_update(one.id) == deleted
            assert await tx.customers.get_any_for_update(two.id) == two.erased(later(days=1))

    async def test_the_ids_of_living_customers_are_locked_and_returned(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = (a_customer(tenant_id=tenant) for _ in range(3))
        await add_customers(storage, ada, bob, eve)
        await delete(storage, eve)
        async with storage.transaction(tenant) as tx:
            ids = {bob.id, an_id(), eve.id, ada.id}
            assert set(await tx.customers.get_ids_for_update(ids)) == {ada.id, bob.id}
            assert set(await tx.customers.get_ids_for_update(set())) == set()

    @pytest.mark.parametrize("lock", ["get_for_update", "get_any_for_update", "get_ids_for_update"])
    async def test_a_waiter_gets_the_value_the_lock_holder_saved(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await getattr(tx.customers, lock)(
                    [customer.id] if lock == "get_ids_for_update" else customer.id
                )
                await pause()
                await tx.customers.save(customer.with_next_version(later(days=1)))

        async def wait() -> Customer:
            async with storage.transaction(tenant) as tx:
                return await tx.customers.get_for_update(customer.id)

        assert await overlap(hold, wait) == customer.with_next_version(later(days=1))

    @pytest.mark.parametrize("lock", ["get_for_update", "get_ids_for_update"])
    async def test_a_waiter_for_a_customer_who_is_deleted_finds_nobody(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)
                await pause()
                await tx.customers.save(customer.deleted(later(days=1)))

        async def wait() -> object:
            async with storage.transaction(tenant) as tx:
                ids = [customer.id] if lock == "get_ids_for_update" else customer.id
                return await outcome(getattr(tx.customers, lock)(ids))

        assert await overlap(hold, wait) in ([], CustomerNotFound)

    async def test_a_waiter_for_an_account_finds_the_customer_whom_its_holder_linked(
        self, storage: Storage, tenant: str
    ) -> None:
        user_id, customer = an_id(), a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        linked = customer.linked(user_id, now=later(days=1))

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.reserve_user(user_id)
                await tx.customers.get_for_update(customer.id)
                await pause()
                await tx.customers.save(linked)

        async def wait() -> Customer | None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.reserve_user(user_id)
                return await tx.customers.by_user(user_id)

        assert await overlap(hold, wait) == linked

    async def test_another_tenant_can_reserve_the_same_account_at_the_same_time(
        self, storage: Storage, tenant: str
    ) -> None:
        user_id = an_id()
        async with asyncio.timeout(30), storage.transaction(tenant) as tx:
            await tx.customers.reserve_user(user_id)
            await asyncio.create_task(self._reserve(storage, a_tenant(), user_id))

    async def _reserve(self, storage: Storage, tenant: str, user_id: UUID) -> None:
        async with storage.transaction(tenant) as tx:
            await tx.customers.reserve_user(user_id)

    async def test_concurrent_changes_under_locks_are_all_stored(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)

        async def touch() -> None:
            async with storage.transaction(tenant) as tx:
                before = await tx.customers.get_for_update(customer.id)
                await tx.customers.save(before.with_next_version(later(days=1)))

        await asyncio.gather(*(touch() for _ in range(20)))
        assert (await get_customer(storage, customer)).version == 21

    async def test_ids_locked_in_any_order_do_not_deadlock(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(4)]
        await add_customers(storage, *customers)
        ids = [customer.id for customer in customers]

        async def touch_all(turn: int) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_ids_for_update(ids[turn % 4 :] + ids[: turn % 4])
                for customer_id in reversed(ids):
                    before = await tx.customers.get(customer_id)
                    await tx.customers.save(before.with_next_version(later(days=1)))

        await asyncio.gather(*(touch_all(turn) for turn in range(12)))
        assert [(await get_customer(storage, customer)).version for customer in customers] == [
            13
        ] * 4
