"""Statements about segments of all tenants, for the sweeper and the doctor; the sweeper's lease."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Interval,
    Select,
    Table,
    Uuid,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union,
)
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
from customers.core.model.pending_changes import Backlog


async def tenants_with_segments(session: Session) -> Sequence[str]:
    return [row["tenant_id"] for row in await session.rows(_WITH_SEGMENTS)]


async def tenants_to_refresh(session: Session) -> Sequence[str]:
    return [row["tenant_id"] for row in await session.rows(_TO_REFRESH)]


async def backlog(session: Session, limit: int) -> Backlog:
    row = await session.row(_BACKLOG, limit=limit)
    return Backlog() if row is None else Backlog(size=row["size"], oldest_at=row["oldest_at"])


async def failed_builds(session: Session) -> int:
    return int(await session.value(_FAILED_BUILDS))


async def lease(session: Session, holder: UUID, seconds: float) -> bool:
    row = await session.row(_LEASE, holder=holder, duration=timedelta(seconds=seconds))
    return row is not None


def _to_refresh() -> Select[Any]:
    state = customer_segment_refresh_states.c
    is_under_way = (state.watermark.is_(None), state.target.is_not(None))
    backfills = select(state.tenant_id).where(*is_under_way)
    tenants = union(_tenants_in(customer_segment_pending_changes), backfills).subquery("tenants")
    return select(tenants.c.tenant_id).order_by(tenants.c.tenant_id)


def _tenants_in(table: Table) -> Select[Any]:
    """The tenants that have rows in a table, found one after another by the table's primary key:
    DISTINCT would read every row.
    """
    row = table.c.tenant_id
    first = select(row).order_by(row).limit(literal_column("1"))
    tenants = select(first.scalar_subquery().label("tenant_id")).cte(
        f"tenants_in_{table.name}", recursive=True
    )
    previous = tenants.c.tenant_id
    following = first.where(row > previous).scalar_subquery()
    tenants = tenants.union_all(select(following).where(previous.is_not(None)))
    return select(tenants.c.tenant_id).where(tenants.c.tenant_id.is_not(None))


def _backlog() -> Select[Any, Any]:
    change = customer_segment_pending_changes.c
    moments = select(change.at).limit(bindparam("limit", type_=BigInteger()))
    # In the order of the primary key: a scan of its index skips rows that were just removed.
    at = moments.order_by(*customer_segment_pending_changes.primary_key).subquery("pending").c.at
    return select(func.count(at).label("size"), func.min(at).label("oldest_at"))


def _lease() -> ReturningInsert[Any]:
    """Acquires or renews the lease, by the clock of the database; no row if another holds it."""
    holder = bindparam("holder", type_=Uuid())
    now = func.clock_timestamp()
    until = now + bindparam("duration", type_=Interval())
    new = insert(sweeper).values(only=literal_column("true"), holder=holder, until=until)
    is_available = or_(sweeper.c.holder == holder, sweeper.c.until < now)
    changes = {"holder": new.excluded.holder, "until": new.excluded.until}
    return new.on_conflict_do_update(
        index_elements=[sweeper.c.only], set_=changes, where=is_available
    ).returning(sweeper.c.holder)


_WITH_SEGMENTS = Statement.across_tenants(
    "tenants with segments", _tenants_in(customer_segments).order_by("tenant_id")
)
_TO_REFRESH = Statement.across_tenants("tenants to refresh", _to_refresh())
_BACKLOG = Statement.across_tenants("backlog", _backlog())
_state = customer_segment_refresh_states.c
_FAILED_BUILDS = Statement.across_tenants(
    "failed builds",
    select(func.count())
    .select_from(customer_segment_refresh_states)
    .where(_state.watermark.is_(None), _state.target.is_(None)),
)
_LEASE = Statement.of(_lease())
