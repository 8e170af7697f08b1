"""Statements of the membership lock, of change capture, and of the capture barrier.

The membership lock of a tenant is the lock of one row, whose counter also numbers the feed. The
barrier of a segment is the moment of its first check; it is passed when every write for the tenant
that began before that moment has ended. Transactions of other tenants do not hold it up; a single
statement of another tenant that waits for a row can, until the statement time-out.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    TableClause,
    Uuid,
    and_,
    bindparam,
    cast,
    column,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import OID, insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.session import TENANT, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_marks import MARK_CLASS
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_refresh_states,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.types import MOMENT


def _has_older_write() -> Select[Any]:
    """Whether a transaction that began at or before `barrier_at` may write customers of the tenant.
    A transaction whose begin the server does not show counts as an older one.
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
            _may_be_of_tenant(),
        )
    )
    return select(exists(older_writes))


def _may_be_of_tenant() -> ColumnElement[bool]:
    """Whether a transaction may write for the tenant: it has the tenant's mark, or no mark.

    A transaction without a mark is a single statement, which ends soon, or one of an older release,
    which has this program's application name. An idle transaction of another program does not
    count, because its writes are never captured.
    """
    lock, activity, mark = _locks.c, _activity.c, _marks.c
    has_mark = (
        mark.pid == lock.pid,
        mark.locktype == literal_column("'advisory'"),
        mark.classid == cast(MARK_CLASS, OID),
    )
    of_tenant = mark.objid == cast(bindparam("mark", type_=BigInteger()), OID)
    is_idle = func.coalesce(activity.state.like(literal_column("'idle in transaction%'")), false())
    own_name = func.current_setting(literal_column("'application_name'"))
    return or_(
        exists().where(*has_mark, of_tenant),
        and_(
            ~exists().where(*has_mark),
            or_(~is_idle, activity.application_name == own_name),
        ),
    )


def _is_write_of_customers(lock: Any) -> Sequence[ColumnElement[bool]]:
    """The conditions that select from `pg_locks` the locks of writes to the tables of customers in
    this database, held or waited for. A program of the release before writes only to `customers`.
    """
    database = _databases.c
    this_database = select(database.oid).where(database.datname == func.current_database())
    return (
        lock.relation.in_(map(literal_column, _TABLES)),
        lock.database == this_database.scalar_subquery(),
        lock.mode == literal_column("'RowExclusiveLock'"),
    )


def _system_table(name: str, *columns: str) -> TableClause:
    return table(name, *map(column, columns))


_TABLES = ("'customers'::regclass", "'customer_statistics'::regclass")
_locks = _system_table("pg_locks", "pid", "database", "relation", "mode")
_marks = table("pg_locks", *map(column, ("pid", "locktype", "classid", "objid"))).alias("marks")
_activity = _system_table("pg_stat_activity", "pid", "xact_start", "state", "application_name")
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
# Returns the barrier, NULL if it is passed; no row if there is no such segment.
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
