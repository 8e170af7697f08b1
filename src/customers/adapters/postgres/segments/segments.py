"""Segments in PostgreSQL; who is in them is kept by the modules whose statements are run here.

A rule is kept twice: as it was written, for the echo, and in its canonical form, to be read again.
"""

from collections.abc import Collection, Mapping, Sequence
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
    bindparam,
    cast,
    delete,
    insert,
    select,
    update,
)

from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_changes,
    customer_segment_members,
    customer_segment_standings,
    customer_segments,
)
from customers.adapters.postgres.schema.types import TEXT
from customers.adapters.postgres.segments import (
    assignments,
    memberships,
    refresh_states,
    stale_candidates,
)
from customers.core.errors import SegmentNotFound
from customers.core.model.membership import (
    Assignment,
    Doubt,
    Flip,
    MemberChange,
    Span,
    Standing,
)
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
        return await assignments.put_into(self._session, customer_id)

    async def assignment(self, segment_id: UUID, customer_id: UUID) -> Assignment | None:
        return await assignments.find(self._session, segment_id, customer_id)

    async def standings(
        self, segment_ids: Collection[UUID] | None = None
    ) -> Mapping[UUID, Standing]:
        return await refresh_states.read(self._session, segment_ids)

    async def doubts(self, spans: Collection[Span], most: int) -> Sequence[Doubt]:
        return await stale_candidates.doubts(self._session, spans, most)

    async def roll(self, after: UUID | None, most: int) -> Sequence[Doubt]:
        return await stale_candidates.roll(self._session, after, most)

    async def overdue(self, spans: Mapping[UUID, Collection[Span]]) -> Collection[UUID]:
        return await stale_candidates.overdue(self._session, spans)

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[MemberChange]:
        return await memberships.changes(self._session, segment_id, after, limit)

    async def lock_members(self) -> None:
        await refresh_states.lock_members(self._session)

    async def lock(self, segment_id: UUID) -> Segment:
        return _found(await self._session.row(_LOCK, id=segment_id))

    async def add(self, segment: Segment) -> None:
        await self._session.run(_ADD, **_to_row(segment), cause=Standing().cause)

    async def save(self, segment: Segment) -> None:
        await self._session.run(_SAVE, **_to_row(segment))

    async def remove(self, segment_id: UUID) -> None:
        for table in _OWN:
            await assignments.remove_all(self._session, table, segment_id)
        await self._session.run(_REMOVE, id=segment_id)

    async def put(
        self, segment_id: UUID, customer_ids: Collection[UUID], by: Assignment
    ) -> Collection[UUID]:
        return await assignments.put(self._session, segment_id, customer_ids, by)

    async def stored(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        return await memberships.among(self._session, segment_id, customer_ids)

    async def put_members(self, segment_id: UUID, by: Assignment) -> None:
        await assignments.put_members(self._session, segment_id, by)

    async def take(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        return await assignments.take(self._session, segment_id, customer_ids)

    async def empty(self, segment_id: UUID) -> None:
        await assignments.empty(self._session, segment_id)

    async def watch(self, *, customers: bool, orders: bool) -> None:
        await refresh_states.watch(self._session, customers=customers, orders=orders)

    async def is_watched(self, segment_id: UUID) -> bool:
        return await refresh_states.is_watched(self._session, segment_id)

    async def marked(
        self, most: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[Doubt]:
        return await stale_candidates.marked(self._session, most, customer_ids)

    async def contradicted(
        self, segment_id: UUID, which: CustomerFilter | None, after: UUID | None, most: int
    ) -> tuple[Sequence[Doubt], UUID | None]:
        return await stale_candidates.contradicted(self._session, segment_id, which, after, most)

    async def aged(self, spans: Collection[Span], after: UUID | None, most: int) -> Sequence[Doubt]:
        return await stale_candidates.aged(self._session, spans, after, most)

    async def settle(self, flips: Sequence[Flip], settled: Sequence[Doubt] = ()) -> None:
        await memberships.settle(self._session, flips, settled)

    async def stand(self, segment_id: UUID, standing: Standing) -> None:
        await refresh_states.keep(self._session, segment_id, standing)


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


def _add() -> Insert:
    """The segment, and that there is nobody in it yet."""
    added = insert(customer_segments).values(parameters(customer_segments)).cte("added")
    standing = {"tenant_id": TENANT, "segment_id": _ID, "members": 0, "seen": 0}
    told = {**standing, "cause": bindparam("cause", type_=TEXT)}
    return insert(customer_segment_standings).values(told).add_cte(added)


_READER = msgspec.json.Decoder(float_hook=Decimal)

_of = customer_segments.c
_ID = bindparam("id", type_=Uuid())
_OWN = (
    customer_segment_assignments,
    customer_segment_members,
    customer_segment_standings,
    customer_segment_changes,
)

_GET = Statement.of(_stored().where(_of.id == _ID))
_LOCK = Statement.of(_stored().where(_of.id == _ID).with_for_update(key_share=True))
_ALL = Statement.of(_stored().order_by(_of.created_at.desc(), _of.id.desc()))
_ADD = Statement.of(_add())
_SAVE = Statement.of(
    update(customer_segments)
    .where(_of.tenant_id == TENANT, _of.id == _ID)
    .values(**parameters(customer_segments, but=("tenant_id", "id")))
)
_REMOVE = Statement.of(delete(customer_segments).where(_of.tenant_id == TENANT, _of.id == _ID))
