"""The most frequent writes: each is one statement in one round trip, and a transaction by itself.

`record_order` runs in READ COMMITTED in three steps of one statement:

1. `locked` waits for every transaction that changes the customer, then returns the current row;
   none if the customer is deleted.
2. `recorded` inserts the order, or nothing if it is known; it waits for a transaction that is
   inserting the same order.
3. The update's snapshot may be older than the lock. PostgreSQL notices that the row has changed
   and evaluates every expression again on its newest version, which is locked by then.

So an order is stored if and only if it is counted, and no count is lost. `locked` also gives the
pending change the customer before the order.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from attrs import frozen
from sqlalchemy import CTE, Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningUpdate

from customers.adapters.postgres.customers import change_capture
from customers.adapters.postgres.customers.customers import ADD, ID
from customers.adapters.postgres.customers.order_groups import record_orders
from customers.adapters.postgres.customers.order_statistics import currency_values, with_orders
from customers.adapters.postgres.customers.orders import ENTRIES
from customers.adapters.postgres.customers.rows import CUSTOMERS, ORDER_COLUMNS
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.ledger_tables import customer_orders
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry
from customers.core.model.money import Currency
from customers.core.ports.storage import Autocommit


@frozen
class PostgresAutocommit(Autocommit):
    """Each call has a session of its own. Averages are rounded to the currency's minor unit."""

    _session: Callable[[], AbstractAsyncContextManager[Session]]
    _currency: Currency

    async def add_customer(self, customer: Customer) -> bool:
        async with self._session() as session:
            return await session.row(ADD, **CUSTOMERS.write(customer)) is not None

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        values = {**ENTRIES.write(entry), "id": entry.customer_id, "now": now}
        async with self._session() as session:
            row = await session.row(RECORD_ORDER, **values, **currency_values(self._currency))
        return None if row is None else CUSTOMERS.read(row)

    async def record_orders(
        self, entries: Sequence[Entry], now: datetime
    ) -> Sequence[Customer | None]:
        if len(entries) == 1:
            return [await self.record_order(entries[0], now)]  # costs less
        async with self._session() as session:
            return await record_orders(session, entries, now, self._currency)


def _record_order() -> Select[Any]:
    locked = _locked()
    updated = _update(_recorded(locked)).cte("updated")
    captured = change_capture.on_order(locked, updated).cte("captured")
    return select(updated).add_cte(captured)


def _locked() -> CTE:
    """The current row of the living customer, locked."""
    living = select(customers.c.id, *ORDER_COLUMNS).where(
        customers.c.tenant_id == TENANT, ID, LIVING
    )
    return living.with_for_update(key_share=True).cte("locked").prefix_with("MATERIALIZED")


def _recorded(locked: CTE) -> CTE:
    """Inserts the order unless it is known; returns its amount and date."""
    values = {**parameters(customer_orders), "customer_id": locked.c.id}
    return (
        insert(customer_orders)
        .from_select(list(values), select(*values.values()))
        .on_conflict_do_nothing(index_elements=["tenant_id", "order_id"])
        .returning(customer_orders.c.total_amount, customer_orders.c.order_date)
        .cte("recorded")
    )


def _update(recorded: CTE) -> ReturningUpdate[Any]:
    """Adds the order to the customer's statistics."""
    values = with_orders(
        count=1,
        spent=recorded.c.total_amount,
        first_date=recorded.c.order_date,
        last_date=recorded.c.order_date,
    )
    return (
        update(customers)
        .where(customers.c.tenant_id == TENANT, ID)
        .values(values)
        .returning(*CUSTOMERS.columns)
    )


RECORD_ORDER = Statement.of(_record_order())
