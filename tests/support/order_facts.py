"""Random facts about orders, with repeats and in any order, and the ledger they must fold to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal, Self
from uuid import UUID

from attrs import frozen

from customers.core.model.ledger import Entry, fold_ledger
from customers.core.model.money import ZERO, Currency
from customers.core.model.order import Statistics

START = datetime(2025, 1, 1, tzinfo=UTC)


@frozen(kw_only=True)
class Fact:
    """One fact. `number` is the number of a refund within its order."""

    kind: Literal["order", "refund", "cancellation"]
    customer_id: UUID
    order_id: str
    amount: Decimal = ZERO
    date: datetime = START
    number: int = 0


@frozen(kw_only=True)
class LedgerScenario:
    """Facts that do not contradict each other, and the ledger entries that they result in."""

    facts: tuple[Fact, ...]
    entries: tuple[Entry, ...]

    @classmethod
    def create(cls, customers: list[UUID], orders: int, chance: Random) -> Self:
        """Facts about `orders` orders, about a third of them partly refunded, a tenth cancelled."""
        facts: list[Fact] = []
        entries: list[Entry] = []
        for number in range(orders):
            order_facts = list(_order_facts(chance.choice(customers), f"order-{number}", chance))
            facts += order_facts
            entries.append(_entry(order_facts))
        return cls(facts=tuple(facts), entries=tuple(entries))

    def reports(self, count: int, chance: Random) -> list[Fact]:
        """`count` facts in random order: each fact at least once, and some of them again."""
        repeats = chance.choices(self.facts, k=count - len(self.facts))
        facts = [*self.facts, *repeats]
        chance.shuffle(facts)
        return facts

    def statistics(self, customer_id: UUID, currency: Currency) -> Statistics:
        entries = (entry for entry in self.entries if entry.customer_id == customer_id)
        return fold_ledger(entries, currency)


def _order_facts(customer_id: UUID, order_id: str, chance: Random) -> Iterator[Fact]:
    amount = Decimal(chance.randrange(1, 100_000)) / 100
    date = START + timedelta(minutes=chance.randrange(500_000))
    yield Fact(kind="order", customer_id=customer_id, order_id=order_id, amount=amount, date=date)
    if chance.random() < 1 / 3:
        for number in range(chance.randrange(1, 4)):
            part = (amount / 4).quantize(Decimal("0.01"))
            if part:
                yield Fact(
                    kind="refund",
                    customer_id=customer_id,
                    order_id=order_id,
                    amount=part,
                    number=number,
                )
    if chance.random() < 1 / 10:
        yield Fact(kind="cancellation", customer_id=customer_id, order_id=order_id)


def _entry(facts: list[Fact]) -> Entry:
    order, *others = facts
    return Entry(
        order_id=order.order_id,
        customer_id=order.customer_id,
        total_amount=order.amount,
        order_date=order.date,
        refunds_total=sum((fact.amount for fact in others if fact.kind == "refund"), ZERO),
        cancelled_at=START if any(fact.kind == "cancellation" for fact in others) else None,
    )
