"""The contract of look-ups: those that come at the same time are answered as if each came alone."""

import asyncio

from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.support.builders import a_payment_method, a_tenant, an_address, an_id
from tests.support.full_tenant import outcome
from tests.support.storage_steps import (
    a_stored_customer,
    delete,
    save,
    set_addresses,
    set_methods,
    some_customers,
)


class LookupContract:
    async def test_profiles_that_are_read_at_the_same_time_are_each_ones_own(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 8)
        homes = {customer.id: an_address(customer) for customer in customers}
        cards = {customer.id: a_payment_method(customer) for customer in customers}
        for customer in customers:
            await set_addresses(storage, customer, homes[customer.id])
            await set_methods(storage, customer, cards[customer.id])
        reads = [storage.lookups(tenant).profile(customer.id) for customer in customers * 3]
        for customer, profile in zip(customers * 3, await asyncio.gather(*reads), strict=True):
            assert profile.customer == customer
            assert profile.addresses == (homes[customer.id],)
            assert profile.payment_methods == (cards[customer.id],)

    async def test_an_unknown_or_deleted_customer_among_others_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve = await some_customers(storage, tenant, 2)
        other = await a_stored_customer(storage, a_tenant())
        await delete(storage, eve)
        ids = [ada.id, an_id(), eve.id, ada.id, other.id] * 4
        reads = [outcome(storage.lookups(tenant).profile(customer_id)) for customer_id in ids]
        ada_profile = await storage.lookups(tenant).profile(ada.id)
        expected = [ada_profile, *[CustomerNotFound] * 2, ada_profile, CustomerNotFound]
        assert await asyncio.gather(*reads) == expected * 4

    async def test_customers_are_found_by_their_email_keys_at_the_same_time(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve = await some_customers(storage, tenant, 2)
        other = await a_stored_customer(storage, a_tenant())
        keys = [ada.email_key, "nobody@example.test", eve.email_key, other.email_key] * 5
        reads = [storage.lookups(tenant).by_email(key) for key in keys]
        assert await asyncio.gather(*reads) == [ada, None, eve, None] * 5

    async def test_tenants_with_the_same_email_each_find_their_own_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        tenants = [tenant, a_tenant(), a_tenant()]
        customers = [
            await a_stored_customer(storage, one, email="ada@example.test") for one in tenants
        ]
        reads = [storage.lookups(one).by_email("ada@example.test") for one in tenants * 10]
        assert await asyncio.gather(*reads) == customers * 10

    async def test_a_look_up_sees_what_was_committed_before_it_began(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        lookups = storage.lookups(tenant)

        async def reread(last: Customer) -> None:
            for _ in range(10):
                assert (await lookups.profile(customer.id)).customer.version >= last.version

        async with asyncio.TaskGroup() as readers:
            for version in range(2, 12):
                changed = evolve(customer, version=version, email=f"{version}@example.test")
                await save(storage, changed)
                readers.create_task(reread(changed))
                reads = (lookups.profile(customer.id), lookups.by_email(changed.email_key))
                profile, by_email = await asyncio.gather(*reads)
                assert profile.customer == by_email == changed

    async def test_a_caller_who_leaves_takes_no_answer_from_others(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 12)
        reads = [
            asyncio.create_task(storage.lookups(tenant).profile(customer.id))
            for customer in customers
        ]
        await asyncio.sleep(0)
        for read in reads[::3]:
            read.cancel()
        for customer, read in zip(customers, reads, strict=True):
            if read not in reads[::3]:
                assert (await read).customer == customer
