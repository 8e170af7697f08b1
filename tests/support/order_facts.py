"""Facts about orders as a careless but truthful caller tells them, and what they must add up to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal
from uuid import UUID

from attrs import frozen

from customers.core.model.money import ZERO, Currency
from customers.core.model.order import Entry, Statistics, fold_ledger

START = datetime(2025, 1, 1, tzinfo=UTC)


@frozen(kw_only=True)
class Fact:
    """One fact. `number` is the refund's, of a refund."""

    kind: Literal["order", "refund", "cancellation"]
    customer_id: UUID
    order_id: str
    amount: Decimal = ZERO
    date: datetime = START
    number: int = 0


@frozen(kw_only=True)
class Story:
    """Facts that agree with each other, and what each customer's ledger is in the end."""

    facts: tuple[Fact, ...]
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, customers: list[UUID], orders: int, chance: Random) -> "Story":
        """So many orders, a third of them refunded in parts, a tenth cancelled."""
        facts: list[Fact] = []
        entries: list[Entry] = []
        for number in range(orders):
            told = list(_order(chance.choice(customers), f"order-{number}", chance))
            facts += told
            entries.append(_entry(told))
        return cls(facts=tuple(facts), entries=tuple(entries))

    def tellings(self, count: int, chance: Random) -> list[Fact]:
        """Every fact at least once, repeats up to so many in all, in any order."""
        repeats = chance.choices(self.facts, k=count - len(self.facts))
        told = [*self.facts, *repeats]
        chance.shuffle(told)
        return told

    def statistics(self, customer_id: UUID, currency: Currency) -> Statistics:
        return fold_ledger(
            (each for each in self.entries if each.customer_id == customer_id), currency
        )


def _order(customer_id: UUID, order_id: str, chance: Random) -> Iterator[Fact]:
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


def _entry(told: list[Fact]) -> Entry:
    order, *rest = told
    return Entry(
        order_id=order.order_id,
        customer_id=order.customer_id,
        total_amount=order.amount,
        order_date=order.date,
        refunds_total=sum((each.amount for each in rest if each.kind == "refund"), ZERO),
        cancelled_at=START if any(each.kind == "cancellation" for each in rest) else None,
    )
