"""How far stored members have come, who may write them, and which writes leave marks for them.

The lock of a tenant's members is the lock of one row, whose counter numbers the feed as well.
"""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from asyncpg import Record
from attrs import asdict
from sqlalchemy import (
    Select,
    TableClause,
    Update,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_refresh_states,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.types import MOMENT, UUIDS
from customers.core.model.membership import Cause, RefreshState


async def refresh_states(
    session: Session, segment_ids: Collection[UUID] | None
) -> Mapping[UUID, RefreshState]:
    if segment_ids is None:
        rows = await session.rows(_EVERY)
    else:
        rows = await session.rows(_SOME, ids=list(segment_ids))
    return {row["segment_id"]: _from_row(row) for row in rows}


async def save_refresh_state(
    session: Session, segment_id: UUID, refresh_state: RefreshState
) -> None:
    await session.run(_KEEP, segment_id=segment_id, **asdict(refresh_state))


async def acquire_lock(session: Session) -> None:
    if await session.row(_LOCK) is None:
        await session.run(_ADD_TENANT)
        await session.row(_LOCK)


async def set_capture(session: Session, *, customers: bool, orders: bool) -> None:
    await session.run(_WATCH, captures_customers=customers, captures_orders=orders)


async def capture_barrier_passed(session: Session, segment_id: UUID) -> bool:
    """A write that knows of the segment began after it was published, so after the first question.
    One that does not know holds its lock on the table of customers: a statement takes that lock
    before its snapshot, and keeps it until its transaction ends. Who ends one just when they are
    looked at may seem to be still at it, so the first yes is kept.
    """
    asked = await session.row(_ASKED, segment_id=segment_id)
    if asked is None:
        return False
    if (barrier_at := asked["barrier_at"]) is not None:
        if await session.value(_IS_OLDER, barrier_at=barrier_at):
            return False
        await session.run(_ANSWER, segment_id=segment_id, barrier_at=barrier_at)
    return True


def _from_row(row: Record) -> RefreshState:
    return RefreshState(
        member_count=row["member_count"],
        watermark=row["watermark"],
        target=row["target"],
        cursor=row["cursor"],
        scanned=row["scanned"],
        cause=Cause(row["cause"]),
    )


def _keep() -> Update:
    """The number of members stays as it is. A build that begins asks anew for older writes."""
    kept = ("watermark", "target", "cursor", "scanned", "cause")
    told: dict[str, ColumnElement[Any]] = {
        name: bindparam(name, type_=_of[name].type) for name in kept
    }
    told["barrier_at"] = case((told["cursor"].is_not(None), _of.barrier_at))
    return update(customer_segment_refresh_states).where(_OWN).values(told)


def _is_older() -> Select[Any]:
    """Whether anyone is writing customers in a transaction that began until then; one of whom it
    is not told when they began counts.
    """
    lock = _system("pg_locks", "pid", "database", "relation", "mode")
    activity = _system("pg_stat_activity", "pid", "xact_start")
    database = _system("pg_database", "oid", "datname")
    began = func.coalesce(
        cast(activity.c.xact_start, MOMENT) <= bindparam("barrier_at", type_=MOMENT), true()
    )
    here = select(database.c.oid).where(database.c.datname == func.current_database())
    writing = (
        select(lock.c.pid)
        .select_from(lock.outerjoin(activity, activity.c.pid == lock.c.pid))
        .where(
            lock.c.relation == literal_column("'customers'::regclass"),
            lock.c.database == here.scalar_subquery(),
            lock.c.mode == literal_column("'RowExclusiveLock'"),
            lock.c.pid != func.pg_backend_pid(),
            began,
        )
    )
    return select(exists(writing))


def _system(name: str, *columns: str) -> TableClause:
    return table(name, *map(column, columns))


_of = customer_segment_refresh_states.c
_tenant = customer_segment_tenants.c
_OWN = and_(_of.tenant_id == TENANT, _of.segment_id == bindparam("segment_id", type_=Uuid()))
_STANDING = select(*(each for each in _of if each is not _of.barrier_at)).where(
    _of.tenant_id == TENANT
)
_EVERY = Statement.of(_STANDING)
_SOME = Statement.of(_STANDING.where(_of.segment_id == any_(bindparam("ids", type_=UUIDS))))
_KEEP = Statement.of(_keep())
_LOCK = Statement.of(
    select(_tenant.changes).where(_tenant.tenant_id == TENANT).with_for_update(key_share=True)
)
_ADD_TENANT = Statement.of(
    insert(customer_segment_tenants)
    .values(tenant_id=TENANT, changes=0, captures_customers=False, captures_orders=False)
    .on_conflict_do_nothing(index_elements=["tenant_id"])
)
_WATCHES = parameters(customer_segment_tenants, but=("tenant_id", "changes"))
_WATCH = Statement.of(
    update(customer_segment_tenants)
    .where(
        _tenant.tenant_id == TENANT,
        tuple_(_tenant.captures_customers, _tenant.captures_orders).is_distinct_from(
            tuple_(*_WATCHES.values())
        ),
    )
    .values(_WATCHES)
)
_ANSWERED: ColumnElement[Any] = literal_column("timestamptz '-infinity'")
_ASKED = Statement.of(
    update(customer_segment_refresh_states)
    .where(_OWN)
    .values(barrier_at=func.coalesce(_of.barrier_at, func.clock_timestamp()))
    .returning(func.nullif(_of.barrier_at, _ANSWERED).label("barrier_at"))
)
_ANSWER = Statement.of(
    update(customer_segment_refresh_states)
    .where(_OWN, _of.barrier_at == bindparam("barrier_at", type_=MOMENT))
    .values(barrier_at=_ANSWERED)
)
_IS_OLDER = Statement.of(_is_older())
