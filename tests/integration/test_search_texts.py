"""Search texts of an older release are found as before, and written again while others work."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from attrs import evolve

from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.programs import rewrite_search_texts as program
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports.storage import Storage
from tests.contract.filters import find_customers
from tests.support.builders import USD, a_customer
from tests.support.databases import rows
from tests.support.forked_program import start_command
from tests.support.storage_steps import add_customers, save, searching

pytestmark = pytest.mark.asyncio(loop_scope="session")

# As an older release writes it: lines of the folded e-mail address, name and phone number.
AS_BEFORE = """
UPDATE customers SET search_text = email_folded || chr(10) || trim(first_name_folded || ' ' ||
last_name_folded) || chr(10) || phone_folded WHERE tenant_id = $1 AND ($2 = '' OR email = $2)
"""
LOCK_ONE = "SELECT FROM customers WHERE tenant_id = $1 AND email = $2 FOR UPDATE"
TEXTS = "SELECT search_text FROM customers WHERE tenant_id = $1 ORDER BY id"
# What each search finds before its text is written again, and after.
SEARCHES = {
    "ada": (True, True),
    "MÜLLER": (True, True),
    "muller": (False, True),
    "müller ada": (False, True),
    "muller ada": (False, True),
    "(0170) 12": (True, True),
    "+49 170 1234567": (False, True),
    "17": (True, True),
    "0112": (False, False),
    "jürgen@": (False, False),
    "ä@x.test": (True, True),
    "a@x.test": (False, True),
}


@pytest_asyncio.fixture(loop_scope="session")
async def storage(empty: str) -> AsyncIterator[Storage]:
    """A storage with a database of its own: search texts of all tenants are written again."""
    await migrate(empty)
    storage = PostgresStorage(empty, currency=USD)
    await storage.open()
    yield storage
    await storage.close()


@pytest_asyncio.fixture(loop_scope="session")
async def old(storage: Storage, empty: str, tenant: str) -> None:
    """Stores Ada Müller with a search text as an older release writes it."""
    ada = a_customer(
        tenant_id=tenant,
        email="ä@x.test",
        first_name="Ada",
        last_name="Müller",
        phone="(0170) 1234567",
    )
    await add_customers(storage, ada)
    await rows(empty, AS_BEFORE, tenant, "")


async def searches(storage: Storage, tenant: str) -> dict[str, bool]:
    return {text: bool(await find_customers(storage, tenant, searching(text))) for text in SEARCHES}


@pytest.mark.usefixtures("old")
async def test_old_texts_are_found_as_before_and_new_ones_as_documented(
    storage: Storage, tenant: str
) -> None:
    before, after = ({text: pair[turn] for text, pair in SEARCHES.items()} for turn in (0, 1))
    assert await searches(storage, tenant) == before
    assert await storage.rewrite_search_texts(100) == 1
    assert await searches(storage, tenant) == after


@pytest.mark.usefixtures("old")
async def test_a_text_that_is_written_again_is_that_of_the_model(
    storage: Storage, empty: str, tenant: str
) -> None:
    assert await storage.rewrite_search_texts(100) == 1
    [ada] = await find_customers(storage, tenant, searching("ada"))
    [row] = await rows(empty, TEXTS, tenant)
    assert row["search_text"] == ada.search_text
    assert ada.version == 1


@pytest.mark.usefixtures("old")
async def test_a_text_is_written_again_after_an_older_release_has_changed_it(
    storage: Storage, empty: str, tenant: str
) -> None:
    assert await storage.rewrite_search_texts(100) == 1
    [ada] = await find_customers(storage, tenant, searching("muller"))
    await save(storage, evolve(ada, last_name="Lovelace"))
    await rows(empty, AS_BEFORE, tenant, "")
    assert await storage.rewrite_search_texts(100) == 1
    assert not await find_customers(storage, tenant, searching("muller"))
    assert await find_customers(storage, tenant, searching("lovelace ada"))


async def test_customers_held_by_others_are_passed_over(
    storage: Storage, empty: str, tenant: str
) -> None:
    people = [a_customer(tenant_id=tenant, email=f"{name}@x.test") for name in ("held", "free")]
    await add_customers(storage, *people)
    await rows(empty, AS_BEFORE, tenant, "")
    holder = await asyncpg.connect(empty)
    try:
        async with holder.transaction():
            await holder.execute(LOCK_ONE, tenant, "held@x.test")
            assert await storage.rewrite_search_texts(100) == 1
            endings = [row["search_text"][-1] == "\x03" for row in await rows(empty, TEXTS, tenant)]
            assert sorted(endings) == [False, True]
    finally:
        await holder.close()
    assert await storage.rewrite_search_texts(100) == 1


async def test_several_at_once_write_every_text_once(
    storage: Storage, empty: str, tenant: str
) -> None:
    people = [a_customer(tenant_id=tenant, email=f"{number}@x.test") for number in range(450)]
    await add_customers(storage, *people)
    await rows(empty, AS_BEFORE, tenant, "")
    done = await asyncio.gather(*(program.rewrite_search_texts(empty) for _ in range(3)))
    assert sum(rewriting.number for rewriting in done) == 450
    assert all(row["search_text"][-1] == "\x03" for row in await rows(empty, TEXTS, tenant))


async def test_an_older_schema_is_left_alone(empty: str) -> None:
    await migrate(empty, to="0009")
    assert (await program.rewrite_search_texts(empty)).number == 0


async def test_the_migration_says_how_many_texts_it_has_written(
    storage: Storage, empty: str, tenant: str, tmp_path: Path
) -> None:
    await add_customers(storage, a_customer(tenant_id=tenant))
    await rows(empty, AS_BEFORE, tenant, "")
    with start_command(tmp_path, "migrate", environ={"DATABASE_URL": empty}) as migration:
        assert await asyncio.to_thread(migration.exit_code) == 0
    assert "customers were written again in" in migration.output
