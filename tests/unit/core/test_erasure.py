"""Erasures are repeated after a restore, once each."""

from uuid import UUID

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import CustomerNotFound
from customers.core.services.erasure import Erasures
from tests.support.builders import USD, FixedClock, a_customer, a_tenant, an_id

TENANT = a_tenant()


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
def erasures(storage: MemoryStorage) -> Erasures:
    return Erasures(storage, FixedClock())


async def stored(storage: MemoryStorage) -> UUID:
    """Stores a new customer; returns the id."""
    customer = a_customer(tenant_id=TENANT)
    await storage.autocommit(TENANT).add_customer(customer)
    return customer.id


async def test_a_customer_who_is_back_is_erased_again_once(
    storage: MemoryStorage, erasures: Erasures
) -> None:
    customer_id = await stored(storage)
    assert [await erasures.erase_again(TENANT, customer_id) for _ in range(2)] == [True, False]
    async with storage.view(TENANT) as view:
        with pytest.raises(CustomerNotFound):
            await view.customers.get(customer_id)


async def test_a_customer_who_was_erased_keeps_the_receipt(
    storage: MemoryStorage, erasures: Erasures
) -> None:
    customer_id = await stored(storage)
    receipt = await erasures.erase(TENANT, customer_id, versions=None)
    assert not await erasures.erase_again(TENANT, customer_id)
    assert await erasures.erase(TENANT, customer_id, versions=None) == receipt


async def test_an_unknown_customer_is_not_found(erasures: Erasures) -> None:
    with pytest.raises(CustomerNotFound):
        await erasures.erase_again(TENANT, an_id())
