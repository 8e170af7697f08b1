"""Erasure in PostgreSQL: every personal value of a customer leaves every table, and the receipt.

What is personal is said by the columns of the tables; a test holds this module to it.
"""

from uuid import UUID

from sqlalchemy import CTE, Select, Table, delete, func, insert, select, update

from customers.adapters.postgres.customers.customers import PostgresCustomers
from customers.adapters.postgres.customers.owned_rows import of_customer
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
    customer_segment_pending_changes,
    customer_segments,
)
from customers.adapters.postgres.schema.tables import (
    customer_addresses,
    customer_communications,
    customer_erasures,
    customer_notes,
    customer_orders,
    customer_payment_methods,
    customer_refunds,
    customers,
)
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.ports.customers import ErasureRepository


class PostgresErasures(ErasureRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, customer_id: UUID) -> Erasure | None:
        row = await self._session.row(_FIND, customer_id=customer_id)
        if row is None:
            return None
        counts = {kind: row["tables"].get(name, 0) for kind, name in _TABLES.items()}
        return Erasure.of(customer_id, row["erased_at"], counts)

    async def erase(self, customer: Customer) -> Erasure:
        if customer.erased_at is None:
            self._session.refuse(RuntimeError("the customer to keep still has a name"))
        removed = dict(await self._session.row(_EMPTY, customer_id=customer.id) or {})
        await PostgresCustomers(self._session).save(customer)
        counts = {kind: removed[name] for kind, name in _TABLES.items() if name in removed}
        erasure = Erasure.of(customer.id, customer.erased_at, counts)
        await self._session.run(
            _KEEP,
            customer_id=erasure.customer_id,
            erased_at=erasure.erased_at,
            tables={name: erasure.counts[kind] for kind, name in _TABLES.items()},
        )
        return erasure


def _empty() -> Select[tuple[int, ...]]:
    """Removes or empties the customer's rows; how many of each table. Memberships are counted,
    and settled away afterwards; marks, which only wait for that, are not worth a number.
    """
    touched = [_removed(table) for table in _OWN]
    touched += [_orders_without_number(), _memberships()]
    counts = (
        select(func.count()).select_from(rows).scalar_subquery().label(name)
        for name, rows in touched
    )
    _, pending_changes = _removed(customer_segment_pending_changes)
    return select(*counts).add_cte(pending_changes)


def _memberships() -> tuple[str, CTE]:
    rows = select(customer_segment_members.c.segment_id)
    own = rows.where(of_customer(customer_segment_members))
    return customer_segment_members.name, own.cte("memberships")


def _removed(table: Table) -> tuple[str, CTE]:
    gone = delete(table).where(of_customer(table)).returning(table.c.tenant_id)
    return table.name, gone.cte(f"from_{table.name}")


def _orders_without_number() -> tuple[str, CTE]:
    number = customer_orders.c.order_number
    emptied = (
        update(customer_orders)
        .where(of_customer(customer_orders), number != "")
        .values(order_number="")
        .returning(customer_orders.c.tenant_id)
    )
    return customer_orders.name, emptied.cte(f"from_{customer_orders.name}")


# The names under which a stored receipt counts records.
_TABLES = {
    RecordKind.CUSTOMER: customers.name,
    RecordKind.ADDRESS: customer_addresses.name,
    RecordKind.PAYMENT_METHOD: customer_payment_methods.name,
    RecordKind.SEGMENT: customer_segments.name,
    RecordKind.ASSIGNMENT: customer_segment_assignments.name,
    RecordKind.MEMBERSHIP: customer_segment_members.name,
    RecordKind.NOTE: customer_notes.name,
    RecordKind.COMMUNICATION: customer_communications.name,
    RecordKind.ORDER: customer_orders.name,
    RecordKind.REFUND: customer_refunds.name,
}
# What is nothing but the customer's own: it goes altogether.
_OWN = (
    customer_addresses,
    customer_payment_methods,
    customer_segment_assignments,
    customer_notes,
    customer_communications,
)
_EMPTY = Statement.of(_empty())
_FIND = Statement.of(select(customer_erasures).where(of_customer(customer_erasures)))
_KEEP = Statement.of(insert(customer_erasures).values(**parameters(customer_erasures)))
