"""A storage serves only databases of its program and currency, with a schema new enough."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.engine.revisions import head, needed
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.money import Currency
from customers.core.ports.storage import SchemaRevision, StorageStatus
from tests.support.databases import rows
from tests.support.storage_steps import opened

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def storage_in(code: str, url: str) -> AsyncIterator[PostgresStorage]:
    storage = PostgresStorage(url, currency=Currency.of(code))
    async with opened(storage):
        yield storage


async def test_a_database_is_unavailable_until_it_is_migrated(empty: str) -> None:
    async with storage_in("USD", empty) as storage:
        status = await storage.check()
        assert status.schema == SchemaRevision(current=None, needed=needed())
        assert "the database is empty, it was never migrated: run `customers migrate`" in str(
            status.fault
        )
        await migrate(empty)
        assert await storage.check() == StorageStatus(
            schema=SchemaRevision(current=head(), needed=needed())
        )


async def test_a_database_at_an_older_revision_is_unavailable(empty: str) -> None:
    await migrate(empty)
    await migrate(empty, to="0001", allow_data_loss=True)
    async with storage_in("USD", empty) as storage:
        status = await storage.check()
    assert status.schema == SchemaRevision(current="0001", needed=needed())
    assert status.fault is not None
    assert f"is at revision 0001, this program needs {needed()}: run `customers migrate`" in str(
        status.fault
    )


async def test_a_database_migrated_by_a_newer_release_is_served(empty: str) -> None:
    await migrate(empty)
    await rows(empty, "UPDATE alembic_version SET version_num = '9999'")
    async with storage_in("USD", empty) as storage:
        assert (await storage.check()).fault is None


async def test_a_database_of_another_program_is_not_served(empty: str) -> None:
    await migrate(empty)
    await rows(empty, "UPDATE alembic_version SET version_num = 'c0ffee'")
    async with storage_in("USD", empty) as storage:
        fault = (await storage.check()).fault
    assert fault is not None
    assert (fault.kind, fault.is_permanent) == ("foreign_schema", True)


async def test_a_database_refuses_another_currency_than_its_first(empty: str) -> None:
    await migrate(empty)
    async with storage_in("EUR", empty) as euros, storage_in("USD", empty) as dollars:
        assert (await euros.check()).fault is None
        assert (await euros.check()).fault is None
        fault = (await dollars.check()).fault
        assert fault is not None
        assert (fault.kind, fault.is_permanent) == ("wrong_currency", True)
        assert "in EUR and CURRENCY is USD: set CURRENCY to EUR" in str(fault)
        assert (await euros.check()).fault is None
