"""A request ends at its deadline, whatever it waits for; after some failures it fails at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from customers.adapters.postgres.engine.breaker import MAX_FAILURES
from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.bulkheads.deadline import deadline_after
from customers.core.errors.availability import FaultKind, Unavailable
from customers.core.ports.storage import Storage
from tests.support.builders import USD, later
from tests.support.database_proxy import DatabaseProxy, proxy_of
from tests.support.databases import PATIENT
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.storage_steps import a_stored_customer, get_customer, opened, save

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_of(url) as proxy:
        yield proxy


async def fault_kind(work: Any) -> FaultKind | None:
    """The kind of the fault for which the work is unavailable; None without a fault."""
    with pytest.raises(Unavailable) as raised:
        await work
    return None if raised.value.fault is None else raised.value.fault.kind


async def read(storage: Storage, tenant: str) -> None:
    async with storage.view(tenant) as view:
        await view.customers.by_email("nobody@example.test")


async def test_a_statement_that_waits_for_a_lock_ends_at_the_deadline(
    storage: PostgresStorage, tenant: str
) -> None:
    customer = await a_stored_customer(storage, tenant)
    async with storage.transaction(tenant) as tx:
        await tx.customers.get_for_update(customer.id)
        with deadline_after(0.5):
            changed = customer.with_next_version(later())
            kind = await fault_kind(asyncio.create_task(save(storage, changed)))
        assert kind == "statement_timeout"
    assert await get_customer(storage, customer) == customer


async def test_the_wait_for_a_connection_ends_at_the_deadline(url: str, tenant: str) -> None:
    options = PoolOptions(max_size=1, acquire_timeout=PATIENCE_SECONDS)
    async with opened(PostgresStorage(url, currency=USD, pool=options)) as storage:
        await storage.check()
        async with storage.view(tenant):
            with deadline_after(0.1):
                assert await fault_kind(read(storage, tenant)) == "pool_exhausted"


async def test_a_server_that_does_not_answer_is_unavailable_at_the_deadline(
    proxy: DatabaseProxy, tenant: str
) -> None:
    async with opened(PostgresStorage(proxy.url, currency=USD, pool=PATIENT)) as storage:
        await read(storage, tenant)
        proxy.silence()
        with deadline_after(0.2):
            assert await fault_kind(read(storage, tenant)) == "no_answer"
        proxy.abort_connections()


async def test_after_repeated_failures_requests_fail_at_once_until_the_server_is_reached(
    proxy: DatabaseProxy, tenant: str
) -> None:
    async with opened(PostgresStorage(proxy.url, currency=USD, pool=PATIENT)) as storage:
        await read(storage, tenant)
        proxy.silence()
        with deadline_after(0.2):
            reads = [read(storage, tenant) for _ in range(MAX_FAILURES)]
            await asyncio.gather(*reads, return_exceptions=True)
        assert await fault_kind(read(storage, tenant)) == "no_answer"  # without a deadline
        proxy.forward()
        await until(lambda: not storage.pool.is_refusing)
        await read(storage, tenant)
