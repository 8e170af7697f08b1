"""Segments in PostgreSQL, and who was put into them by hand.

A rule is kept twice: as it was written, for the echo, and in its canonical form, to be read again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from attrs import asdict
from sqlalchemy import (
    Insert,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres import filters
from customers.adapters.postgres.belongings import all_of, found
from customers.adapters.postgres.schema import MOMENT, UUIDS
from customers.adapters.postgres.session import TENANT, Session, parameters
from customers.adapters.postgres.statements import Statement
from customers.adapters.postgres.tables import (
    customer_segment_members,
    customer_segments,
    customers,
)
from customers.core.errors import SegmentNotFound
from customers.core.model.query import CustomerFilter
from customers.core.model.rules.canonical import to_json
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Rule
from customers.core.model.segment import Segment
from customers.core.ports import SegmentRepository


class PostgresSegments(SegmentRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, segment_id: UUID) -> Segment:
        return _found(await self._session.row(_GET, id=segment_id))

    async def all(self) -> Sequence[Segment]:
        return [_from_row(row) for row in await self._session.rows(_ALL)]

    async def put_into(self, customer_id: UUID) -> Collection[UUID]:
        rows = await self._session.rows(_PUT_INTO, customer_id=customer_id)
        return [row["segment_id"] for row in found(rows, "segment_id")]

    async def lock(self, segment_id: UUID) -> Segment:
        return _found(await self._session.row(_LOCK, id=segment_id))

    async def add(self, segment: Segment) -> None:
        await self._session.run(_ADD, **_to_row(segment))

    async def save(self, segment: Segment) -> None:
        await self._session.run(_SAVE, **_to_row(segment))

    async def remove(self, segment_id: UUID) -> None:
        await self.empty(segment_id)
        await self._session.run(_REMOVE, id=segment_id)

    async def put(self, segment_id: UUID, customer_ids: Collection[UUID], at: datetime) -> int:
        return await self._session.run(
            _PUT, segment_id=segment_id, customer_ids=list(customer_ids), assigned_at=at
        )

    async def take(self, segment_id: UUID, customer_ids: Collection[UUID]) -> int:
        return await self._session.run(
            _TAKE, segment_id=segment_id, customer_ids=list(customer_ids)
        )

    async def put_matching(self, segment_id: UUID, which: CustomerFilter, at: datetime) -> None:
        await self._session.run(
            filters.statement(which, _put_kept),
            **filters.values(which),
            segment_id=segment_id,
            assigned_at=at,
        )

    async def empty(self, segment_id: UUID) -> None:
        await self._session.run(_EMPTY, segment_id=segment_id)


def _found(row: Record | None) -> Segment:
    if row is None:
        raise SegmentNotFound
    return _from_row(row)


def _from_row(row: Record) -> Segment:
    told = dict(row)
    rules = told.pop("rules")
    return Segment(**told, rule=None if rules is None else _rule(rules))


@lru_cache(maxsize=1_024)
def _rule(canonical: str) -> Rule:
    return parse(_READER.decode(canonical))


def _to_row(segment: Segment) -> dict[str, object]:
    rule = segment.rule
    return {
        **asdict(segment, recurse=False),
        "name_key": segment.name_key,
        "rules": None if rule is None else to_json(rule),
    }


def _stored() -> Select[Any]:
    """The tenant's segments; the rule as text, to be parsed once however often it is read."""
    plain = [column for column in _of if column.name not in ("rules", "name_key")]
    return select(*plain, cast(_of.rules, Text).label("rules")).where(_of.tenant_id == TENANT)


def _put(chosen: ColumnElement[Any], *kept: ColumnElement[bool]) -> Insert:
    """Puts the chosen customers into the segment, but for those who are in it."""
    rows = select(TENANT, _SEGMENT, chosen, bindparam("assigned_at", type_=MOMENT)).where(*kept)
    names = ["tenant_id", "segment_id", "customer_id", "assigned_at"]
    return insert(customer_segment_members).from_select(names, rows).on_conflict_do_nothing()


def _put_kept(kept: ColumnElement[bool]) -> Insert:
    return _put(customers.c.id, kept)


_READER = msgspec.json.Decoder(float_hook=Decimal)

_of = customer_segments.c
_member = customer_segment_members.c
_ID = bindparam("id", type_=Uuid())
_IDS = bindparam("customer_ids", type_=UUIDS)
_SEGMENT = bindparam("segment_id", type_=Uuid())
_IS_MEMBER = and_(_member.tenant_id == TENANT, _member.segment_id == _SEGMENT)

_GET = Statement.of(_stored().where(_of.id == _ID))
_LOCK = Statement.of(_stored().where(_of.id == _ID).with_for_update(key_share=True))
_ALL = Statement.of(_stored().order_by(_of.created_at.desc(), _of.id.desc()))
_ADD = Statement.of(insert(customer_segments).values(**parameters(customer_segments)))
_SAVE = Statement.of(
    update(customer_segments)
    .where(_of.tenant_id == TENANT, _of.id == _ID)
    .values(**parameters(customer_segments, but=("tenant_id", "id")))
)
_REMOVE = Statement.of(delete(customer_segments).where(_of.tenant_id == TENANT, _of.id == _ID))
_PUT_INTO = Statement.of(all_of(customer_segment_members))
_PUT = Statement.of(_put(func.unnest(_IDS)))
_TAKE = Statement.of(
    delete(customer_segment_members).where(_IS_MEMBER, _member.customer_id == any_(_IDS))
)
_EMPTY = Statement.of(delete(customer_segment_members).where(_IS_MEMBER))
