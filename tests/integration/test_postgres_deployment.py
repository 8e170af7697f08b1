"""A storage serves only databases of its schema and its currency."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from customers.adapters.postgres.engine.deployment import WrongCurrency
from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.errors import Unavailable
from customers.core.model.money import Currency
from tests.support.databases import rows

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def storage_in(code: str, url: str) -> AsyncIterator[PostgresStorage]:
    storage = PostgresStorage(url, currency=Currency.of(code))
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


async def test_a_database_is_unavailable_until_it_is_migrated(empty: str) -> None:
    async with storage_in("USD", empty) as storage:
        with pytest.raises(Unavailable):
            await storage.check()
        await migrate(empty)
        await storage.check()


async def test_a_database_at_an_older_revision_is_unavailable(empty: str) -> None:
    await migrate(empty)
    await rows(empty, "UPDATE alembic_version SET version_num = '0001'")
    async with storage_in("USD", empty) as storage:
        with pytest.raises(Unavailable, match="customers migrate"):
            await storage.check()


async def test_a_database_migrated_by_a_newer_release_is_served(empty: str) -> None:
    await migrate(empty)
    await rows(empty, "UPDATE alembic_version SET version_num = 'a newer one'")
    async with storage_in("USD", empty) as storage:
        await storage.check()


async def test_a_database_refuses_another_currency_than_its_first(empty: str) -> None:
    await migrate(empty)
    async with storage_in("EUR", empty) as euros, storage_in("USD", empty) as dollars:
        await euros.check()
        await euros.check()
        with pytest.raises(WrongCurrency, match="in EUR and CURRENCY is USD"):
            await dollars.check()
        await euros.check()
