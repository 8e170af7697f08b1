"""Assignments in PostgreSQL: the customers assigned to segments by hand.

Statements about all members of a segment run in batches, in one transaction, because one statement
could exceed the statement time-out.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from attrs import asdict
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

from customers.adapters.postgres.customers.owned_rows import all_of, found, of_customer
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_members,
)
from customers.adapters.postgres.schema.types import MOMENT, UUIDS
from customers.core.model.membership import Assignment
from customers.core.ports.segments import AssignmentRepository


class PostgresAssignments(AssignmentRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, segment_id: UUID, customer_id: UUID) -> Assignment | None:
        row = await self._session.row(_GET, segment_id=segment_id, customer_id=customer_id)
        return None if row is None else Assignment(**row)

    async def segments_of(self, customer_id: UUID) -> Collection[UUID]:
        rows = await self._session.rows(_SEGMENTS_OF, customer_id=customer_id)
        return [row["segment_id"] for row in found(rows, "segment_id")]

    async def add(
        self, segment_id: UUID, customer_ids: Collection[UUID], assignment: Assignment
    ) -> Collection[UUID]:
        values = {"segment_id": segment_id, "customer_ids": list(customer_ids)}
        rows = await self._session.rows(_ADD, **values, **asdict(assignment))
        return [row["customer_id"] for row in rows]

    async def add_members(self, segment_id: UUID, assignment: Assignment) -> None:
        after: dict[str, object] = {"key_at": _LONG_AGO, "key_id": UUID(int=0)}
        while rows := await self._session.rows(
            _MEMBERS, segment_id=segment_id, limit=_BATCH, **after
        ):
            await self.add(segment_id, [row["customer_id"] for row in rows], assignment)
            after = {"key_at": rows[-1]["created_at"], "key_id": rows[-1]["customer_id"]}

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
    here = (table.c.tenant_id == TENANT, table.c.segment_id == _SEGMENT)
    place: ColumnElement[Any] = literal_column("ctid")
    some = select(place).select_from(table).where(*here).limit(_LIMIT)
    return Statement.of(delete(table).where(place == any_(func.array(some.scalar_subquery()))))


def _add() -> ReturningInsert[Any]:
    """Those who were not in it."""
    by = parameters(customer_segment_assignments, but=("customer_id",))
    values = {**by, "customer_id": func.unnest(_IDS)}
    rows = select(*values.values())
    new = insert(customer_segment_assignments).from_select(list(values), rows)
    added = new.on_conflict_do_nothing(index_elements=["tenant_id", "segment_id", "customer_id"])
    return added.returning(_of.customer_id)


def _members() -> Select[Any]:
    """A portion of the stored members, in the order of their index."""
    place = (_member.created_at, _member.customer_id)
    key = (bindparam("key_at", type_=MOMENT), bindparam("key_id", type_=Uuid()))
    here = (_member.tenant_id == TENANT, _member.segment_id == _SEGMENT)
    following = select(*place).where(*here, tuple_(*place) > tuple_(*key))
    return following.order_by(*place).limit(_LIMIT)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_BATCH = 10_000
_of = customer_segment_assignments.c
_member = customer_segment_members.c
_SEGMENT = bindparam("segment_id", type_=Uuid())
_IDS = bindparam("customer_ids", type_=UUIDS)
_LIMIT = bindparam("limit", type_=BigInteger())
_ADD = Statement.of(_add())
_MEMBERS = Statement.of(_members())
_REMOVE = Statement.of(
    delete(customer_segment_assignments)
    .where(
        _of.tenant_id == TENANT,
        _of.segment_id == _SEGMENT,
        _of.customer_id == any_(_IDS),
    )
    .returning(_of.customer_id)
)
_SEGMENTS_OF = Statement.of(all_of(customer_segment_assignments))
_GET = Statement.of(
    select(_of.assigned_at, _of.assigned_by).where(
        of_customer(customer_segment_assignments), _of.segment_id == _SEGMENT
    )
)
