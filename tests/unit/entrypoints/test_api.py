"""The contract of the REST interface, on the memory storage."""

from collections.abc import AsyncIterator

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.ports.storage import Storage
from tests.contract import families
from tests.support.api_client import Api, serving
from tests.support.builders import USD

globals().update(families.test_classes(families.API, __name__))


@pytest.fixture
def storage() -> Storage:
    return MemoryStorage(currency=USD)


@pytest.fixture
async def api(storage: Storage, tenant: str) -> AsyncIterator[Api]:
    async with serving(storage, tenant=tenant) as api:
        yield api


@pytest.fixture
async def away(tenant: str) -> AsyncIterator[Api]:
    storage = MemoryStorage(currency=USD)
    await storage.close()
    async with serving(storage, tenant=tenant) as api:
        yield api
