"""The contract of payment tokens: each has one holder at a time."""

import asyncio
from uuid import UUID

import pytest
from attrs import evolve

from customers.core.errors import PaymentMethodTaken
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.contract.payment_methods import methods
from tests.support.builders import a_payment_method, a_tenant, later
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    delete,
    failing_transaction,
    overlap,
    set_methods,
    some_customers,
)

TOKEN = {"payment_gateway": "stripe", "gateway_payment_method_id": "pm_shared"}


async def restore(storage: Storage, customer: Customer) -> set[UUID]:
    """Restores a deleted customer; returns the ids of methods whose tokens others hold."""
    async with storage.transaction(customer.tenant_id) as tx:
        deleted = await tx.customers.get_any_for_update(customer.id)
        await tx.customers.save(deleted.restored(later(days=2)))
        return set(await tx.payment_methods.reclaim(customer.id))


class PaymentTokenContract:
    async def test_a_token_of_another_customer_raises(self, storage: Storage, tenant: str) -> None:
        holder, late = await some_customers(storage, tenant, 2)
        await set_methods(storage, holder, a_payment_method(holder, **TOKEN))
        other = a_payment_method(late)
        await set_methods(storage, late, other)
        with pytest.raises(PaymentMethodTaken):
            await set_methods(storage, late, other, a_payment_method(late, **TOKEN))
        assert await methods(storage, late) == [other]
        assert len(await methods(storage, holder)) == 1

    @pytest.mark.parametrize(
        "other", [{"payment_gateway": "Stripe"}, {"gateway_payment_method_id": "PM_shared"}]
    )
    async def test_a_token_is_compared_exactly_and_within_its_gateway(
        self, storage: Storage, tenant: str, other: dict[str, str]
    ) -> None:
        holder, late = await some_customers(storage, tenant, 2)
        await set_methods(storage, holder, a_payment_method(holder, **TOKEN))
        card = a_payment_method(late, **TOKEN | other)
        await set_methods(storage, late, card)
        assert await methods(storage, late) == [card]

    async def test_a_token_of_another_tenant_is_free(self, storage: Storage, tenant: str) -> None:
        theirs, ours = (
            await a_stored_customer(storage, a_tenant()),
            await a_stored_customer(storage, tenant),
        )
        await set_methods(storage, theirs, a_payment_method(theirs, **TOKEN))
        card = a_payment_method(ours, **TOKEN)
        await set_methods(storage, ours, card)
        assert await methods(storage, ours) == [card]

    async def test_a_removed_token_is_free(self, storage: Storage, tenant: str) -> None:
        holder, late = await some_customers(storage, tenant, 2)
        await set_methods(storage, holder, a_payment_method(holder, **TOKEN))
        await set_methods(storage, holder)
        await set_methods(storage, late, card := a_payment_method(late, **TOKEN))
        assert await methods(storage, late) == [card]

    async def test_a_token_can_move_to_another_method_of_its_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await set_methods(storage, customer, a_payment_method(customer, **TOKEN))
        await set_methods(storage, customer, new := a_payment_method(customer, **TOKEN))
        assert await methods(storage, customer) == [new]

    async def test_of_concurrent_writes_of_one_token_one_succeeds(
        self, storage: Storage, tenant: str
    ) -> None:
        rivals = await some_customers(storage, tenant, 4)
        cards = [a_payment_method(rival, **TOKEN) for rival in rivals]
        results = await asyncio.gather(
            *(
                set_methods(storage, card, method)
                for card, method in zip(rivals, cards, strict=True)
            ),
            return_exceptions=True,
        )
        assert [type(result) for result in results if result is not None] == [
            PaymentMethodTaken
        ] * 3
        holdings = [await methods(storage, rival) for rival in rivals]
        assert holdings == [
            [card] if result is None else [] for card, result in zip(cards, results, strict=True)
        ]

    async def test_a_token_that_is_being_removed_goes_to_the_waiter(
        self, storage: Storage, tenant: str
    ) -> None:
        holder, late = await some_customers(storage, tenant, 2)
        mine, card = a_payment_method(holder, **TOKEN), a_payment_method(late, **TOKEN)
        await set_methods(storage, holder, mine)

        async def remove(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(holder.id)
                await tx.payment_methods.replace(holder.id, [mine], [])
                await pause()

        await overlap(remove, lambda: set_methods(storage, late, card))
        assert await methods(storage, late) == [card]


class TokenReleaseContract:
    async def test_released_tokens_are_free_and_the_methods_stay_stored(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, late = await some_customers(storage, tenant, 2)
        cards = [a_payment_method(eve, **TOKEN, is_default=True), a_payment_method(eve)]
        await set_methods(storage, eve, *cards)
        await delete(storage, eve)
        await set_methods(storage, late, a_payment_method(late, **TOKEN))
        await set_methods(storage, late)
        assert await restore(storage, eve) == set()
        assert await methods(storage, eve) == cards

    async def test_reclaimed_tokens_are_taken_again(self, storage: Storage, tenant: str) -> None:
        customer, late = await some_customers(storage, tenant, 2)
        await set_methods(storage, customer, a_payment_method(customer, **TOKEN))
        await delete(storage, customer)
        await restore(storage, customer)
        with pytest.raises(PaymentMethodTaken):
            await set_methods(storage, late, a_payment_method(late, **TOKEN))

    async def test_reclaim_returns_the_methods_whose_tokens_others_hold(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, late = await some_customers(storage, tenant, 2)
        lost, other = a_payment_method(customer, **TOKEN), a_payment_method(customer)
        await set_methods(storage, customer, lost, other)
        await delete(storage, customer)
        await set_methods(storage, late, card := a_payment_method(late, **TOKEN))
        assert await restore(storage, customer) == {lost.id}
        assert await methods(storage, customer) == [lost, other]
        assert await methods(storage, late) == [card]

    async def test_a_lost_method_can_be_removed_and_the_others_are_reclaimed(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, late = await some_customers(storage, tenant, 2)
        lost, other = a_payment_method(customer, **TOKEN), a_payment_method(customer)
        await set_methods(storage, customer, lost, other)
        await delete(storage, customer)
        await set_methods(storage, late, a_payment_method(late, **TOKEN))
        await restore(storage, customer)
        await set_methods(storage, customer, other)
        assert await methods(storage, customer) == [other]
        copy = {"gateway_payment_method_id": other.gateway_payment_method_id}
        with pytest.raises(PaymentMethodTaken):
            await set_methods(storage, late, a_payment_method(late, **copy))

    async def test_a_lost_method_stays_released_when_others_change(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, late = await some_customers(storage, tenant, 2)
        lost, other = a_payment_method(customer, **TOKEN), a_payment_method(customer)
        await set_methods(storage, customer, lost, other)
        await delete(storage, customer)
        await set_methods(storage, late, card := a_payment_method(late, **TOKEN))
        await restore(storage, customer)
        await set_methods(storage, customer, lost, changed := evolve(other, is_active=False))
        assert await methods(storage, customer) == [lost, changed]
        assert await methods(storage, late) == [card]

    async def test_a_token_taken_after_its_release_stays_with_its_new_holder(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, late, third = await some_customers(storage, tenant, 3)
        await set_methods(storage, customer, a_payment_method(customer, **TOKEN))
        await delete(storage, customer)
        await set_methods(storage, late, a_payment_method(late, **TOKEN))
        await restore(storage, customer)
        await set_methods(storage, customer)
        with pytest.raises(PaymentMethodTaken):
            await set_methods(storage, third, a_payment_method(third, **TOKEN))

    async def test_a_customer_without_methods_has_nothing_to_release_or_reclaim(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await delete(storage, customer)
        assert await restore(storage, customer) == set()
        assert await methods(storage, customer) == []

    async def test_release_does_not_touch_tokens_of_other_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, holder, late = await some_customers(storage, tenant, 3)
        await set_methods(storage, holder, a_payment_method(holder, **TOKEN))
        await delete(storage, eve)
        with pytest.raises(PaymentMethodTaken):
            await set_methods(storage, late, a_payment_method(late, **TOKEN))

    async def test_a_rolled_back_release_frees_nothing(self, storage: Storage, tenant: str) -> None:
        customer, late = await some_customers(storage, tenant, 2)
        await set_methods(storage, customer, a_payment_method(customer, **TOKEN))
        async with failing_transaction(storage, tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            await tx.payment_methods.release(customer.id)
            await tx.customers.save(customer.deleted(later(days=1)))
        with pytest.raises(PaymentMethodTaken):
            await set_methods(storage, late, a_payment_method(late, **TOKEN))

    async def test_a_concurrent_reclaim_returns_the_token_it_lost(
        self, storage: Storage, tenant: str
    ) -> None:
        first, second = await some_customers(storage, tenant, 2)
        for customer in (first, second):
            await set_methods(storage, customer, a_payment_method(customer, **TOKEN))
            await delete(storage, customer)

        async def take_back(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                deleted = await tx.customers.get_any_for_update(first.id)
                await tx.customers.save(deleted.restored(later(days=2)))
                assert not await tx.payment_methods.reclaim(first.id)
                await pause()

        lost = await overlap(take_back, lambda: restore(storage, second))
        assert lost == {method.id for method in await methods(storage, second)}
