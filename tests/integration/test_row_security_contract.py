"""The PostgreSQL storage keeps every promise of the ports as a role that sees one tenant's rows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from zlib import crc32

import pytest
import pytest_asyncio
from attrs import evolve

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from tests.contract import families
from tests.support.builders import USD
from tests.support.databases import PATIENT, a_migrated_database
from tests.support.service_roles import service_url
from tests.support.storage_steps import StorageIn, opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Behind a pooler no statement is prepared by name, and each transaction may have another session.
SECURED = evolve(PATIENT, row_security=True)
POOLED = evolve(SECURED, behind_pooler=True)


@pytest_asyncio.fixture(loop_scope="session")
async def url(migrated: Callable[[str], Awaitable[str]]) -> str:
    """The URL of a migrated database on 18 only: policies are the same on every version."""
    return await migrated("embedded 18")


@pytest.fixture
def pool(request: pytest.FixtureRequest) -> PoolOptions:
    """Half of the tests, chosen by name, run as behind a pooler: both ways would take too long."""
    return (SECURED, POOLED)[crc32(request.node.originalname.encode()) % 2]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened_storages() -> AsyncIterator[dict[tuple[str, bool], PostgresStorage]]:
    """The open storages, by the URL of the owner and whether they are pooled."""
    storages: dict[tuple[str, bool], PostgresStorage] = {}
    yield storages
    for storage in storages.values():
        await storage.close()


@pytest_asyncio.fixture(loop_scope="session")
async def storage(
    url: str, pool: PoolOptions, opened_storages: dict[tuple[str, bool], PostgresStorage]
) -> PostgresStorage:
    key = url, pool.behind_pooler
    if key not in opened_storages:
        opened_storages[key] = PostgresStorage(await service_url(url), currency=USD, pool=pool)
        await opened_storages[key].open()
    return opened_storages[key]


@pytest.fixture
def storage_in(url: str, pool: PoolOptions) -> StorageIn:
    @asynccontextmanager
    async def open_storage(currency: Currency) -> AsyncIterator[Storage]:
        async with AsyncExitStack() as resources:
            database = url
            if currency != USD:
                database = await resources.enter_async_context(a_migrated_database(url))
            role_url = await service_url(database)
            storage = PostgresStorage(role_url, currency=currency, pool=pool)
            yield await resources.enter_async_context(opened(storage))

    return open_storage


globals().update(families.test_classes(families.STORAGE, __name__))
