"""Concurrent tasks on the memory storage: no update is lost or counted twice."""

import asyncio
import contextlib
import random
from collections import Counter
from decimal import Decimal

import pytest
from attrs import evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import EmailTaken
from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.ledger import Entry
from customers.core.ports.storage import Transaction
from tests.support.builders import NOW, USD, a_customer, a_refund, an_entry, later

TENANT = "tenant"
CENT = Decimal("0.01")


class RolledBack(Exception):
    """Ends a transaction that has written, so that it is rolled back."""


class Crowd:
    """Tasks with random actions on random customers, from a generator with a fixed seed."""

    def __init__(self, seed: int) -> None:
        self.storage = MemoryStorage(currency=USD)
        self.random = random.Random(seed)
        self.customers = [a_customer() for _ in range(5)]
        self.entries = [
            an_entry(customer, order_date=later(hours=hour), total_amount=(hour + 1) * CENT)
            for hour in range(20)
            for customer in self.customers
        ]
        self.cancelled: set[str] = set()

    async def run(self, tasks: int) -> None:
        for customer in self.customers:
            assert await self.storage.autocommit(TENANT).add_customer(customer)
        actions = (self.record, self.cancel, self.rename, self.block, self.roll_back)
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self.random.choice(actions)())

    async def record(self) -> None:
        await self.storage.autocommit(TENANT).record_order(self.random.choice(self.entries), NOW)

    async def cancel(self) -> None:
        entry = self.random.choice(self.entries)
        async with self.storage.transaction(TENANT) as tx:
            await self.cancel_in(tx, entry)
        self.cancelled.add(entry.order_id)

    async def cancel_in(self, tx: Transaction, entry: Entry) -> None:
        customer = await tx.customers.get_for_update(entry.customer_id)
        stored = await tx.orders.claim(entry.order_id, customer.id)
        await asyncio.sleep(0)
        await tx.orders.save(stored.cancel(NOW))
        statistics = await tx.orders.statistics(customer.id)
        await tx.customers.save(customer.with_statistics(statistics, now=NOW))

    async def rename(self) -> None:
        one, other = self.random.sample(self.customers, 2)
        try:
            async with self.storage.transaction(TENANT) as tx:
                customer = await tx.customers.get_for_update(one.id)
                await asyncio.sleep(0)
                await tx.customers.save(evolve(customer, email=other.email).with_next_version(NOW))
        except EmailTaken:
            assert (await self.read(one)).email == one.email

    async def block(self) -> None:
        async with self.storage.transaction(TENANT) as tx:
            customer = await tx.customers.get_for_update(self.random.choice(self.customers).id)
            status = self.random.choice(list(CustomerStatus))
            await asyncio.sleep(0)
            await tx.customers.save(evolve(customer, status=status).with_next_version(NOW))

    async def roll_back(self) -> None:
        with contextlib.suppress(RolledBack):
            async with self.storage.transaction(TENANT) as tx:
                entry = self.random.choice(self.entries)
                await self.cancel_in(tx, entry)
                await tx.orders.add_refund(a_refund(entry))
                raise RolledBack

    async def read(self, customer: Customer) -> Customer:
        async with self.storage.view(TENANT) as view:
            return await view.customers.get(customer.id)


@pytest.mark.parametrize("seed", range(4))
async def test_statistics_match_the_ledger_after_concurrent_tasks(seed: int) -> None:
    crowd = Crowd(seed)
    await crowd.run(tasks=400)
    for customer in crowd.customers:
        async with crowd.storage.transaction(TENANT) as tx:
            stored = await tx.customers.get_for_update(customer.id)
            assert stored.statistics == await tx.orders.statistics(customer.id)
            entries = await tx.orders.newest(customer.id, None, 100)
        assert {entry.order_id for entry in entries if entry.cancelled_at} <= crowd.cancelled


@pytest.mark.parametrize("seed", range(4))
async def test_counters_are_exact_after_concurrent_status_changes(seed: int) -> None:
    crowd = Crowd(seed)
    await crowd.run(tasks=200)
    statuses = Counter([(await crowd.read(customer)).status for customer in crowd.customers])
    async with crowd.storage.view(TENANT) as view:
        for status in CustomerStatus:
            customer_filter = CustomerFilter(statuses=frozenset({status}))
            assert await view.customers.count(customer_filter) == statuses[status]


async def test_an_order_recorded_concurrently_counts_once() -> None:
    storage, customer = MemoryStorage(currency=USD), a_customer()
    entry = an_entry(customer)
    await storage.autocommit(TENANT).add_customer(customer)
    results = await asyncio.gather(
        *(storage.autocommit(TENANT).record_order(entry, NOW) for _ in range(100))
    )
    customers = [result for result in results if result is not None]
    assert [customer.statistics.total_orders for customer in customers] == [1]
