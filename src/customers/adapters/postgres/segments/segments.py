"""Segments in PostgreSQL.

A rule is stored twice: as it was written, for the echo, and in its canonical form, to be parsed.
"""

from collections.abc import Sequence
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
    customer_segment_refresh_states,
    customer_segments,
)
from customers.adapters.postgres.schema.types import TEXT
from customers.adapters.postgres.segments.assignments import remove_all
from customers.core.errors import SegmentNotFound
from customers.core.model.membership import RefreshState
from customers.core.model.rules.canonical import to_json
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Rule
from customers.core.model.segment import Segment
from customers.core.ports.segments import SegmentRepository


class PostgresSegments(SegmentRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, segment_id: UUID) -> Segment:
        return _found(await self._session.row(_GET, id=segment_id))

    async def all(self) -> Sequence[Segment]:
        return [_from_row(row) for row in await self._session.rows(_ALL)]

    async def get_for_update(self, segment_id: UUID) -> Segment:
        return _found(await self._session.row(_LOCK, id=segment_id))

    async def add(self, segment: Segment) -> None:
        await self._session.run(_ADD, **_to_row(segment), cause=RefreshState().cause)

    async def save(self, segment: Segment) -> None:
        await self._session.run(_SAVE, **_to_row(segment))

    async def remove(self, segment_id: UUID) -> None:
        for table in _OWN:
            await remove_all(self._session, table, segment_id)
        await self._session.run(_REMOVE, id=segment_id)


def _found(row: Record | None) -> Segment:
    if row is None:
        raise SegmentNotFound
    return _from_row(row)


def _from_row(row: Record) -> Segment:
    values = dict(row)
    rule = values.pop("rule")
    return Segment(**values, rule=None if rule is None else _rule(rule))


@lru_cache(maxsize=1_024)
def _rule(canonical: str) -> Rule:
    return parse(_DECODER.decode(canonical))


def _to_row(segment: Segment) -> dict[str, object]:
    rule = segment.rule
    return {
        **asdict(segment, recurse=False),
        "name_key": segment.name_key,
        "rule": None if rule is None else to_json(rule),
    }


def _select() -> Select[Any]:
    """The tenant's segments; the rule as text, so that equal rules are parsed once."""
    plain = [column for column in _of if column.name not in ("rule", "name_key")]
    return select(*plain, cast(_of.rule, Text).label("rule")).where(_of.tenant_id == TENANT)


def _add() -> Insert:
    """Adds the segment and its refresh state, without members."""
    added = insert(customer_segments).values(parameters(customer_segments)).cte("added")
    refresh_state = {"tenant_id": TENANT, "segment_id": _ID, "member_count": 0, "scanned": 0}
    values = {**refresh_state, "cause": bindparam("cause", type_=TEXT)}
    return insert(customer_segment_refresh_states).values(values).add_cte(added)


_DECODER = msgspec.json.Decoder(float_hook=Decimal)

_of = customer_segments.c
_ID = bindparam("id", type_=Uuid())
_OWN = (
    customer_segment_assignments,
    customer_segment_members,
    customer_segment_refresh_states,
    customer_segment_changes,
)

_GET = Statement.of(_select().where(_of.id == _ID))
_LOCK = Statement.of(_select().where(_of.id == _ID).with_for_update(key_share=True))
_ALL = Statement.of(_select().order_by(_of.created_at.desc(), _of.id.desc()))
_ADD = Statement.of(_add())
_SAVE = Statement.of(
    update(customer_segments)
    .where(_of.tenant_id == TENANT, _of.id == _ID)
    .values(**parameters(customer_segments, but=("tenant_id", "id")))
)
_REMOVE = Statement.of(delete(customer_segments).where(_of.tenant_id == TENANT, _of.id == _ID))
