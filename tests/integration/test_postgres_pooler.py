"""Behind a transaction-mode pooler no statement may leave state in a server session, because the
next statement may run in another one.
"""

import pytest

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from tests.support.builders import USD, an_entry
from tests.support.database_proxy import proxy_of
from tests.support.full_tenant import read_everything, store_full_tenant
from tests.support.storage_steps import count, searching

pytestmark = pytest.mark.asyncio(loop_scope="session")

# The names that asyncpg gives to prepared statements begin with this.
STATEMENT_NAME = b"__asyncpg_stmt_"


@pytest.mark.parametrize("behind_pooler", [True, False])
async def test_statements_are_prepared_by_name_only_where_there_is_no_pooler(
    url: str, tenant: str, behind_pooler: bool
) -> None:
    async with proxy_of(url) as proxy:
        pool = PoolOptions(max_size=2, behind_pooler=behind_pooler)
        storage = PostgresStorage(proxy.url, currency=USD, pool=pool)
        await storage.open()
        content = await store_full_tenant(storage, tenant)
        assert (await read_everything(storage, tenant))["get"] == content.ada
        await storage.autocommit(tenant).record_order(an_entry(content.bob), content.bob.created_at)
        assert await count(storage, tenant, searching("ada@")) == 1
        await storage.close()
    assert (STATEMENT_NAME in proxy.received) is not behind_pooler
    assert (b"statement_timeout" in proxy.received) is not behind_pooler
