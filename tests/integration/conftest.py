"""Storages on real servers: one server of each kind for the whole run, one pool for each worker.

A test with the `storage` fixture runs once on every kind: statements and plans may differ between
them. A test marked `newest_server` runs on 18 only, unless `--every-server` is given: it is about
layers above the storage. The schema is migrated once; every test has tenants of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from tests.support import postgres_servers
from tests.support.builders import USD
from tests.support.databases import PATIENT, a_migrated_database, an_empty_database
from tests.support.storage_steps import StorageIn, opened

# A storage must be opened in the loop of its tests.
session_loop = pytest_asyncio.fixture(scope="session", loop_scope="session")

NEWEST = "embedded 18"
KINDS = [NEWEST, pytest.param("local 15", marks=postgres_servers.NEEDS_15)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests marked `newest_server` on every other server."""
    if config.getoption("--every-server"):
        return
    selected = [item for item in items if not _is_on_older_server(item)]
    config.hook.pytest_deselected(items=[item for item in items if _is_on_older_server(item)])
    items[:] = selected


def _is_on_older_server(item: pytest.Item) -> bool:
    if item.get_closest_marker("newest_server") is None or not isinstance(item, pytest.Function):
        return False
    kind = item.callspec.params.get("url") if hasattr(item, "callspec") else None
    return kind not in (None, NEWEST)


@session_loop
async def migrated() -> Callable[[str], Awaitable[str]]:
    """A function that returns the URL of the run's server of a kind, with the newest schema."""
    urls: dict[str, str] = {}

    async def url_of(kind: str) -> str:
        if kind not in urls:
            urls[kind] = await asyncio.to_thread(_start, kind)
            await migrate(urls[kind])
        return urls[kind]

    return url_of


@session_loop
async def storages() -> AsyncIterator[dict[str, PostgresStorage]]:
    """The open storages, by URL."""
    opened: dict[str, PostgresStorage] = {}
    yield opened
    for storage in opened.values():
        await storage.close()


@pytest_asyncio.fixture(loop_scope="session", params=KINDS)
async def url(request: pytest.FixtureRequest, migrated: Callable[[str], Awaitable[str]]) -> str:
    """The URL of a migrated database of each kind."""
    return await migrated(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def storage(url: str, storages: dict[str, PostgresStorage]) -> PostgresStorage:
    if url not in storages:
        storages[url] = PostgresStorage(url, currency=USD, pool=PATIENT)
        await storages[url].open()
    return storages[url]


@pytest_asyncio.fixture(loop_scope="session")
async def empty(url: str) -> AsyncIterator[str]:
    """The URL of an empty database, for tests about all its tenants."""
    async with an_empty_database(url) as empty:
        yield empty


@pytest.fixture
def storage_in(url: str) -> StorageIn:
    """A function that opens a storage in a currency while a block runs; a database has only one."""

    @asynccontextmanager
    async def open_storage(currency: Currency) -> AsyncIterator[Storage]:
        async with AsyncExitStack() as resources:
            database = url
            if currency != USD:
                database = await resources.enter_async_context(a_migrated_database(url))
            storage = PostgresStorage(database, currency=currency, pool=PATIENT)
            yield await resources.enter_async_context(opened(storage))

    return open_storage


def _start(kind: str) -> str:
    if kind == NEWEST:
        return postgres_servers.start_test_server()
    programs = postgres_servers.local_programs()
    assert programs is not None
    return postgres_servers.start_local(programs)
