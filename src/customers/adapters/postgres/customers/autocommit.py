"""The hot writes: each is one statement in one round trip, and a transaction by itself.

An order is counted in READ COMMITTED in three steps of one statement. `locked` waits for whoever
changes the customer and gives the row as it is then, or none if the customer has left. `told` keeps
the order, or nothing where it is known: it waits for whoever is telling it. The update then starts
from a snapshot that may be older than the lock; PostgreSQL notices that the row has moved on and
computes every expression again from the newest row, which nobody else can change any more. So an
order is kept if and only if it is counted, and no count is lost. The mark that it leaves takes what
was before from `locked`, the row that was waited for.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import frozen
from sqlalchemy import CTE, ColumnElement, Numeric, Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningUpdate

from customers.adapters.postgres.customers import change_capture, orders
from customers.adapters.postgres.customers.customers import ADD, ID
from customers.adapters.postgres.customers.rows import SHOWN, from_row, to_row
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import LIVING, customer_orders, customers
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.model.customer import Customer
from customers.core.model.money import Currency
from customers.core.model.order import Entry
from customers.core.ports.storage import Autocommit


@frozen
class PostgresAutocommit(Autocommit):
    """Each call has a session of its own. Averages are rounded to the currency's minor unit."""

    _session: Callable[[], AbstractAsyncContextManager[Session]]
    _currency: Currency

    async def add_customer(self, customer: Customer) -> bool:
        async with self._session() as session:
            return await session.row(ADD, **to_row(customer)) is not None

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        told = {**orders.to_row(entry), "id": entry.customer_id, "now": now}
        async with self._session() as session:
            row = await session.row(
                RECORD_ORDER, **told, unit=self._currency.unit, units=1 / self._currency.unit
            )
        return None if row is None else from_row(row)


def _count_order() -> Select[Any]:
    locked = _locked()
    counted = _counted(_told(locked)).cte("counted")
    marked = change_capture.of_counted(locked, counted).cte("marked")
    return select(counted).add_cte(marked)


def _locked() -> CTE:
    """The living customer as they are then, whom nobody else changes from here on."""
    living = select(customers.c.id, *change_capture.COUNTED).where(
        customers.c.tenant_id == TENANT, ID, LIVING
    )
    return living.with_for_update(key_share=True).cte("locked").prefix_with("MATERIALIZED")


def _counted(told: CTE) -> ReturningUpdate[Any]:
    orders_then = customers.c.total_orders + 1
    spent_then = customers.c.total_spent + told.c.total_amount
    now = bindparam("now", type_=MOMENT)
    return (
        update(customers)
        .where(customers.c.tenant_id == TENANT, ID)
        .values(
            total_orders=orders_then,
            total_spent=spent_then,
            average_order_value=_average(spent_then, orders_then),
            first_order_date=func.least(customers.c.first_order_date, told.c.order_date),
            last_order_date=func.greatest(customers.c.last_order_date, told.c.order_date),
            version=customers.c.version + 1,
            updated_at=func.greatest(customers.c.updated_at, now),
        )
        .returning(*SHOWN)
    )


def _told(locked: CTE) -> CTE:
    """The order, if it was not known."""
    values = {**parameters(customer_orders), "customer_id": locked.c.id}
    return (
        insert(customer_orders)
        .from_select(list(values), select(*values.values()))
        .on_conflict_do_nothing(index_elements=["tenant_id", "order_id"])
        .returning(customer_orders.c.total_amount, customer_orders.c.order_date)
        .cte("told")
    )


def _average(spent: ColumnElement[Any], number: ColumnElement[Any]) -> ColumnElement[Decimal]:
    """Half-up to the minor unit: in whole units, since a division of decimals would round twice."""
    unit, units = bindparam("unit", type_=Numeric()), bindparam("units", type_=Numeric())
    return func.div(2 * spent * units + number, 2 * number) * unit


RECORD_ORDER = Statement.of(_count_order())
