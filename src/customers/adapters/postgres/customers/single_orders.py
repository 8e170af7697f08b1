"""One order, recorded by one statement, which is a transaction by itself.

It runs in READ COMMITTED, in three steps:

1. `locked` waits for every transaction that changes the customer, then returns the current
   statistics; none if the customer is deleted.
2. `recorded` inserts the order, or nothing if it is known; it waits for a transaction that is
   inserting the same order.
3. The update's snapshot may be older than the lock. PostgreSQL notices that the row has changed
   and evaluates every expression again on its newest version, which is locked by then.

So an order is stored if and only if it is counted, and no count is lost. The pending change gets
the values before the order from `locked`.

`TRY_ORDER` does not wait for the customer: it does nothing when another transaction has locked it.
It fails if it has to wait for an order, which another transaction is inserting, for longer than
SHORT_LOCK_TIMEOUT.
"""

from datetime import datetime
from typing import Any

from asyncpg import Record
from sqlalchemy import CTE, Select, Uuid, bindparam, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningUpdate

from customers.adapters.postgres.customers import change_capture
from customers.adapters.postgres.customers.locked_statistics import (
    locked_statistics,
    with_current_details,
)
from customers.adapters.postgres.customers.order_statistics import currency_values, with_orders
from customers.adapters.postgres.customers.orders import ENTRIES
from customers.adapters.postgres.customers.rows import CUSTOMERS, WITH_STATISTICS
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.ledger_tables import customer_orders
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry
from customers.core.model.money import Currency


async def record_order(
    session: Session, entry: Entry, now: datetime, currency: Currency
) -> Customer | None:
    """See `Autocommit.record_order`."""
    row = await session.row(RECORD_ORDER, **_values(entry, now, currency))
    return None if row is None else await _customer(session, row)


async def try_order(
    session: Session, entry: Entry, now: datetime, currency: Currency
) -> tuple[Customer | None, bool]:
    """The customer as `record_order` returns it, and whether a living customer was found whom no
    other transaction had locked. If not, None does not mean that the order was already known.
    """
    row = await session.row(TRY_ORDER, **_values(entry, now, currency))
    if row is None:
        return None, False
    return None if row["id"] is None else await _customer(session, row), True


async def _customer(session: Session, row: Record) -> Customer:
    [current] = await with_current_details(session, [row])
    return CUSTOMERS.read(current)


def _values(entry: Entry, now: datetime, currency: Currency) -> dict[str, object]:
    values = {**ENTRIES.write(entry), "id": entry.customer_id, "now": now}
    return {**values, **currency_values(currency)}


def _record_order() -> Select[Any]:
    locked = locked_statistics(_ID)
    updated, captured = _changes(locked)
    joined = locked.join(updated, true())
    return select(updated, locked.c.has_changed).select_from(joined).add_cte(captured)


def _try_order() -> Select[Any]:
    locked = locked_statistics(_ID, skip_locked=True)
    updated, captured = _changes(locked)
    joined = locked.outerjoin(updated, true())
    return select(updated, locked.c.has_changed).select_from(joined).add_cte(captured)


def _changes(locked: CTE) -> tuple[CTE, CTE]:
    """The customer whose order was recorded, and the pending change."""
    updated = _update(_recorded(locked)).cte("updated")
    return updated, change_capture.on_order(locked, updated).cte("captured")


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
    spent, date = recorded.c.total_amount, recorded.c.order_date
    values = with_orders(count=1, spent=spent, first_date=date, last_date=date)
    return (
        update(customer_statistics)
        .where(customer_statistics.c.tenant_id == TENANT, _OWN, WITH_STATISTICS)
        .values(values)
        .returning(*CUSTOMERS.columns)
    )


_ID = bindparam("id", type_=Uuid())
_OWN = customer_statistics.c.customer_id == _ID
RECORD_ORDER = Statement.of(_record_order())
TRY_ORDER = Statement.of(_try_order())
