"""Statements of the membership lock, of change capture, and of the capture barrier.

The membership lock of a tenant is the lock of one row, whose counter also numbers the feed. The
barrier of a segment is the moment of its first check; it is passed when every write that began
before that moment has ended.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Select,
    TableClause,
    Uuid,
    and_,
    bindparam,
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

from customers.adapters.postgres.engine.session import TENANT, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_refresh_states,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.types import MOMENT


def _has_older_write() -> Select[Any]:
    """Whether a transaction that began by `barrier_at` writes customers; a transaction whose begin
    the server does not show counts as older.
    """
    lock, activity = _locks.c, _activity.c
    begin = cast(activity.xact_start, MOMENT)
    older_writes = (
        select(lock.pid)
        .select_from(_locks.outerjoin(_activity, activity.pid == lock.pid))
        .where(
            *_is_write_of_customers(lock),
            lock.pid != func.pg_backend_pid(),
            func.coalesce(begin <= bindparam("barrier_at", type_=MOMENT), true()),
        )
    )
    return select(exists(older_writes))


def _is_write_of_customers(lock: Any) -> Sequence[ColumnElement[bool]]:
    """The conditions of a lock that a write of customers in this database holds."""
    database = _databases.c
    this_database = select(database.oid).where(database.datname == func.current_database())
    return (
        lock.relation == literal_column("'customers'::regclass"),
        lock.database == this_database.scalar_subquery(),
        lock.mode == literal_column("'RowExclusiveLock'"),
    )


def _system_table(name: str, *columns: str) -> TableClause:
    return table(name, *map(column, columns))


_locks = _system_table("pg_locks", "pid", "database", "relation", "mode")
_activity = _system_table("pg_stat_activity", "pid", "xact_start")
_databases = _system_table("pg_database", "oid", "datname")
_tenant = customer_segment_tenants.c
LOCK = Statement.of(
    select(_tenant.changes).where(_tenant.tenant_id == TENANT).with_for_update(key_share=True)
)
ADD_TENANT = Statement.of(
    insert(customer_segment_tenants)
    .values(tenant_id=TENANT, changes=0, captures_customers=False, captures_orders=False)
    .on_conflict_do_nothing(index_elements=["tenant_id"])
)
_FLAGS = parameters(customer_segment_tenants, but=("tenant_id", "changes"))
SET_CAPTURE = Statement.of(
    update(customer_segment_tenants)
    .where(
        _tenant.tenant_id == TENANT,
        tuple_(_tenant.captures_customers, _tenant.captures_orders).is_distinct_from(
            tuple_(*_FLAGS.values())
        ),
    )
    .values(_FLAGS)
)
_state = customer_segment_refresh_states.c
_BY_ID = and_(
    _state.tenant_id == TENANT, _state.segment_id == bindparam("segment_id", type_=Uuid())
)
_PASSED: ColumnElement[Any] = literal_column("timestamptz '-infinity'")
# Returns the barrier, NULL if it is passed; no row when there is no such segment.
START_BARRIER = Statement.of(
    update(customer_segment_refresh_states)
    .where(_BY_ID)
    .values(barrier_at=func.coalesce(_state.barrier_at, func.clock_timestamp()))
    .returning(func.nullif(_state.barrier_at, _PASSED).label("barrier_at"))
)
HAS_OLDER_WRITE = Statement.of(_has_older_write())
PASS_BARRIER = Statement.of(
    update(customer_segment_refresh_states)
    .where(_BY_ID, _state.barrier_at == bindparam("barrier_at", type_=MOMENT))
    .values(barrier_at=_PASSED)
)
