"""The contract of the REST interface, on the memory storage."""

from collections.abc import AsyncIterator

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.ports.storage import Storage
from customers.entrypoints.config.setting_types import Secret
from tests.contract import families
from tests.contract.api.attacks import SECRET
from tests.support.access import behind_gateway
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
async def guarded(storage: Storage, tenant: str) -> AsyncIterator[Api]:
    """A service behind a gateway that knows a secret."""
    settings = behind_gateway(gateway_secret=Secret(SECRET))
    async with serving(storage, tenant=tenant, **settings) as api:
        yield api


@pytest.fixture
async def away(tenant: str) -> AsyncIterator[Api]:
    storage = MemoryStorage(currency=USD)
    await storage.close()
    async with serving(storage, tenant=tenant) as api:
        yield api
