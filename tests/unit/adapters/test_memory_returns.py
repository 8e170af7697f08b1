"""Restored customers, and what other customers have taken meanwhile."""

import pytest
from attrs import evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import PaymentMethodTaken
from customers.core.model.customer import Customer
from customers.core.model.payment import PaymentMethod
from customers.core.ports.storage import Transaction
from tests.support.builders import NOW, USD, a_customer, a_payment_method


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


async def set_methods(tx: Transaction, customer: Customer, *methods: PaymentMethod) -> None:
    before = await tx.payment_methods.all(customer.id)
    await tx.payment_methods.replace(customer.id, before, methods)


async def add(storage: MemoryStorage, customer: Customer, *methods: PaymentMethod) -> None:
    async with storage.transaction("tenant") as tx:
        assert await tx.customers.add(customer)
        await set_methods(tx, customer, *methods)


async def delete(storage: MemoryStorage, customer: Customer) -> None:
    async with storage.transaction("tenant") as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.payment_methods.release(customer.id)
        await tx.customers.save(customer.deleted(NOW))


async def restore(
    storage: MemoryStorage, customer: Customer, *methods: PaymentMethod
) -> list[object]:
    """Restores a customer with these methods; returns the ids of those that lost their tokens."""
    async with storage.transaction("tenant") as tx:
        deleted = await tx.customers.get_any_for_update(customer.id)
        await tx.customers.save(deleted.restored(NOW))
        taken = await tx.payment_methods.reclaim(customer.id)
        await set_methods(tx, customer, *methods)
    return list(taken)


async def test_a_deleted_customer_can_be_saved_while_another_has_the_email(
    storage: MemoryStorage,
) -> None:
    deleted_one, owner = (a_customer(email="ada@example.test") for _ in range(2))
    await add(storage, deleted_one)
    await delete(storage, deleted_one)
    await add(storage, owner)
    async with storage.transaction("tenant") as tx:
        deleted = await tx.customers.get_any_for_update(deleted_one.id)
        await tx.customers.save(touched := deleted.with_next_version(NOW))
    async with storage.transaction("tenant") as tx:
        assert await tx.customers.get_any_for_update(deleted_one.id) == touched
        assert await tx.customers.by_email("ada@example.test") == owner


async def test_a_method_that_lost_its_token_can_be_changed_without_regaining_it(
    storage: MemoryStorage,
) -> None:
    returning, owner, third = (a_customer() for _ in range(3))
    lost = a_payment_method(returning)
    token = lost.gateway_payment_method_id
    await add(storage, returning, lost)
    await delete(storage, returning)
    await add(storage, owner, a_payment_method(owner, gateway_payment_method_id=token))
    assert await restore(storage, returning, evolve(lost, is_active=False)) == [lost.id]
    with pytest.raises(PaymentMethodTaken):
        await add(storage, third, a_payment_method(third, gateway_payment_method_id=token))


async def test_a_customer_deleted_again_does_not_release_another_ones_token(
    storage: MemoryStorage,
) -> None:
    returning, owner, third = (a_customer() for _ in range(3))
    lost = a_payment_method(returning)
    token = lost.gateway_payment_method_id
    await add(storage, returning, lost)
    await delete(storage, returning)
    await add(storage, owner, a_payment_method(owner, gateway_payment_method_id=token))
    await restore(storage, returning)
    await delete(storage, returning)
    with pytest.raises(PaymentMethodTaken):
        await add(storage, third, a_payment_method(third, gateway_payment_method_id=token))
