"""Segments in PostgreSQL.

A rule is stored twice: as it was written, to be shown, and in its canonical form, to be parsed.
"""

from asyncio import sleep
from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from sqlalchemy import (
    Insert,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.weighted_cache import WeightedCache
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_assignments,
    customer_segment_changes,
    customer_segment_members,
    customer_segment_refresh_states,
    customer_segments,
)
from customers.adapters.postgres.schema.types import TEXT
from customers.adapters.postgres.segments.assignments import remove_all
from customers.adapters.postgres.segments.refresh_states import REFRESH_STATES
from customers.core.errors import SegmentNameTaken, SegmentNotFound
from customers.core.model.membership import RefreshState
from customers.core.model.rules.canonical import to_json
from customers.core.model.rules.cost import memory
from customers.core.model.rules.parse import TOO_EXPENSIVE, parse_stored
from customers.core.model.rules.tree import Rule
from customers.core.model.segment import Segment
from customers.core.ports.segments import SegmentRepository

_DECODER = msgspec.json.Decoder(float_hook=Decimal)


# A cache of the rules used last: without it, every read of a segment would parse the rule. Its
# memory is limited, not the number of rules, because a tenant may have 500 of the largest.
_MAX_BYTES = 24_000_000
_RULES = WeightedCache[bytes, Rule](_MAX_BYTES)
# More characters than the canonical form of any rule within the limits.
_MAX_CANONICAL = 200_000


def _parsed(canonical: str | None) -> Rule | None:
    if canonical is None:
        return None
    if len(canonical) > _MAX_CANONICAL:
        return TOO_EXPENSIVE
    if (rule := _RULES.get(key := _digest(canonical))) is None:
        rule = parse_stored(_DECODER.decode(canonical))
        _RULES.put(key, rule, memory(rule))
    return rule


def _digest(canonical: str) -> bytes:
    return blake2b(canonical.encode(), digest_size=16).digest()


def _canonical(rule: Rule | None) -> object:
    return None if rule is None else to_json(rule)


SEGMENTS = RowMapping(
    Segment,
    customer_segments,
    decoders={"rule": _parsed},
    encoders={"rule": _canonical},
    derived={"name_key": attrgetter("name_key")},
)


class PostgresSegments(SegmentRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, segment_id: UUID) -> Segment:
        return _existing(await self._session.row(_GET, id=segment_id))

    async def all(self) -> Sequence[Segment]:
        return [await _read(row) for row in await self._session.rows(_ALL)]

    async def count(self) -> int:
        return int(await self._session.value(_COUNT))

    async def get_for_update(self, segment_id: UUID) -> Segment:
        return _existing(await self._session.row(_GET_FOR_UPDATE, id=segment_id))

    async def add(self, segment: Segment) -> None:
        await self._expect_free_name(segment)
        state = REFRESH_STATES.write(RefreshState())
        await self._session.run(_ADD, **SEGMENTS.write(segment), **state)

    async def save(self, segment: Segment) -> None:
        await self._expect_free_name(segment)
        is_unparsed = segment.rule is not None and segment.rule.is_too_expensive
        statement = _SAVE_BUT_RULE if is_unparsed else _SAVE
        await self._session.run(statement, **SEGMENTS.write(segment))

    async def remove(self, segment_id: UUID) -> None:
        for table in _OWN_TABLES:
            await remove_all(self._session, table, segment_id)
        await self._session.run(_REMOVE, id=segment_id)

    async def _expect_free_name(self, segment: Segment) -> None:
        """Raises SegmentNameTaken if another segment has the name. The check is exact under the
        membership lock; without the lock the unique index decides.
        """
        values = {"name_key": segment.name_key, "id": segment.id}
        if await self._session.value(_NAME_HOLDER, **values) is not None:
            self._session.refuse(SegmentNameTaken())


async def _read(row: Record) -> Segment:
    """The segment of a row. Lets other tasks run before it parses a rule, which takes some
    milliseconds.
    """
    if row["rule"] is not None and _RULES.get(_digest(row["rule"])) is None:
        await sleep(0)
    return SEGMENTS.read(row)


def _existing(row: Record | None) -> Segment:
    if row is None:
        raise SegmentNotFound
    return SEGMENTS.read(row)


def _select() -> Select[Any]:
    """The tenant's segments; rules are text, so that equal rules are parsed once."""
    rule = cast(_segment.rule, Text).label("rule")
    columns = (rule if column.name == "rule" else column for column in SEGMENTS.columns)
    return select(*columns).where(_segment.tenant_id == TENANT)


def _add() -> Insert:
    """Adds the segment and its refresh state."""
    added = insert(customer_segments).values(parameters(customer_segments)).cte("added")
    values = parameters(customer_segment_refresh_states, but=("barrier_at",))
    state = insert(customer_segment_refresh_states).values({**values, "segment_id": _ID})
    return state.add_cte(added)


_segment = customer_segments.c
_ID = bindparam("id", type_=Uuid())
# The tables whose rows are removed with a segment.
_OWN_TABLES = (
    customer_segment_assignments,
    customer_segment_members,
    customer_segment_refresh_states,
    customer_segment_changes,
)
_GET = Statement.of(_select().where(_segment.id == _ID))
_GET_FOR_UPDATE = Statement.of(_select().where(_segment.id == _ID).with_for_update(key_share=True))
_ALL = Statement.of(_select().order_by(_segment.created_at.desc(), _segment.id.desc()))
_COUNT = Statement.of(
    select(func.count()).select_from(customer_segments).where(_segment.tenant_id == TENANT)
)
_NAME_HOLDER = Statement.of(
    select(_segment.id).where(
        _segment.tenant_id == TENANT,
        _segment.name_key == bindparam("name_key", type_=TEXT),
        _segment.id != _ID,
    )
)
_ADD = Statement.of(_add())
_UPDATE = update(customer_segments).where(_segment.tenant_id == TENANT, _segment.id == _ID)
_SAVE = Statement.of(_UPDATE.values(**parameters(customer_segments, but=("tenant_id", "id"))))
_SAVE_BUT_RULE = Statement.of(
    _UPDATE.values(**parameters(customer_segments, but=("tenant_id", "id", "rule")))
)
_REMOVE = Statement.of(
    delete(customer_segments).where(_segment.tenant_id == TENANT, _segment.id == _ID)
)
