"""The memory storage keeps every promise of the ports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from tests.contract import families
from tests.support.builders import USD
from tests.support.storage_steps import StorageIn

globals().update(families.test_classes(families.STORAGE, __name__))


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
def storage_in() -> StorageIn:
    @asynccontextmanager
    async def make(currency: Currency) -> AsyncIterator[Storage]:
        yield MemoryStorage(currency=currency)

    return make
