"""Erasure in PostgreSQL: removes or empties all personal values of a customer; stores the receipt.

The map of `personal_columns` says which values are removed and which are emptied.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Column, Select, Table, delete, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.customers import PostgresCustomers
from customers.adapters.postgres.customers.owned_rows import of_customer
from customers.adapters.postgres.customers.verifications import has_table
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.all_tables import METADATA
from customers.adapters.postgres.schema.ledger_tables import customer_orders, customer_refunds
from customers.adapters.postgres.schema.owned_tables import (
    customer_addresses,
    customer_communications,
    customer_email_verifications,
    customer_notes,
    customer_payment_methods,
)
from customers.adapters.postgres.schema.personal_columns import (
    emptied_columns,
    has_removed_rows,
)
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_changes,
    customer_segment_members,
    customer_segment_pending_changes,
    customer_segments,
)
from customers.adapters.postgres.schema.tables import customer_erasures, customers
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure, RecordKind
from customers.core.ports.customers import ErasureRepository


def _from_tables(counts: Mapping[str, int]) -> Mapping[RecordKind, int]:
    """The counts by kind of record, in the order of the receipt, which JSONB does not preserve."""
    return {kind: counts.get(name, 0) for kind, name in _TABLES.items()}


def _to_tables(counts: Mapping[RecordKind, int]) -> Mapping[str, int]:
    return {name: counts[kind] for kind, name in _TABLES.items()}


ERASURES = RowMapping(
    Erasure,
    customer_erasures,
    decoders={"counts": _from_tables},
    encoders={"counts": _to_tables},
    storage_only=("maintained_at",),
)


class PostgresErasures(ErasureRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, customer_id: UUID) -> Erasure | None:
        row = await self._session.row(_FIND, customer_id=customer_id)
        return None if row is None else ERASURES.read(row)

    async def erase(self, customer: Customer) -> Erasure:
        if customer.erased_at is None:
            self._session.refuse(RuntimeError("only an erased customer can be stored by erase()"))
        rows = dict(await self._session.row(_ERASE, customer_id=customer.id) or {})
        rows |= await self._remove_verifications(customer.id)
        await PostgresCustomers(self._session).save(customer)
        counts = {kind: rows[name] for kind, name in _TABLES.items() if name in rows}
        erasure = Erasure.of(customer.id, customer.erased_at, counts)
        await self._session.run(_ADD, **ERASURES.write(erasure))
        return erasure

    async def _remove_verifications(self, customer_id: UUID) -> Mapping[str, int]:
        """Removes the verifications; returns their number by the name of the table. Does nothing
        until a migration has created the table.
        """
        if not await has_table(self._session):
            return {}
        number = await self._session.run(_REMOVE_VERIFICATIONS, customer_id=customer_id)
        return {customer_email_verifications.name: number}


def _erase() -> Select[tuple[int, ...]]:
    """Removes or empties the customer's rows, except verifications; returns how many, by table.

    Stored memberships are counted here, and removed by the next refresh.
    """
    removed = [_removed(table) for table in _REMOVED_TABLES]
    parts = [*removed, *(_emptied(table) for table in _EMPTIED_TABLES), _memberships()]
    counts = (
        select(func.count()).select_from(rows).scalar_subquery().label(name) for name, rows in parts
    )
    return select(*counts)


def _memberships() -> tuple[str, CTE]:
    rows = select(customer_segment_members.c.segment_id)
    own = rows.where(of_customer(customer_segment_members))
    return customer_segment_members.name, own.cte("memberships")


def _removed(table: Table) -> tuple[str, CTE]:
    removed = delete(table).where(of_customer(table)).returning(table.c.tenant_id)
    return table.name, removed.cte(f"from_{table.name}")


def _emptied(table: Table) -> tuple[str, CTE]:
    """Empties the personal columns of the customer's rows in which one of them has a value."""
    columns = emptied_columns(table)
    emptied = (
        update(table)
        .where(of_customer(table), or_(*map(_is_filled, columns)))
        .values({column: None if column.nullable else "" for column in columns})
        .returning(table.c.tenant_id)
    )
    return table.name, emptied.cte(f"from_{table.name}")


def _is_filled(column: Column[Any]) -> ColumnElement[bool]:
    return column.is_not(None) if column.nullable else column != ""


# The names under which a stored receipt counts records.
_TABLES = {
    RecordKind.CUSTOMER: customers.name,
    RecordKind.ADDRESS: customer_addresses.name,
    RecordKind.PAYMENT_METHOD: customer_payment_methods.name,
    RecordKind.SEGMENT: customer_segments.name,
    RecordKind.ASSIGNMENT: customer_segment_assignments.name,
    RecordKind.MEMBERSHIP: customer_segment_members.name,
    RecordKind.MEMBERSHIP_CHANGE: customer_segment_changes.name,
    RecordKind.PENDING_CHANGE: customer_segment_pending_changes.name,
    RecordKind.NOTE: customer_notes.name,
    RecordKind.COMMUNICATION: customer_communications.name,
    RecordKind.ORDER: customer_orders.name,
    RecordKind.REFUND: customer_refunds.name,
    RecordKind.VERIFICATION: customer_email_verifications.name,
}
# Removed in other ways: members by the next refresh, and verifications by a statement of their own,
# because their table may not exist yet.
_REMOVED_ELSEWHERE = (customer_segment_members, customer_email_verifications)
_OF_CUSTOMERS = [table for table in METADATA.sorted_tables if "customer_id" in table.columns]
# The tables whose rows are removed here, and those whose rows stay without personal values. The
# model empties the customer itself.
_REMOVED_TABLES = [
    table for table in _OF_CUSTOMERS if has_removed_rows(table) and table not in _REMOVED_ELSEWHERE
]
_EMPTIED_TABLES = [table for table in _OF_CUSTOMERS if emptied_columns(table)]
_ERASE = Statement.of(_erase())
_REMOVE_VERIFICATIONS = Statement.of(
    delete(customer_email_verifications).where(of_customer(customer_email_verifications))
)
_FIND = Statement.of(select(*ERASURES.columns).where(of_customer(customer_erasures)))
_ADD = Statement.of(
    insert(customer_erasures).values(**parameters(customer_erasures, but=ERASURES.storage_only))
)
