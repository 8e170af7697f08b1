"""Many tasks at once on the memory storage: none is lost, none counts twice, all add up."""

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
from customers.core.model.order import Entry
from customers.core.model.query import CustomerFilter
from customers.core.ports.storage import Transaction
from tests.support.builders import NOW, USD, a_customer, a_refund, an_entry, later

TENANT = "tenant"
CENT = Decimal("0.01")


class Changed(Exception):
    """A use case thought better of it, after it had written."""


class Crowd:
    """Tasks that do something to somebody, chosen by a generator with a fixed seed."""

    def __init__(self, seed: int) -> None:
        self.storage = MemoryStorage(currency=USD)
        self.chance = random.Random(seed)
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
        acts = (self.count, self.cancel, self.rename, self.block, self.give_up)
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self.chance.choice(acts)())

    async def count(self) -> None:
        await self.storage.autocommit(TENANT).record_order(self.chance.choice(self.entries), NOW)

    async def cancel(self) -> None:
        entry = self.chance.choice(self.entries)
        async with self.storage.transaction(TENANT) as tx:
            await self.cancel_in(tx, entry)
        self.cancelled.add(entry.order_id)

    async def cancel_in(self, tx: Transaction, entry: Entry) -> None:
        customer = await tx.customers.get_for_update(entry.customer_id)
        stored = await tx.orders.claim(entry.order_id, customer.id)
        await asyncio.sleep(0)
        await tx.orders.save(stored.cancel(NOW))
        folded = await tx.orders.statistics(customer.id)
        await tx.customers.save(customer.with_statistics(folded, now=NOW))

    async def rename(self) -> None:
        one, other = self.chance.sample(self.customers, 2)
        try:
            async with self.storage.transaction(TENANT) as tx:
                customer = await tx.customers.get_for_update(one.id)
                await asyncio.sleep(0)
                await tx.customers.save(evolve(customer, email=other.email).with_next_version(NOW))
        except EmailTaken:
            assert (await self.read(one)).email == one.email

    async def block(self) -> None:
        async with self.storage.transaction(TENANT) as tx:
            customer = await tx.customers.get_for_update(self.chance.choice(self.customers).id)
            status = self.chance.choice(list(CustomerStatus))
            await asyncio.sleep(0)
            await tx.customers.save(evolve(customer, status=status).with_next_version(NOW))

    async def give_up(self) -> None:
        with contextlib.suppress(Changed):
            async with self.storage.transaction(TENANT) as tx:
                entry = self.chance.choice(self.entries)
                await self.cancel_in(tx, entry)
                await tx.orders.add_refund(a_refund(entry))
                raise Changed

    async def read(self, customer: Customer) -> Customer:
        async with self.storage.view(TENANT) as view:
            return await view.customers.get(customer.id)


@pytest.mark.parametrize("seed", range(4))
async def test_what_a_crowd_of_tasks_does_adds_up(seed: int) -> None:
    crowd = Crowd(seed)
    await crowd.run(tasks=400)
    for each in crowd.customers:
        async with crowd.storage.transaction(TENANT) as tx:
            customer = await tx.customers.get_for_update(each.id)
            assert customer.statistics == await tx.orders.statistics(each.id)
            kept = await tx.orders.newest(each.id, None, 100)
        assert {one.order_id for one in kept if one.cancelled_at} <= crowd.cancelled


@pytest.mark.parametrize("seed", range(4))
async def test_counts_stay_exact_while_a_crowd_changes_statuses(seed: int) -> None:
    crowd = Crowd(seed)
    await crowd.run(tasks=200)
    statuses = Counter([(await crowd.read(each)).status for each in crowd.customers])
    async with crowd.storage.view(TENANT) as view:
        for status in CustomerStatus:
            which = CustomerFilter(statuses=frozenset({status}))
            assert await view.customers.count(which) == statuses[status]


async def test_each_of_many_at_once_who_tell_one_order_counts_it_or_finds_it_known() -> None:
    storage, customer = MemoryStorage(currency=USD), a_customer()
    entry = an_entry(customer)
    await storage.autocommit(TENANT).add_customer(customer)
    told = await asyncio.gather(
        *(storage.autocommit(TENANT).record_order(entry, NOW) for _ in range(100))
    )
    counted = [each for each in told if each is not None]
    assert [each.statistics.total_orders for each in counted] == [1]
