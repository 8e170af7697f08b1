"""What a sweeper asks of the whole database: whose turn it is, and which tenants have work."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Select, Uuid, bindparam, func, literal_column, or_, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_pending_changes,
    customer_segment_refresh_states,
    customer_segments,
    sweeper,
)


async def tenants_with_segments(session: Session) -> Sequence[str]:
    return [row["tenant_id"] for row in await session.rows(_WITH_SEGMENTS)]


async def tenants_to_refresh(session: Session) -> Sequence[str]:
    return [row["tenant_id"] for row in await session.rows(_TO_SETTLE)]


async def lease(session: Session, holder: UUID, seconds: float) -> bool:
    told = await session.row(_LEASE, holder=holder, so_long=timedelta(seconds=seconds))
    return told is not None


def _to_settle() -> Select[Any]:
    marked = select(customer_segment_pending_changes.c.tenant_id)
    refresh_state = customer_segment_refresh_states.c
    building = select(refresh_state.tenant_id).where(refresh_state.watermark.is_(None))
    tenants = union(marked.distinct(), building).subquery("tenants")
    return select(tenants.c.tenant_id).order_by(tenants.c.tenant_id)


def _lease() -> ReturningInsert[Any]:
    """A row when the lease is the holder's, by the clock of the database."""
    holder = bindparam("holder", type_=Uuid())
    now = func.clock_timestamp()
    until = now + bindparam("so_long", type_=Interval())
    new = insert(sweeper).values(only=literal_column("true"), holder=holder, until=until)
    mine = or_(sweeper.c.holder == holder, sweeper.c.until < now)
    changed = {"holder": new.excluded.holder, "until": new.excluded.until}
    return new.on_conflict_do_update(
        index_elements=[sweeper.c.only], set_=changed, where=mine
    ).returning(sweeper.c.holder)


_WITH_SEGMENTS = Statement.of(
    select(customer_segments.c.tenant_id).distinct().order_by(customer_segments.c.tenant_id)
)
_TO_SETTLE = Statement.of(_to_settle())
_LEASE = Statement.of(_lease())
