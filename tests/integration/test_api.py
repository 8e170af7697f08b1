"""The contract of the REST interface, on PostgreSQL of every kind."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports.storage import Storage
from customers.entrypoints.config.setting_types import Secret
from tests.contract import families
from tests.contract.api.attacks import SECRET
from tests.support.access import behind_gateway
from tests.support.api_client import Api, serving
from tests.support.builders import USD
from tests.support.running_services import RunningServices, running_services

# Nobody listens at port 1.
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nothing"

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]

globals().update(families.test_classes(families.API, __name__))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def services(storages: object) -> AsyncIterator[RunningServices]:
    """The running services, which end before the storages do."""
    async with running_services() as services:
        yield services


@pytest_asyncio.fixture(loop_scope="session")
async def api(services: RunningServices, storage: Storage, tenant: str) -> Api:
    return await services.api(storage, tenant=tenant)


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(services: RunningServices, storage: Storage, tenant: str) -> Api:
    """A service behind a gateway that knows a secret."""
    settings = behind_gateway(gateway_secret=Secret(SECRET))
    return await services.api(storage, tenant=tenant, **settings)


@pytest_asyncio.fixture(loop_scope="session")
async def away(tenant: str) -> AsyncIterator[Api]:
    storage = PostgresStorage(UNREACHABLE, currency=USD)
    await storage.open()
    async with serving(storage, tenant=tenant) as api:
        yield api
    await storage.close()
