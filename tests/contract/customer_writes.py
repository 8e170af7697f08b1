"""What every storage promises of adding and saving customers: whole, and one to an e-mail."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.contract.customers import EVERYTHING
from tests.contract.steps import (
    Pause,
    count,
    delete,
    keep,
    overlapping,
    save,
    stored,
)
from tests.support.builders import (
    a_customer,
    a_tenant,
    later,
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


async def add_in_one_step(storage: Storage, customer: Customer) -> bool:
    return await storage.autocommit(customer.tenant_id).add_customer(customer)


async def add_in_a_transaction(storage: Storage, customer: Customer) -> bool:
    async with storage.transaction(customer.tenant_id) as tx:
        return await tx.customers.add(customer)


both_ways = pytest.mark.parametrize("add", [add_in_one_step, add_in_a_transaction])


class AddingContract:
    @both_ways
    async def test_adding_keeps_a_customer_whole(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        customer = a_customer(tenant_id=tenant, **EVERYTHING)
        assert await add(storage, customer) is True
        assert await stored(storage, customer) == customer

    @both_ways
    @pytest.mark.parametrize(("first", "second"), SAME_KEY)
    async def test_a_taken_email_is_not_added(
        self, storage: Storage, tenant: str, add: Any, first: str, second: str
    ) -> None:
        holder = a_customer(tenant_id=tenant, email=first)
        late = a_customer(tenant_id=tenant, email=second)
        await keep(storage, holder)
        assert await add(storage, late) is False
        assert await stored(storage, holder) == holder
        assert await count(storage, tenant) == 1
        with pytest.raises(CustomerNotFound):
            await stored(storage, late)

    @both_ways
    @pytest.mark.parametrize(("first", "second"), OTHER_KEY)
    async def test_emails_that_only_look_alike_are_two(
        self, storage: Storage, tenant: str, add: Any, first: str, second: str
    ) -> None:
        await keep(storage, a_customer(tenant_id=tenant, email=first))
        assert await add(storage, a_customer(tenant_id=tenant, email=second)) is True

    @both_ways
    async def test_an_email_of_another_tenant_is_free(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        theirs = a_customer(tenant_id=a_tenant(), email="ada@example.test")
        await keep(storage, theirs)
        ours = a_customer(tenant_id=tenant, email="ada@example.test")
        assert await add(storage, ours) is True
        assert (await stored(storage, ours), await stored(storage, theirs)) == (ours, theirs)

    @both_ways
    async def test_an_email_is_free_again_after_its_customer_is_deleted(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        eve = a_customer(tenant_id=tenant, email="ada@example.test")
        await keep(storage, eve)
        await delete(storage, eve)
        assert await add(storage, a_customer(tenant_id=tenant, email="ADA@example.test")) is True

    @both_ways
    async def test_an_email_is_free_again_after_its_customer_took_another(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        mover = a_customer(tenant_id=tenant, email="old@example.test")
        await keep(storage, mover)
        await save(storage, evolve(mover, email="new@example.test"))
        assert await add(storage, a_customer(tenant_id=tenant, email="new@example.test")) is False
        assert await add(storage, a_customer(tenant_id=tenant, email="old@example.test")) is True

    @both_ways
    async def test_of_many_who_add_one_email_at_once_one_is_kept(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        rivals = [a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(16)]
        added = await asyncio.gather(*(add(storage, rival) for rival in rivals))
        assert sorted(added) == [False] * 15 + [True]
        async with storage.view(tenant) as view:
            assert await view.customers.by_email("ada@example.test") == rivals[added.index(True)]
        assert await count(storage, tenant) == 1

    @both_ways
    async def test_who_adds_an_email_that_is_being_added_loses(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        first, second = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                assert await tx.customers.add(first)
                await pause()

        assert await overlapping(hold, lambda: add(storage, second)) is False
        assert await stored(storage, first) == first

    async def test_a_transaction_goes_on_after_an_email_was_taken(
        self, storage: Storage, tenant: str
    ) -> None:
        holder, other = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await keep(storage, holder)
        async with storage.transaction(tenant) as tx:
            assert not await tx.customers.add(a_customer(tenant_id=tenant, email=holder.email))
            assert await tx.customers.add(other)
        assert await stored(storage, other) == other


class SavingContract:
    async def test_a_saved_customer_is_read_as_it_was_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        plain = a_customer(tenant_id=tenant)
        full = evolve(plain, **EVERYTHING)
        await keep(storage, plain)
        await save(storage, full)
        assert await stored(storage, plain) == full
        await save(storage, plain)
        assert await stored(storage, plain) == plain

    @pytest.mark.parametrize(("first", "second"), SAME_KEY)
    async def test_a_taken_email_is_not_saved(
        self, storage: Storage, tenant: str, first: str, second: str
    ) -> None:
        holder, mover = a_customer(tenant_id=tenant, email=first), a_customer(tenant_id=tenant)
        await keep(storage, holder, mover)
        with pytest.raises(EmailTaken):
            await save(storage, evolve(mover, email=second, version=2))
        assert await stored(storage, mover) == mover
        assert await stored(storage, holder) == holder

    async def test_an_email_of_the_deleted_or_of_another_tenant_can_be_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, mover = a_customer(tenant_id=tenant, email="a@x.test"), a_customer(tenant_id=tenant)
        theirs = a_customer(tenant_id=a_tenant(), email="a@x.test")
        await keep(storage, eve, mover)
        await keep(storage, theirs)
        await delete(storage, eve)
        moved = evolve(mover, email="a@x.test")
        await save(storage, moved)
        assert await stored(storage, mover) == moved

    async def test_the_letter_case_of_ones_own_email_can_change(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, email="ada@example.test")
        await keep(storage, customer)
        shouted = evolve(customer, email="ADA@example.test")
        await save(storage, shouted)
        assert await stored(storage, customer) == shouted

    async def test_a_restored_customer_is_back(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)
        deleted = await delete(storage, customer)
        restored = deleted.restored(later(days=1))
        await save(storage, restored)
        assert await stored(storage, customer) == restored

    async def test_a_restored_customer_whose_email_is_taken_by_now_is_refused(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, here = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))
        await keep(storage, eve)
        deleted = await delete(storage, eve)
        await keep(storage, here)
        with pytest.raises(EmailTaken):
            await save(storage, deleted.restored(later(days=1)))
        with pytest.raises(CustomerNotFound):
            await stored(storage, eve)

    async def test_a_deleted_customer_can_be_saved_whoever_has_their_email_by_now(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, here = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))
        await keep(storage, eve)
        deleted = await delete(storage, eve)
        await keep(storage, here)
        await save(storage, changed := deleted.touched(later(days=1)))
        async with storage.transaction(tenant) as tx:
            assert await tx.customers.get_any_for_update(eve.id) == changed
        assert await stored(storage, here) == here

    async def test_of_two_who_move_to_one_email_at_once_one_is_refused(
        self, storage: Storage, tenant: str
    ) -> None:
        movers = [a_customer(tenant_id=tenant) for _ in range(4)]
        await keep(storage, *movers)
        moved = [evolve(customer, email="wanted@example.test") for customer in movers]
        results = await asyncio.gather(
            *(save(storage, customer) for customer in moved), return_exceptions=True
        )
        assert [type(result) for result in results if result is not None] == [EmailTaken] * 3
