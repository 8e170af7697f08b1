"""The contract of `VerificationRepository`, and of finding a verification by its token."""

from datetime import datetime

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.model.verification import Verification, VerificationWithEmail, token_hash
from customers.core.ports.storage import Storage
from tests.support.builders import NOW, a_tenant, a_token, a_verification, an_id, later
from tests.support.storage_steps import (
    a_stored_customer,
    add_verifications,
    delete,
    erase,
    save,
    some_customers,
)


async def verifications(storage: Storage, customer: Customer) -> list[Verification]:
    async with storage.view(customer.tenant_id) as view:
        return list(await view.verifications.all(customer.id))


async def use(storage: Storage, customer: Customer, now: datetime) -> None:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.verifications.use(customer.id, now)


async def remove(storage: Storage, customer: Customer, sent_until: datetime) -> None:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.verifications.remove(customer.id, sent_until)


class VerificationContract:
    async def test_verifications_read_back_unchanged_the_first_one_sent_first(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        sent = [a_verification(customer, sent_at=later(minutes=n)) for n in (3, 1, 2)]
        used = a_verification(customer, sent_at=later(minutes=9), used_at=later(microseconds=1))
        await add_verifications(storage, customer, *sent, used)
        assert await verifications(storage, customer) == [sent[1], sent[2], sent[0], used]

    async def test_an_unknown_or_deleted_customer_has_no_verifications(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await delete(storage, customer)
        for missing in (customer, evolve(customer, id=an_id())):
            with pytest.raises(CustomerNotFound):
                await verifications(storage, missing)

    async def test_using_ends_all_tokens_of_the_customer_once(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        first, second = a_verification(ada), a_verification(ada, sent_at=later(hours=2))
        await add_verifications(storage, ada, first)
        await add_verifications(storage, bob, his := a_verification(bob))
        await use(storage, ada, later(hours=1))
        await add_verifications(storage, ada, second)
        await use(storage, ada, later(hours=3))
        used = [evolve(first, used_at=later(hours=1)), evolve(second, used_at=later(hours=3))]
        assert await verifications(storage, ada) == used
        assert await verifications(storage, bob) == [his]

    async def test_verifications_that_were_sent_until_a_moment_are_removed(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        sent = [a_verification(ada, sent_at=later(hours=n)) for n in (1, 2, 3)]
        await add_verifications(storage, ada, *sent)
        await add_verifications(storage, bob, his := a_verification(bob))
        await remove(storage, ada, later(hours=2))
        assert await verifications(storage, ada) == [sent[2]]
        assert await verifications(storage, bob) == [his]

    async def test_a_token_is_found_in_whatever_tenant(self, storage: Storage, tenant: str) -> None:
        tokens = {name: a_token() for name in (tenant, a_tenant())}
        for name, token in tokens.items():
            customer = await a_stored_customer(storage, name, email="Ada@Example.test")
            other, mine = a_verification(customer), a_verification(customer, token)
            await add_verifications(storage, customer, other, mine)
            verification = await storage.find_verification(token_hash(token))
            expected = VerificationWithEmail(verification=mine, email_key="ada@example.test")
            assert verification == expected

    async def test_an_unknown_token_is_not_found(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_verifications(storage, customer, a_verification(customer, token := a_token()))
        assert await storage.find_verification(token_hash(f"{token}x")) is None
        assert await storage.find_verification(token) is None

    async def test_a_token_of_a_removed_verification_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_verifications(storage, customer, a_verification(customer, token := a_token()))
        await remove(storage, customer, NOW)
        assert await storage.find_verification(token_hash(token)) is None

    async def test_a_token_is_found_with_the_address_that_the_customer_has_now(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_verifications(storage, customer, a_verification(customer, token := a_token()))
        await save(storage, evolve(customer, email="new@example.test"))
        verification = await storage.find_verification(token_hash(token))
        assert verification is not None
        assert (verification.email_key, verification.accepts(token, NOW)) == (
            "new@example.test",
            False,
        )

    async def test_a_token_of_a_deleted_customer_is_not_found_until_they_are_restored(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_verifications(storage, customer, a_verification(customer, token := a_token()))
        deleted = await delete(storage, customer)
        assert await storage.find_verification(token_hash(token)) is None
        await save(storage, deleted.restored(NOW))
        assert await storage.find_verification(token_hash(token)) is not None

    async def test_an_erasure_removes_the_verifications(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_verifications(storage, customer, a_verification(customer, token := a_token()))
        await erase(storage, customer)
        # No use case restores an erased customer; this makes remaining rows readable.
        await save(storage, evolve(customer.erased(NOW), deleted_at=None))
        assert await verifications(storage, customer) == []
        assert await storage.find_verification(token_hash(token)) is None
