"""The contract of reading single customers and profiles."""

from datetime import date
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.ports.storage import Storage
from tests.support.builders import (
    NOW,
    a_customer,
    a_payment_method,
    a_tenant,
    an_address,
    an_id,
    later,
    some_statistics,
)
from tests.support.storage_steps import (
    a_stored_customer,
    add_customers,
    delete,
    get_customer,
    set_addresses,
    set_methods,
)

ALL_FIELDS: dict[str, Any] = {
    "user_id": an_id(),
    "email": "Ada+Shop@Example.Test",
    "first_name": "Ada \U0001f9ee O'Neill",
    "last_name": "",
    "phone": "+1 (415) 555-0100 x12",
    "status": CustomerStatus.BLOCKED,
    "customer_type": CustomerType.WHOLESALE,
    "statistics": some_statistics("33.33", 3, last_order_date=later(microseconds=1)),
    "date_of_birth": date(1992, 2, 29),
    "country": "Côte d'Ivoire",
    "country_code": "CI",
    "avatar_url": "https://example.test/a.png?x=%20&y=:z",
    "tags": ("vip", "Early-Adopter", "a,b{}\"'\\", "ÉTÉ"),
    "notes": "first line\n\tsecond line \\n $1 :x ?",
    "marketing_opt_in": True,
    "email_verified": True,
    "lock_reason": "",
    "locked_at": later(seconds=1),
    "locked_by": an_id(),
    "unlock_reason": "a mistake of ours",
    "unlocked_at": later(seconds=2),
    "unlocked_by": an_id(),
    "updated_at": later(days=1, microseconds=999_999),
    "version": 7,
}


