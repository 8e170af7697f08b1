"""The contract of the ledger under 32 concurrent callers, who record orders singly or in groups."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from random import Random
from uuid import UUID

import pytest
from attrs import evolve, frozen

from customers.core.errors import CustomerNotFound
from customers.core.errors.ledger import OrderConflict
from customers.core.model.money import Money
from customers.core.model.order import Order, OrderDate, Refund, RefundAmount
from customers.core.ports.storage import Storage
from customers.core.services.orders import LedgerResult, Orders
from tests.support.builders import USD, FixedClock, an_id
from tests.support.order_facts import START, Fact, LedgerScenario
from tests.support.storage_steps import delete, get_customer, some_customers

CALLERS, CUSTOMERS = 32, 12


@frozen
class Caller:
    """Reports facts through the use cases: orders one by one or in a group, and those that a group
    leaves out one by one.
    """

    orders: Orders
    tenant: str
    chance: Random

    async def report(self, facts: Sequence[Fact]) -> int:
        """Reports the facts; returns how many orders were new."""
        orders = [fact for fact in facts if fact.kind == "order"]
        for fact in facts:
            if fact.kind == "refund":
                refund = Refund(refund_id=f"refund-{fact.number}", amount=RefundAmount(fact.amount))
                await self.orders.refund(self.tenant, fact.customer_id, fact.order_id, refund)
            elif fact.kind == "cancellation":
                await self.orders.cancel(self.tenant, fact.customer_id, fact.order_id)
        if self.chance.random() < 0.5:
            return sum([await self._record(fact) for fact in orders])
        group = [(fact.customer_id, order_of(fact)) for fact in orders]
        results = await self.orders.record_many(self.tenant, group)
        rest = [fact for fact, one in zip(orders, results, strict=True) if one is None]
        return len(orders) - len(rest) + sum([await self._record(fact) for fact in rest])

    async def _record(self, fact: Fact) -> bool:
        """Records an order; returns whether it was new. Asserts that only contradictions fail."""
        try:
            order = order_of(fact)
            result: LedgerResult = await self.orders.record(self.tenant, fact.customer_id, order)
        except (CustomerNotFound, OrderConflict):
            assert fact.number < 0
            return False
        assert fact.number >= 0
        return not result.duplicate


def order_of(fact: Fact) -> Order:
    return Order(
        order_id=fact.order_id, total_amount=Money(fact.amount), order_date=OrderDate(fact.date)
    )


def contradictions(facts: Sequence[Fact], unknown: Sequence[UUID], chance: Random) -> list[Fact]:
    """Orders of customers who are unknown or deleted, marked by a negative number."""
    orders = [fact for fact in facts if fact.kind == "order"]
    return [
        evolve(fact, number=-1, customer_id=chance.choice(unknown), order_id=f"no-{fact.order_id}")
        for fact in chance.sample(orders, len(orders) // 10)
    ]


def portions(facts: list[Fact], chance: Random) -> list[list[Fact]]:
    """The facts in order, in portions of 1 to 60."""
    remaining = iter(facts)
    return [*iter(lambda: list(islice(remaining, chance.randrange(1, 61))), [])]


class ManyCallersContract:
    async def test_statistics_are_the_fold_of_all_facts_whoever_recorded_them(
        self, storage: Storage, tenant: str, pytestconfig: pytest.Config
    ) -> None:
        count, chance = pytestconfig.getoption("--facts"), Random(20_261_201)
        *customers, deleted = await some_customers(storage, tenant, CUSTOMERS + 1)
        await delete(storage, deleted)
        scenario = LedgerScenario.create([one.id for one in customers], count * 2 // 5, chance)
        reports = scenario.reports(count * 9 // 10, chance)
        reports += contradictions(reports, [deleted.id, an_id()], chance)
        chance.shuffle(reports)
        waiting, orders = iter(portions(reports, chance)), Orders(storage, FixedClock(START))

        async def call(seed: int) -> int:
            caller = Caller(orders, tenant, Random(seed))
            return sum([await caller.report(portion) for portion in waiting])

        new = sum(await asyncio.gather(*map(call, range(CALLERS))))
        for customer in customers:
            current = await get_customer(storage, customer)
            assert current.statistics == scenario.statistics(customer.id, USD)
        assert new == len(scenario.entries)
