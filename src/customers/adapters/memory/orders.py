"""The ledger in memory: entries by customer, the owner of each order, and refunds."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.sorting import newest
from customers.adapters.memory.state import EMPTY
from customers.core.errors import OrderNotFound
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, OrderStatus, RecordedOrder, fold_ledger
from customers.core.model.money import Currency
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.query import JournalKey, OrderPage, Page
from customers.core.ports.ledger import OrderReader, OrderRepository


@frozen
class MemoryOrderReader(OrderReader):
    _source: StateReader

    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Entry]:
        state = self._source.state
        state.customer(customer_id)
        entries = state.ledger.get(customer_id, EMPTY).values()
        return newest((entry for entry in entries if entry.is_recorded), _position, after, limit)

    async def page(self, customer_id: UUID, status: OrderStatus | None, page: Page) -> OrderPage:
        state = self._source.state
        state.customer(customer_id)
        entries = [
            entry
            for entry in state.ledger.get(customer_id, EMPTY).values()
            if entry.is_recorded and status in (None, entry.status)
        ]
        entries.sort(key=_position, reverse=True)
        in_page = entries[page.offset : page.offset + page.size]
        return OrderPage(entries=in_page, total=len(entries))

    async def get(self, customer_id: UUID, order_id: str) -> RecordedOrder:
        state = self._source.state
        state.customer(customer_id)
        entry = state.ledger.get(customer_id, EMPTY).get(order_id)
        if entry is None or not entry.is_recorded:
            raise OrderNotFound
        refunds = [refund for refund in state.refunds.values() if refund.order_id == order_id]
        return RecordedOrder(entry=entry, refunds=sorted(refunds, key=_refund_position))

    async def recorded(self, customer_id: UUID, order_id: str) -> tuple[Customer, Entry] | None:
        state = self._source.state
        customer = state.living.get(customer_id)
        entry = state.ledger.get(customer_id, EMPTY).get(order_id)
        if customer is None or entry is None or not entry.is_recorded:
            return None
        return customer, entry


@frozen
class MemoryOrders(MemoryOrderReader, OrderRepository):
    _source: Draft
    _currency: Currency

    async def claim(self, order_id: str, customer_id: UUID) -> Entry:
        state = self._source.state
        self._source.expect_lock(Customer, customer_id)
        self._source.lock(Entry, order_id)
        if (owner := state.order_owners.get(order_id)) is not None:
            return state.ledger[owner][order_id]
        stub = Entry(order_id=order_id, customer_id=customer_id)
        self._source.replace(state.with_entry(stub))
        return stub

    async def save(self, entry: Entry) -> None:
        state = self._source.state
        self._source.expect_lock(Entry, entry.order_id)
        self._source.replace(state.with_entry(entry))

    async def refund_amount(self, order_id: str, refund_id: str) -> Decimal | None:
        refund = self._source.state.refunds.get((order_id, refund_id))
        return None if refund is None else refund.amount

    async def add_refund(self, refund: StoredRefund) -> None:
        state = self._source.state
        self._source.expect_lock(Entry, refund.order_id)
        key = (refund.order_id, refund.refund_id)
        self._source.replace(evolve(state, refunds=state.refunds.set(key, refund)))

    async def statistics(self, customer_id: UUID) -> Statistics:
        entries = self._source.state.ledger.get(customer_id, EMPTY)
        return fold_ledger(entries.values(), self._currency)


def _refund_position(refund: StoredRefund) -> tuple[datetime, str]:
    return refund.refunded_at, refund.refund_id


def _position(entry: Entry) -> tuple[datetime, str]:
    return (cast(datetime, entry.order_date), entry.order_id)  # a recorded order has a date