class CustomerReadContract:
    async def test_an_added_customer_reads_back_unchanged(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, **ALL_FIELDS)
        await add_customers(storage, customer)
        assert await get_customer(storage, customer) == customer

    @pytest.mark.parametrize("born", [date.min, date.max, date(2000, 2, 29)])
    async def test_the_first_and_last_date_can_be_stored(
        self, storage: Storage, tenant: str, born: date
    ) -> None:
        customer = a_customer(tenant_id=tenant, date_of_birth=born)
        await add_customers(storage, customer)
        assert (await get_customer(storage, customer)).date_of_birth == born

    async def test_reading_an_unknown_customer_raises(self, storage: Storage, tenant: str) -> None:
        with pytest.raises(CustomerNotFound):
            await get_customer(storage, a_customer(tenant_id=tenant))

    async def test_a_deleted_customer_is_hidden_from_every_read(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        await delete(storage, customer)
        async with storage.view(tenant) as view:
            with pytest.raises(CustomerNotFound):
                await view.customers.get(customer.id)
            assert await view.customers.profiles([customer.id]) == {}
            assert await view.customers.by_email(customer.email_key) is None
            assert await view.customers.by_emails([customer.email_key]) == {}

    async def test_a_customer_is_found_by_email_key(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant, email="É@Example.Test")
        await add_customers(storage, customer, a_customer(tenant_id=tenant))
        async with storage.view(tenant) as view:
            assert await view.customers.by_email("é@example.test") == customer
            assert await view.customers.by_email("É@Example.Test") is None
            assert await view.customers.by_email("e@example.test") is None

    async def test_customers_are_found_by_several_email_keys(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve = [
            await a_stored_customer(storage, tenant, email=email)
            for email in ("É@Example.Test", "eve@example.test")
        ]
        await a_stored_customer(storage, a_tenant(), email="bob@example.test")
        await a_stored_customer(storage, tenant, email="É@Example.Test.Test")
        keys = ["eve@example.test", "bob@example.test", "é@example.test", "eve@example.test"]
        async with storage.view(tenant) as view:
            assert await view.customers.by_emails(keys) == {ada.email_key: ada, eve.email_key: eve}
            assert await view.customers.by_emails(["É@Example.Test"]) == {}

    async def test_an_email_key_finds_the_living_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, here = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))
        await add_customers(storage, eve)
        await delete(storage, eve)
        await add_customers(storage, here)
        async with storage.view(tenant) as view:
            assert await view.customers.by_email("ada@example.test") == here

    async def test_an_account_finds_the_oldest_living_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        user_id, moments = an_id(), (later(days=2), NOW, later(days=1), later(days=1))
        customers = [
            a_customer(tenant_id=tenant, user_id=user_id, created_at=moment) for moment in moments
        ]
        await add_customers(storage, *customers, a_customer(tenant_id=tenant, user_id=an_id()))
        for expected in (1, 2, 3, 0):
            async with storage.view(tenant) as view:
                assert await view.customers.by_user(user_id) == customers[expected]
            await delete(storage, customers[expected])
        async with storage.view(tenant) as view:
            assert await view.customers.by_user(user_id) is None

    async def test_an_account_finds_nobody_of_another_tenant(
        self, storage: Storage, tenant: str
    ) -> None:
        user_id = an_id()
        await add_customers(storage, a_customer(tenant_id=a_tenant(), user_id=user_id))
        async with storage.view(tenant) as view:
            assert await view.customers.by_user(user_id) is None

    async def test_a_new_link_is_found_by_the_account(self, storage: Storage, tenant: str) -> None:
        user_id, customer = an_id(), a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            assert await tx.customers.by_user(user_id) is None
            await tx.customers.save(linked := customer.linked(user_id, now=NOW))
            assert await tx.customers.by_user(user_id) == linked

    async def test_a_transaction_reads_its_own_changes(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(customer)
            changed = evolve(customer, email="new@example.test", version=2)
            await tx.customers.save(changed)
            assert await tx.customers.get(customer.id) == changed
            assert await tx.customers.by_email("new@example.test") == changed
            assert await tx.customers.by_email(customer.email_key) is None


class ProfileContract:
    async def test_a_profile_has_addresses_and_methods_in_list_order(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        homes = [an_address(customer, created_at=later(days=day)) for day in range(3)]
        cards = [a_payment_method(customer, created_at=later(days=day)) for day in range(3)]
        homes[2], cards[1] = evolve(homes[2], is_default=True), evolve(cards[1], is_default=True)
        await set_addresses(storage, customer, *homes)
        await set_methods(storage, customer, *cards)
        profile = await storage.lookups(tenant).profile(customer.id)
        assert profile.customer == customer
        assert profile.addresses == (homes[2], homes[0], homes[1])
        assert profile.payment_methods == (cards[1], cards[0], cards[2])

    async def test_a_profile_may_have_no_addresses_or_methods(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        profile = await storage.lookups(tenant).profile(customer.id)
        assert (profile.customer, profile.addresses, profile.payment_methods) == (customer, (), ())

    async def test_the_profile_of_an_unknown_customer_raises(
        self, storage: Storage, tenant: str
    ) -> None:
        with pytest.raises(CustomerNotFound):
            await storage.lookups(tenant).profile(an_id())

    async def test_profiles_leave_out_ids_of_no_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = (a_customer(tenant_id=tenant) for _ in range(3))
        await add_customers(storage, ada, bob, eve, a_customer(tenant_id=tenant))
        await delete(storage, eve)
        home, card = an_address(bob), a_payment_method(bob)
        await set_addresses(storage, bob, home)
        await set_methods(storage, bob, card)
        async with storage.view(tenant) as view:
            profiles = await view.customers.profiles([bob.id, an_id(), eve.id, ada.id, bob.id])
            assert profiles == {
                customer.id: await storage.lookups(tenant).profile(customer.id)
                for customer in (ada, bob)
            }
        assert (profiles[bob.id].addresses, profiles[bob.id].payment_methods) == ((home,), (card,))

    async def test_profiles_have_addresses_in_list_order(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(2)]
        await add_customers(storage, *customers)
        for customer in customers:
            young, old = an_address(customer, created_at=later(days=1)), an_address(customer)
            chosen = an_address(customer, created_at=later(days=2), is_default=True)
            await set_addresses(storage, customer, young, old, chosen)
        async with storage.view(tenant) as view:
            ids = [customer.id for customer in customers]
            for customer_id, profile in (await view.customers.profiles(ids)).items():
                assert list(profile.addresses) == list(await view.addresses.all(customer_id))

    async def test_profiles_of_no_ids_are_empty(self, storage: Storage, tenant: str) -> None:
        async with storage.view(tenant) as view:
            assert await view.customers.profiles([]) == {}
