"""The secret of a deployment: made once, if the schema can store it, and never on a replica."""

import asyncio
from collections.abc import Iterator
from io import StringIO

import pytest

from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.engine.revisions import needed
from customers.adapters.postgres.storage import PostgresStorage
from customers.entrypoints.observability.logs import configure
from tests.contract.api.forged_cursors import second_page
from tests.contract.api.lists import a_crowd
from tests.support.api_client import serving
from tests.support.builders import USD, a_tenant
from tests.support.databases import rows
from tests.support.log_stream import log_stream
from tests.support.storage_steps import opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROCESSES = 8
# The revision that adds the table of the secret.
SECRETS = "0012"
WARNING = "the database cannot keep a key for cursors: each process opens only its own cursors"


@pytest.fixture
def stream() -> Iterator[StringIO]:
    with log_stream() as stream:
        yield stream


def a_storage(url: str) -> PostgresStorage:
    return PostgresStorage(url, currency=USD)


async def secret_of(url: str) -> bytes | None:
    """The secret that a new process gets; None if it can neither read nor make one."""
    async with opened(a_storage(url)) as storage:
        return await storage.deployment_secret()


async def test_processes_that_start_at_once_agree_on_one_secret(empty: str) -> None:
    await migrate(empty)
    secrets = await asyncio.gather(*(secret_of(empty) for _ in range(PROCESSES)))
    assert len(set(secrets)) == 1
    [row] = await rows(empty, "SELECT name, secret FROM deployment_secrets")
    assert (row["name"], row["secret"]) == ("cursors", secrets[0])


async def test_a_replica_reads_the_secret_and_makes_none(empty: str) -> None:
    await migrate(empty)
    replica = f"{empty}?default_transaction_read_only=on"
    assert await secret_of(replica) is None
    secret = await secret_of(empty)
    assert secret is not None
    assert await secret_of(replica) == secret


async def test_the_oldest_schema_that_is_served_has_cursors_too(
    empty: str, stream: StringIO
) -> None:
    """The process warns once; after the migration its older cursors and shared ones are opened."""
    if needed() >= SECRETS:
        pytest.skip(f"every schema that is served has the secret of revision {SECRETS}")
    configure("info", as_json=True, stream=stream)
    await migrate(empty, to=needed())
    async with opened(a_storage(empty)) as storage, serving(storage, tenant=a_tenant()) as api:
        await a_crowd(api, 2)
        first = await second_page(api, "/customers")
        await migrate(empty)
        await storage.check()
        shared = await second_page(api, "/customers")
        answers = [await api.get(f"/customers?cursor={cursor}") for cursor in (first, shared)]
    assert first != shared
    assert [answer.status for answer in answers] == [200, 200]
    assert stream.getvalue().count(WARNING) == 1


async def test_processes_open_each_others_cursors(empty: str) -> None:
    await migrate(empty)
    tenant = a_tenant()
    async with (
        opened(a_storage(empty)) as one,
        opened(a_storage(empty)) as another,
        serving(one, tenant=tenant) as api,
        serving(another, tenant=tenant) as other,
    ):
        await a_crowd(api, 2)
        cursor = await second_page(api, "/customers")
        assert (await other.get(f"/customers?cursor={cursor}")).status == 200
