"""Orders, statistics and counters agree when many connections write at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from random import Random

import pytest
import pytest_asyncio
from attrs import evolve

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.customer_filter import CustomerFilter
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


async def record_orders(storage: Storage, rivals: list[Customer], random: Random) -> Counter[str]:
    """Records the same orders for several customers; returns how often each order was counted."""
    counted: Counter[str] = Counter()
    for _ in range(30):
        entry = an_entry(
            random.choice(rivals),
            order_id=f"order-{random.randrange(300)}",
            total_amount=Decimal(random.randrange(1, 10_000)) / 100,
            order_date=later(minutes=random.randrange(10_000)),
        )
        customer = await storage.autocommit(rivals[0].tenant_id).record_order(entry, NOW)
        counted[entry.order_id] += customer is not None
    return counted


async def delete_and_restore(storage: Storage, customer: Customer) -> None:
    """Deletes and restores a customer until it is cancelled."""
    while True:
        async with storage.transaction(customer.tenant_id) as tx:
            current = await tx.customers.get_any_for_update(customer.id)
            changed = current.deleted(NOW) if current.is_living else current.restored(NOW)
            await tx.customers.save(changed)
        await asyncio.sleep(0.002)


async def test_an_order_is_stored_if_and_only_if_it_is_counted(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    rivals = [await a_stored_customer(storage, tenant) for _ in range(2)]
    deleting = asyncio.create_task(delete_and_restore(storage, rivals[0]))
    counts = await asyncio.gather(
        *(record_orders(storage, rivals, Random(seed)) for seed in range(CALLERS))
    )
    deleting.cancel()
    with suppress(asyncio.CancelledError):
        await deleting
    orders = await rows(url, "SELECT order_id FROM customer_orders WHERE tenant_id = $1", tenant)
    assert +sum(counts, Counter()) == Counter(row["order_id"] for row in orders)
    async with storage.transaction(tenant) as tx:
        for rival in rivals:
            current = await tx.customers.get_any_for_update(rival.id)
            assert current.statistics == await tx.orders.statistics(rival.id)


async def change(storage: Storage, customers: list[Customer], random: Random) -> None:
    """Changes status, type and deletion of random customers, and adds another one."""
    for _ in range(12):
        customer = random.choice(customers)
        async with storage.transaction(customer.tenant_id) as tx:
            current = await tx.customers.get_any_for_update(customer.id)
            status, kind = random.choice([*CustomerStatus]), random.choice([*CustomerType])
            deleted_at = random.choice([None, NOW])
            changed = evolve(current, status=status, customer_type=kind, deleted_at=deleted_at)
            await tx.customers.save(changed)
    await add_customers(storage, a_customer(tenant_id=customer.tenant_id, status=status))


async def test_counters_are_exact_after_concurrent_changes(
    storage: PostgresStorage, url: str, tenant: str
) -> None:
    customers = [await a_stored_customer(storage, tenant) for _ in range(20)]
    await asyncio.gather(*(change(storage, customers, Random(seed)) for seed in range(CALLERS)))
    living = await rows(
        url,
        "SELECT status, customer_type FROM customers WHERE tenant_id = $1 AND deleted_at IS NULL",
        tenant,
    )
    kinds = Counter((row["status"], row["customer_type"]) for row in living)
    assert kinds.total() > CALLERS
    for status in CustomerStatus:
        for kind in CustomerType:
            of_kind = CustomerFilter(statuses=frozenset({status}), types=frozenset({kind}))
            assert await count(storage, tenant, of_kind) == kinds[status, kind]
