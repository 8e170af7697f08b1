"""Customers who come back to memory, and what others have taken meanwhile."""

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


async def pay_with(tx: Transaction, customer: Customer, *methods: PaymentMethod) -> None:
    before = await tx.payment_methods.all(customer.id)
    await tx.payment_methods.replace(customer.id, before, methods)


async def arrive(storage: MemoryStorage, customer: Customer, *methods: PaymentMethod) -> None:
    async with storage.transaction("tenant") as tx:
        assert await tx.customers.add(customer)
        await pay_with(tx, customer, *methods)


async def leave(storage: MemoryStorage, customer: Customer) -> None:
    async with storage.transaction("tenant") as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.payment_methods.release(customer.id)
        await tx.customers.save(customer.deleted(NOW))


async def come_back(
    storage: MemoryStorage, customer: Customer, *methods: PaymentMethod
) -> list[object]:
    """Restores a customer with these methods; what the reclaim named."""
    async with storage.transaction("tenant") as tx:
        deleted = await tx.customers.get_any_for_update(customer.id)
        await tx.customers.save(deleted.restored(NOW))
        taken = await tx.payment_methods.reclaim(customer.id)
        await pay_with(tx, customer, *methods)
    return list(taken)


async def test_a_deleted_customer_is_saved_although_another_has_the_email_by_now(
    storage: MemoryStorage,
) -> None:
    gone, here = (a_customer(email="ada@example.test") for _ in range(2))
    await arrive(storage, gone)
    await leave(storage, gone)
    await arrive(storage, here)
    async with storage.transaction("tenant") as tx:
        deleted = await tx.customers.get_any_for_update(gone.id)
        await tx.customers.save(touched := deleted.with_next_version(NOW))
    async with storage.transaction("tenant") as tx:
        assert await tx.customers.get_any_for_update(gone.id) == touched
        assert await tx.customers.by_email("ada@example.test") == here


async def test_a_method_whose_token_was_lost_can_be_changed_and_stays_without_it(
    storage: MemoryStorage,
) -> None:
    gone, here, third = (a_customer() for _ in range(3))
    lost = a_payment_method(gone)
    token = lost.gateway_payment_method_id
    await arrive(storage, gone, lost)
    await leave(storage, gone)
    await arrive(storage, here, a_payment_method(here, gateway_payment_method_id=token))
    assert await come_back(storage, gone, evolve(lost, is_active=False)) == [lost.id]
    with pytest.raises(PaymentMethodTaken):
        await arrive(storage, third, a_payment_method(third, gateway_payment_method_id=token))


async def test_who_comes_back_and_goes_again_takes_no_token_along(storage: MemoryStorage) -> None:
    gone, here, third = (a_customer() for _ in range(3))
    lost = a_payment_method(gone)
    token = lost.gateway_payment_method_id
    await arrive(storage, gone, lost)
    await leave(storage, gone)
    await arrive(storage, here, a_payment_method(here, gateway_payment_method_id=token))
    await come_back(storage, gone)
    await leave(storage, gone)
    with pytest.raises(PaymentMethodTaken):
        await arrive(storage, third, a_payment_method(third, gateway_payment_method_id=token))
