"""Who was put into segments by hand.

A segment may have more members than one statement can move before its time is up, so what is about
all of them goes portion by portion, in one transaction.
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


async def put(
    session: Session, segment_id: UUID, customer_ids: Collection[UUID], by: Assignment
) -> Collection[UUID]:
    ids = list(customer_ids)
    rows = await session.rows(_PUT, segment_id=segment_id, customer_ids=ids, **asdict(by))
    return [row["customer_id"] for row in rows]


async def put_members(session: Session, segment_id: UUID, by: Assignment) -> None:
    after: dict[str, object] = {"key_at": _LONG_AGO, "key_id": UUID(int=0)}
    while rows := await session.rows(_MEMBERS, segment_id=segment_id, most=_PORTION, **after):
        await put(session, segment_id, [row["customer_id"] for row in rows], by)
        after = {"key_at": rows[-1]["created_at"], "key_id": rows[-1]["customer_id"]}


async def take(
    session: Session, segment_id: UUID, customer_ids: Collection[UUID]
) -> Collection[UUID]:
    ids = list(customer_ids)
    rows = await session.rows(_TAKE, segment_id=segment_id, customer_ids=ids)
    return [row["customer_id"] for row in rows]


async def empty(session: Session, segment_id: UUID) -> None:
    await remove_all(session, customer_segment_assignments, segment_id)


async def remove_all(session: Session, table: Table, segment_id: UUID) -> None:
    """Removes everything of a segment from a table."""
    while await session.run(_portion_of(table), segment_id=segment_id, most=_PORTION) == _PORTION:
        pass


async def put_into(session: Session, customer_id: UUID) -> Collection[UUID]:
    rows = await session.rows(_PUT_INTO, customer_id=customer_id)
    return [row["segment_id"] for row in found(rows, "segment_id")]


async def find(session: Session, segment_id: UUID, customer_id: UUID) -> Assignment | None:
    row = await session.row(_FIND, segment_id=segment_id, customer_id=customer_id)
    return None if row is None else Assignment(**row)


@cache
def _portion_of(table: Table) -> Statement:
    here = (table.c.tenant_id == TENANT, table.c.segment_id == _SEGMENT)
    place: ColumnElement[Any] = literal_column("ctid")
    some = select(place).select_from(table).where(*here).limit(_MOST)
    return Statement.of(delete(table).where(place == any_(func.array(some.scalar_subquery()))))


def _put() -> ReturningInsert[Any]:
    """Those who were not in it."""
    by = parameters(customer_segment_assignments, but=("customer_id",))
    values = {**by, "customer_id": func.unnest(_IDS)}
    rows = select(*values.values())
    new = insert(customer_segment_assignments).from_select(list(values), rows)
    added = new.on_conflict_do_nothing(index_elements=["tenant_id", "segment_id", "customer_id"])
    return added.returning(_put_in.customer_id)


def _members() -> Select[Any]:
    """A portion of the stored members, in the order of their index."""
    place = (_member.created_at, _member.customer_id)
    key = (bindparam("key_at", type_=MOMENT), bindparam("key_id", type_=Uuid()))
    here = (_member.tenant_id == TENANT, _member.segment_id == _SEGMENT)
    following = select(*place).where(*here, tuple_(*place) > tuple_(*key))
    return following.order_by(*place).limit(_MOST)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_PORTION = 10_000
_put_in = customer_segment_assignments.c
_member = customer_segment_members.c
_SEGMENT = bindparam("segment_id", type_=Uuid())
_IDS = bindparam("customer_ids", type_=UUIDS)
_MOST = bindparam("most", type_=BigInteger())
_PUT = Statement.of(_put())
_MEMBERS = Statement.of(_members())
_TAKE = Statement.of(
    delete(customer_segment_assignments)
    .where(
        _put_in.tenant_id == TENANT,
        _put_in.segment_id == _SEGMENT,
        _put_in.customer_id == any_(_IDS),
    )
    .returning(_put_in.customer_id)
)
_PUT_INTO = Statement.of(all_of(customer_segment_assignments))
_FIND = Statement.of(
    select(_put_in.assigned_at, _put_in.assigned_by).where(
        of_customer(customer_segment_assignments), _put_in.segment_id == _SEGMENT
    )
)
