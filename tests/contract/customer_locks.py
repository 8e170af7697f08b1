"""What every storage promises of locking customers."""

import asyncio

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.contract.customers import EVERYTHING
from tests.contract.full_tenant import outcome
from tests.contract.steps import (
    Pause,
    delete,
    erase,
    keep,
    overlapping,
    stored,
)
from tests.support.builders import (
    a_customer,
    an_id,
    later,
)


class LockingContract:
    @pytest.mark.parametrize("lock", ["get_for_update", "get_any_for_update"])
    async def test_a_lock_gives_the_customer(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, **EVERYTHING)
        await keep(storage, customer)
        async with storage.transaction(tenant) as tx:
            assert await getattr(tx.customers, lock)(customer.id) == customer

    @pytest.mark.parametrize("lock", ["get_for_update", "get_any_for_update"])
    async def test_an_unknown_customer_cannot_be_locked(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        async with storage.transaction(tenant) as tx:
            with pytest.raises(CustomerNotFound):
                await getattr(tx.customers, lock)(an_id())

    async def test_a_deleted_or_erased_customer_is_found_by_get_any_for_update_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        one, two = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await keep(storage, one, two)
        deleted = await delete(storage, one, later(days=1))
        await erase(storage, two, later(days=1))
        async with storage.transaction(tenant) as tx:
            for customer in (one, two):
                with pytest.raises(CustomerNotFound):
                    await tx.customers.get_for_update(customer.id)
            assert await tx.customers.get_any_for_update(one.id) == deleted
            assert await tx.customers.get_any_for_update(two.id) == two.erased(later(days=1))

    async def test_locking_many_names_those_that_are_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = (a_customer(tenant_id=tenant) for _ in range(3))
        await keep(storage, ada, bob, eve)
        await delete(storage, eve)
        async with storage.transaction(tenant) as tx:
            ids = {bob.id, an_id(), eve.id, ada.id}
            assert set(await tx.customers.lock_ids(ids)) == {ada.id, bob.id}
            assert set(await tx.customers.lock_ids(set())) == set()

    @pytest.mark.parametrize("lock", ["get_for_update", "get_any_for_update", "lock_ids"])
    async def test_who_waits_for_a_lock_finds_what_its_holder_saved(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await getattr(tx.customers, lock)(
                    [customer.id] if lock == "lock_ids" else customer.id
                )
                await pause()
                await tx.customers.save(customer.touched(later(days=1)))

        async def wait() -> Customer:
            async with storage.transaction(tenant) as tx:
                return await tx.customers.get_for_update(customer.id)

        assert await overlapping(hold, wait) == customer.touched(later(days=1))

    @pytest.mark.parametrize("lock", ["get_for_update", "lock_ids"])
    async def test_who_waits_for_a_customer_that_is_deleted_finds_nobody(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(customer.id)
                await pause()
                await tx.customers.save(customer.deleted(later(days=1)))

        async def wait() -> object:
            async with storage.transaction(tenant) as tx:
                ids = [customer.id] if lock == "lock_ids" else customer.id
                return await outcome(getattr(tx.customers, lock)(ids))

        assert await overlapping(hold, wait) in ([], CustomerNotFound)

    async def test_no_change_is_lost_among_many_who_lock(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)

        async def touch() -> None:
            async with storage.transaction(tenant) as tx:
                before = await tx.customers.get_for_update(customer.id)
                await tx.customers.save(before.touched(later(days=1)))

        await asyncio.gather(*(touch() for _ in range(20)))
        assert (await stored(storage, customer)).version == 21

    async def test_those_who_lock_many_in_any_order_all_come_through(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(4)]
        await keep(storage, *customers)
        ids = [customer.id for customer in customers]

        async def touch_all(turn: int) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.lock_ids(ids[turn % 4 :] + ids[: turn % 4])
                for customer_id in reversed(ids):
                    before = await tx.customers.get(customer_id)
                    await tx.customers.save(before.touched(later(days=1)))

        await asyncio.gather(*(touch_all(turn) for turn in range(12)))
        assert [(await stored(storage, customer)).version for customer in customers] == [13] * 4
