"""The contract of adding and saving customers: every field, and one customer per e-mail."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.contract.customers import ALL_FIELDS
from tests.support.builders import a_customer, a_tenant, later
from tests.support.storage_steps import (
    Pause,
    add_customers,
    count,
    delete,
    get_customer,
    overlap,
    save,
)

SAME_KEY = [
    ("ada@example.test", "ada@example.test"),
    ("ada@example.test", "ADA@Example.Test"),
    ("É@example.test", "é@example.test"),
    ("É@example.test", "e\u0301@example.test"),
]
OTHER_KEY = [
    ("straße@example.test", "strasse@example.test"),
    ("é@example.test", "e@example.test"),
    ("a_b@example.test", "axb@example.test"),
    ("ada@example.test", "ada+1@example.test"),
    ("\ufb01@example.test", "fi@example.test"),
]


async def add_by_autocommit(storage: Storage, customer: Customer) -> bool:
    return await storage.autocommit(customer.tenant_id).add_customer(customer)


async def reserve(storage: Storage, customer: Customer) -> None:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.customers.reserve_email(customer)


async def add_in_transaction(storage: Storage, customer: Customer) -> bool:
    async with storage.transaction(customer.tenant_id) as tx:
        return await tx.customers.add(customer)


every_way_to_add = pytest.mark.parametrize("add", [add_by_autocommit, add_in_transaction])


class CustomerAddContract:
    @every_way_to_add
    async def test_every_field_of_an_added_customer_is_stored(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        customer = a_customer(tenant_id=tenant, **ALL_FIELDS)
        assert await add(storage, customer) is True
        assert await get_customer(storage, customer) == customer

    @every_way_to_add
    @pytest.mark.parametrize(("first", "second"), SAME_KEY)
    async def test_a_taken_email_is_not_added(
        self, storage: Storage, tenant: str, add: Any, first: str, second: str
    ) -> None:
        holder = a_customer(tenant_id=tenant, email=first)
        late = a_customer(tenant_id=tenant, email=second)
        await add_customers(storage, holder)
        assert await add(storage, late) is False
        assert await get_customer(storage, holder) == holder
        assert await count(storage, tenant) == 1
        with pytest.raises(CustomerNotFound):
            await get_customer(storage, late)

    @every_way_to_add
    @pytest.mark.parametrize(("first", "second"), OTHER_KEY)
    async def test_similar_emails_are_different(
        self, storage: Storage, tenant: str, add: Any, first: str, second: str
    ) -> None:
        await add_customers(storage, a_customer(tenant_id=tenant, email=first))
        assert await add(storage, a_customer(tenant_id=tenant, email=second)) is True

    @every_way_to_add
    async def test_an_email_of_another_tenant_is_free(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        theirs = a_customer(tenant_id=a_tenant(), email="ada@example.test")
        await add_customers(storage, theirs)
        ours = a_customer(tenant_id=tenant, email="ada@example.test")
        assert await add(storage, ours) is True
        assert (await get_customer(storage, ours), await get_customer(storage, theirs)) == (
            ours,
            theirs,
        )

    @every_way_to_add
    async def test_an_email_is_free_again_after_its_customer_is_deleted(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        eve = a_customer(tenant_id=tenant, email="ada@example.test")
        await add_customers(storage, eve)
        await delete(storage, eve)
        assert await add(storage, a_customer(tenant_id=tenant, email="ADA@example.test")) is True

    @every_way_to_add
    async def test_an_email_is_free_again_after_its_customer_changed_it(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        mover = a_customer(tenant_id=tenant, email="old@example.test")
        await add_customers(storage, mover)
        await save(storage, evolve(mover, email="new@example.test"))
        assert await add(storage, a_customer(tenant_id=tenant, email="new@example.test")) is False
        assert await add(storage, a_customer(tenant_id=tenant, email="old@example.test")) is True

    @every_way_to_add
    async def test_of_concurrent_adds_of_one_email_one_succeeds(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        rivals = [a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(16)]
        added = await asyncio.gather(*(add(storage, rival) for rival in rivals))
        assert sorted(added) == [False] * 15 + [True]
        async with storage.view(tenant) as view:
            assert await view.customers.by_email("ada@example.test") == rivals[added.index(True)]
        assert await count(storage, tenant) == 1

    @every_way_to_add
    async def test_adding_an_email_that_another_transaction_is_adding_fails(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        first, second = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                assert await tx.customers.add(first)
                await pause()

        assert await overlap(hold, lambda: add(storage, second)) is False
        assert await get_customer(storage, first) == first

    async def test_a_transaction_continues_after_a_taken_email(
        self, storage: Storage, tenant: str
    ) -> None:
        holder, other = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await add_customers(storage, holder)
        async with storage.transaction(tenant) as tx:
            assert not await tx.customers.add(a_customer(tenant_id=tenant, email=holder.email))
            assert await tx.customers.add(other)
        assert await get_customer(storage, other) == other


class CustomerSaveContract:
    async def test_every_field_of_a_saved_customer_is_stored(
        self, storage: Storage, tenant: str
    ) -> None:
        plain = a_customer(tenant_id=tenant)
        full = evolve(plain, **ALL_FIELDS)
        await add_customers(storage, plain)
        await save(storage, full)
        assert await get_customer(storage, plain) == full
        await save(storage, plain)
        assert await get_customer(storage, plain) == plain

    @pytest.mark.parametrize(("first", "second"), SAME_KEY)
    async def test_a_taken_email_is_not_saved(
        self, storage: Storage, tenant: str, first: str, second: str
    ) -> None:
        holder, mover = a_customer(tenant_id=tenant, email=first), a_customer(tenant_id=tenant)
        await add_customers(storage, holder, mover)
        with pytest.raises(EmailTaken):
            await save(storage, evolve(mover, email=second, version=2))
        assert await get_customer(storage, mover) == mover
        assert await get_customer(storage, holder) == holder

    async def test_an_email_of_a_deleted_customer_or_another_tenant_can_be_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, mover = a_customer(tenant_id=tenant, email="a@x.test"), a_customer(tenant_id=tenant)
        theirs = a_customer(tenant_id=a_tenant(), email="a@x.test")
        await add_customers(storage, eve, mover)
        await add_customers(storage, theirs)
        await delete(storage, eve)
        moved = evolve(mover, email="a@x.test")
        await save(storage, moved)
        assert await get_customer(storage, mover) == moved

    async def test_a_customer_can_change_the_case_of_their_email(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, email="ada@example.test")
        await add_customers(storage, customer)
        shouted = evolve(customer, email="ADA@example.test")
        await save(storage, shouted)
        assert await get_customer(storage, customer) == shouted

    async def test_a_restored_customer_can_be_read_again(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        deleted = await delete(storage, customer)
        restored = deleted.restored(later(days=1))
        await save(storage, restored)
        assert await get_customer(storage, customer) == restored

    async def test_restoring_a_customer_whose_email_is_taken_raises(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, here = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))
        await add_customers(storage, eve)
        deleted = await delete(storage, eve)
        await add_customers(storage, here)
        with pytest.raises(EmailTaken):
            await save(storage, deleted.restored(later(days=1)))
        with pytest.raises(CustomerNotFound):
            await get_customer(storage, eve)

    async def test_a_deleted_customer_can_be_saved_while_another_has_their_email(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, here = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))
        await add_customers(storage, eve)
        deleted = await delete(storage, eve)
        await add_customers(storage, here)
        await save(storage, changed := deleted.with_next_version(later(days=1)))
        async with storage.transaction(tenant) as tx:
            assert await tx.customers.get_any_for_update(eve.id) == changed
        assert await get_customer(storage, here) == here

    async def test_of_concurrent_changes_to_one_email_one_succeeds(
        self, storage: Storage, tenant: str
    ) -> None:
        movers = [a_customer(tenant_id=tenant) for _ in range(4)]
        await add_customers(storage, *movers)
        moved = [evolve(customer, email="wanted@example.test") for customer in movers]
        results = await asyncio.gather(
            *(save(storage, customer) for customer in moved), return_exceptions=True
        )
        assert [type(result) for result in results if result is not None] == [EmailTaken] * 3


class EmailReservationContract:
    async def test_the_address_of_another_living_customer_cannot_be_reserved(
        self, storage: Storage, tenant: str
    ) -> None:
        holder, mover = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await add_customers(storage, holder, mover)
        with pytest.raises(EmailTaken):
            await reserve(storage, evolve(mover, email=holder.email.upper()))
        await delete(storage, holder)
        await reserve(storage, evolve(mover, email=holder.email))

    async def test_an_address_that_is_free_or_ones_own_can_be_reserved(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, theirs = a_customer(tenant_id=tenant), a_customer(tenant_id=a_tenant())
        await add_customers(storage, customer)
        await add_customers(storage, theirs)
        for email in (customer.email, theirs.email, "free@example.test"):
            await reserve(storage, evolve(customer, email=email))

    async def test_whoever_wants_a_reserved_address_waits_and_does_not_get_it(
        self, storage: Storage, tenant: str
    ) -> None:
        mover, other = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        new = a_customer(tenant_id=tenant, email="wanted@example.test")
        await add_customers(storage, mover, other)
        results: list[object] = []

        async def move(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                customer = await tx.customers.get_for_update(mover.id)
                await tx.customers.reserve_email(moved := evolve(customer, email=new.email))
                await pause()
                await tx.customers.save(moved)
                results.append("moved")

        async def want() -> None:
            results.append(await storage.autocommit(tenant).add_customer(new))
            with pytest.raises(EmailTaken):
                await reserve(storage, evolve(other, email=new.email))

        await overlap(move, want)
        assert results == ["moved", False]

    async def test_an_address_that_is_being_registered_cannot_be_reserved(
        self, storage: Storage, tenant: str
    ) -> None:
        mover, new = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await add_customers(storage, mover)

        async def register(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                assert await tx.customers.add(new)
                await pause()

        async def want() -> None:
            with pytest.raises(EmailTaken):
                await reserve(storage, evolve(mover, email=new.email))

        await overlap(register, want)

    async def test_a_reservation_ends_with_its_transaction(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        await reserve(storage, evolve(customer, email="wanted@example.test"))
        new = a_customer(tenant_id=tenant, email="wanted@example.test")
        assert await storage.autocommit(tenant).add_customer(new)
