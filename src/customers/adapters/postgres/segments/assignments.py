"""Assignments in PostgreSQL: the customers assigned to segments by hand.

Work on all rows of a segment is done in batches, in one transaction, because a single statement
could exceed the statement time-out.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Select,
    Table,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.owned_rows import all_of, existing, of_customer
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
)
from customers.adapters.postgres.schema.types import MOMENT, UUIDS
from customers.core.model.membership import Assignment
from customers.core.ports.segments import AssignmentRepository

ASSIGNMENTS = RowMapping(
    Assignment, customer_segment_assignments, storage_only=("segment_id", "customer_id")
)


class PostgresAssignments(AssignmentRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, segment_id: UUID, customer_id: UUID) -> Assignment | None:
        row = await self._session.row(_GET, segment_id=segment_id, customer_id=customer_id)
        return None if row is None else ASSIGNMENTS.read(row)

    async def segments_of(self, customer_id: UUID) -> Collection[UUID]:
        rows = await self._session.rows(_SEGMENTS_OF, customer_id=customer_id)
        return [row["segment_id"] for row in existing(rows, "segment_id")]

    async def add(
        self, segment_id: UUID, customer_ids: Collection[UUID], assignment: Assignment
    ) -> Collection[UUID]:
        values = {"segment_id": segment_id, "customer_ids": list(customer_ids)}
        rows = await self._session.rows(_ADD, **values, **ASSIGNMENTS.write(assignment))
        return [row["customer_id"] for row in rows]

    async def add_members(self, segment_id: UUID, assignment: Assignment) -> None:
        key: dict[str, object] = {"key_at": _FIRST_MOMENT, "key_id": UUID(int=0)}
        while rows := await self._session.rows(
            _MEMBERS, segment_id=segment_id, limit=_BATCH, **key
        ):
            await self.add(segment_id, [row["customer_id"] for row in rows], assignment)
            key = {"key_at": rows[-1]["created_at"], "key_id": rows[-1]["customer_id"]}

    async def remove(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        ids = list(customer_ids)
        rows = await self._session.rows(_REMOVE, segment_id=segment_id, customer_ids=ids)
        return [row["customer_id"] for row in rows]

    async def clear(self, segment_id: UUID) -> None:
        await remove_all(self._session, customer_segment_assignments, segment_id)


async def remove_all(session: Session, table: Table, segment_id: UUID) -> None:
    """Removes every row of a segment from a table, in batches."""
    while await session.run(_remove_batch(table), segment_id=segment_id, limit=_BATCH) == _BATCH:
        pass


@cache
def _remove_batch(table: Table) -> Statement:
    own = (table.c.tenant_id == TENANT, table.c.segment_id == _SEGMENT)
    ctid: ColumnElement[Any] = literal_column("ctid")
    batch = select(ctid).select_from(table).where(*own).limit(_LIMIT)
    chosen = ctid == any_(func.array(batch.scalar_subquery()))
    return Statement.of(delete(table).where(table.c.tenant_id == TENANT, chosen))


def _add() -> ReturningInsert[Any]:
    """Adds the assignments; returns the ids of the customers who were not assigned before."""
    assignment = parameters(customer_segment_assignments, but=("customer_id",))
    values = {**assignment, "customer_id": func.unnest(_IDS)}
    rows = select(*values.values())
    new = insert(customer_segment_assignments).from_select(list(values), rows)
    added = new.on_conflict_do_nothing(index_elements=["tenant_id", "segment_id", "customer_id"])
    return added.returning(_assignment.customer_id)


def _members() -> Select[Any]:
    """A batch of the stored members after a key, in the order of their index."""
    columns = (_member.created_at, _member.customer_id)
    key = (bindparam("key_at", type_=MOMENT), bindparam("key_id", type_=Uuid()))
    own = (_member.tenant_id == TENANT, _member.segment_id == _SEGMENT)
    following = select(*columns).where(*own, tuple_(*columns) > tuple_(*key))
    return following.order_by(*columns).limit(_LIMIT)


_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
_BATCH = 10_000
_assignment = customer_segment_assignments.c
_member = customer_segment_members.c
_SEGMENT = bindparam("segment_id", type_=Uuid())
_IDS = bindparam("customer_ids", type_=UUIDS)
_LIMIT = bindparam("limit", type_=BigInteger())
_ADD = Statement.of(_add())
_MEMBERS = Statement.of(_members())
_REMOVE = Statement.of(
    delete(customer_segment_assignments)
    .where(
        _assignment.tenant_id == TENANT,
        _assignment.segment_id == _SEGMENT,
        _assignment.customer_id == any_(_IDS),
    )
    .returning(_assignment.customer_id)
)
_SEGMENTS_OF = Statement.of(all_of(customer_segment_assignments))
_GET = Statement.of(
    select(*ASSIGNMENTS.columns).where(
        of_customer(customer_segment_assignments), _assignment.segment_id == _SEGMENT
    )
)
