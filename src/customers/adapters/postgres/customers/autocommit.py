"""The most frequent writes. A statement that writes is a transaction by itself.

A change of a customer reads the customer first, by another statement. Orders that are recorded one
by one at the same time may share a statement, and so may customers who are added: see
`shared_orders` and `shared_creates`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from uuid import UUID

from attrs import frozen

from customers.adapters.postgres.customers.customers import change_customer
from customers.adapters.postgres.customers.notes import add_note
from customers.adapters.postgres.customers.order_groups import record_orders
from customers.adapters.postgres.customers.shared_creates import SharedCreates
from customers.adapters.postgres.customers.shared_orders import SharedOrders
from customers.adapters.postgres.customers.single_orders import record_order
from customers.adapters.postgres.engine.session import Session
from customers.bulkheads.groups import GroupObserver
from customers.core.model.customer import Customer
from customers.core.model.journal import Note
from customers.core.model.ledger import Entry
from customers.core.model.money import Currency
from customers.core.ports.storage import Autocommit


class SharedWrites:
    """The orders and the new customers of all tenants, over sessions of one storage."""

    def __init__(
        self,
        session: Callable[[str], AbstractAsyncContextManager[Session]],
        observer: GroupObserver,
        currency: Currency,
    ) -> None:
        self.orders = SharedOrders(session, observer, currency)
        self.creates = SharedCreates(session, observer)

    async def close(self) -> None:
        """Waits until none of these writes is under way."""
        await self.orders.close()
        await self.creates.close()


@frozen
class PostgresAutocommit(Autocommit):
    """The writes of one tenant. Averages are rounded to the currency's minor unit."""

    _tenant_id: str
    _session: Callable[[str], AbstractAsyncContextManager[Session]]
    _shared: SharedWrites
    _currency: Currency

    async def add_customer(self, customer: Customer) -> bool:
        return await self._shared.creates.add(self._tenant_id, customer)

    async def change_customer(
        self, customer_id: UUID, change: Callable[[Customer], Customer]
    ) -> Customer | None:
        async with self._session(self._tenant_id) as session:
            return await change_customer(session, customer_id, change)

    async def add_note(self, note: Note) -> bool:
        async with self._session(self._tenant_id) as session:
            return await add_note(session, note)

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        return await self._shared.orders.record(self._tenant_id, entry, now)

    async def record_orders(
        self, entries: Sequence[Entry], now: datetime
    ) -> Sequence[Customer | None]:
        async with self._session(self._tenant_id) as session:
            if len(entries) == 1:  # costs less
                return [await record_order(session, entries[0], now, self._currency)]
            return await record_orders(session, entries, now, self._currency)
