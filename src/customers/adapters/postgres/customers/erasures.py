"""Erasure in PostgreSQL: empties or removes every personal value of a customer, stores a receipt.

The columns of the tables say what is personal; a test compares this module with them.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import CTE, Select, Table, delete, func, insert, select, update

from customers.adapters.postgres.customers.customers import PostgresCustomers
from customers.adapters.postgres.customers.owned_rows import of_customer
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
    customer_segment_pending_changes,
)
from customers.adapters.postgres.schema.tables import (
    customer_addresses,
    customer_communications,
    customer_erasures,
    customer_notes,
    customer_orders,
    customer_payment_methods,
)
from customers.core.model.customer import Customer
from customers.core.model.erasure import TABLES, Erasure
from customers.core.ports.customers import ErasureRepository


def _in_order(tables: Mapping[str, int]) -> Mapping[str, int]:
    """The counts in the order of the receipt, which JSONB does not preserve."""
    return {name: tables[name] for name in TABLES if name in tables}


ERASURES = RowMapping(Erasure, customer_erasures, decoders={"tables": _in_order})


class PostgresErasures(ErasureRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, customer_id: UUID) -> Erasure | None:
        row = await self._session.row(_FIND, customer_id=customer_id)
        return None if row is None else ERASURES.read(row)

    async def erase(self, customer: Customer) -> Erasure:
        if customer.erased_at is None:
            self._session.refuse(RuntimeError("only an erased customer can be stored by erase()"))
        counts = await self._session.row(_ERASE, customer_id=customer.id)
        await PostgresCustomers(self._session).save(customer)
        erasure = Erasure(
            customer_id=customer.id,
            erased_at=customer.erased_at,
            tables=dict.fromkeys(TABLES, 0) | {"customers": 1} | dict(counts or {}),
        )
        await self._session.run(_ADD, **ERASURES.write(erasure))
        return erasure


def _erase() -> Select[tuple[int, ...]]:
    """Removes or empties the customer's rows; returns the number of rows of each table.

    Stored memberships are counted here and removed by the refresh that follows. Pending changes
    are removed without being counted.
    """
    parts = [_removed(table) for table in _OWN_TABLES]
    parts += [_orders_without_number(), _memberships()]
    counts = (
        select(func.count()).select_from(rows).scalar_subquery().label(name) for name, rows in parts
    )
    _, pending_changes = _removed(customer_segment_pending_changes)
    return select(*counts).add_cte(pending_changes)


def _memberships() -> tuple[str, CTE]:
    rows = select(customer_segment_members.c.segment_id)
    own = rows.where(of_customer(customer_segment_members))
    return customer_segment_members.name, own.cte("memberships")


def _removed(table: Table) -> tuple[str, CTE]:
    removed = delete(table).where(of_customer(table)).returning(table.c.tenant_id)
    return table.name, removed.cte(f"from_{table.name}")


def _orders_without_number() -> tuple[str, CTE]:
    number = customer_orders.c.order_number
    emptied = (
        update(customer_orders)
        .where(of_customer(customer_orders), number != "")
        .values(order_number="")
        .returning(customer_orders.c.tenant_id)
    )
    return customer_orders.name, emptied.cte(f"from_{customer_orders.name}")


# The tables whose rows are removed as a whole.
_OWN_TABLES = (
    customer_addresses,
    customer_payment_methods,
    customer_segment_assignments,
    customer_notes,
    customer_communications,
)
_ERASE = Statement.of(_erase())
_FIND = Statement.of(select(customer_erasures).where(of_customer(customer_erasures)))
_ADD = Statement.of(insert(customer_erasures).values(**parameters(customer_erasures)))
