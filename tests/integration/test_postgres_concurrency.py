"""Many connections at once: orders, statistics and counters agree whoever waits for whom."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from random import Random

import pytest
import pytest_asyncio
from attrs import evolve

from customers.adapters.postgres.engine.pool import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.query import CustomerFilter
from customers.core.ports.storage import Storage
from tests.support.builders import NOW, USD, a_customer, an_entry, later
from tests.support.databases import rows
from tests.support.storage_steps import a_stored_customer, add_customers, count

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLERS = 32


@pytest_asyncio.fixture(loop_scope="session")
async def storage(url: str) -> AsyncIterator[PostgresStorage]:
    storage = PostgresStorage(url, currency=USD, pool=PoolOptions(max_size=CALLERS + 1))
    await storage.open()
    yield storage
    await storage.close()


async def tell_orders(storage: Storage, rivals: list[Customer], chance: Random) -> Counter[str]:
    """Tells one customer's orders as another's, too; how often each order was counted."""
    counted: Counter[str] = Counter()
    for _ in range(30):
        entry = an_entry(
            chance.choice(rivals),
            order_id=f"order-{chance.randrange(300)}",
            total_amount=Decimal(chance.randrange(1, 10_000)) / 100,
            order_date=later(minutes=chance.randrange(10_000)),
        )
        done = await storage.autocommit(rivals[0].tenant_id).record_order(entry, NOW)
        counted[entry.order_id] += done is not None
    return counted


async def come_and_go(storage: Storage, customer: Customer) -> None:
    """Deletes and restores a customer until it is cancelled."""
    while True:
        async with storage.transaction(customer.tenant_id) as tx:
            now = await tx.customers.get_any_for_update(customer.id)
            await tx.customers.save(now.deleted(NOW) if now.is_living else now.restored(NOW))
        await asyncio.sleep(0.002)


async def test_orders_are_kept_if_and_only_if_they_are_counted(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    rivals = [await a_stored_customer(storage, tenant) for _ in range(2)]
    leaving = asyncio.create_task(come_and_go(storage, rivals[0]))
    told = await asyncio.gather(
        *(tell_orders(storage, rivals, Random(seed)) for seed in range(CALLERS))
    )
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    kept = await rows(url, "SELECT order_id FROM customer_orders WHERE tenant_id = $1", tenant)
    assert +sum(told, Counter()) == Counter(row["order_id"] for row in kept)
    async with storage.transaction(tenant) as tx:
        for rival in rivals:
            now = await tx.customers.get_any_for_update(rival.id)
            assert now.statistics == await tx.orders.statistics(rival.id)


async def change(storage: Storage, customers: list[Customer], chance: Random) -> None:
    """Gives some of the customers another status, type or life, and adds one more."""
    for _ in range(12):
        chosen = chance.choice(customers)
        async with storage.transaction(chosen.tenant_id) as tx:
            now = await tx.customers.get_any_for_update(chosen.id)
            status, kind = chance.choice([*CustomerStatus]), chance.choice([*CustomerType])
            deleted_at = chance.choice([None, NOW])
            changed = evolve(now, status=status, customer_type=kind, deleted_at=deleted_at)
            await tx.customers.save(changed)
    await add_customers(storage, a_customer(tenant_id=chosen.tenant_id, status=status))


async def test_counters_are_exact_whoever_changes_whom(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    customers = [await a_stored_customer(storage, tenant) for _ in range(20)]
    await asyncio.gather(*(change(storage, customers, Random(seed)) for seed in range(CALLERS)))
    there = await rows(
        url,
        "SELECT status, customer_type FROM customers WHERE tenant_id = $1 AND deleted_at IS NULL",
        tenant,
    )
    kinds = Counter((row["status"], row["customer_type"]) for row in there)
    assert kinds.total() > CALLERS
    for status in CustomerStatus:
        for kind in CustomerType:
            which = CustomerFilter(statuses=frozenset({status}), types=frozenset({kind}))
            assert await count(storage, tenant, which) == kinds[status, kind]
