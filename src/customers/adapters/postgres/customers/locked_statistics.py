"""The lock under which orders are recorded, on the row of statistics alone.

A customer's other row is read in the statement's snapshot. When the lock has had to wait for
another transaction, which may have changed that row, it is read again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from asyncpg import PostgresError, Record
from sqlalchemy import CTE, BindParameter, ColumnElement, Select, bindparam, select, true

from customers.adapters.postgres.customers.lateral import any_of, in_order, lateral
from customers.adapters.postgres.customers.lock_timeout import SHORT_LOCK_TIMEOUT
from customers.adapters.postgres.customers.rows import CUSTOMERS, ORDER_COLUMNS
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.errors.availability import Unavailable

Row: TypeAlias = Record | Mapping[str, Any]


def locked_statistics(customer_id: BindParameter[Any], *, skip_locked: bool = False) -> CTE:
    """The current row of a living customer, locked: `id`, the ORDER_COLUMNS, and `has_changed`,
    whether another transaction has changed the row since the snapshot. With `skip_locked`, the
    statement waits for no customer.
    """
    own = _locked(_statistics.customer_id == customer_id, ORDER_COLUMNS, skip_locked=skip_locked)
    return own.cte("locked").prefix_with("MATERIALIZED")


def locked_statistics_of(customer_ids: BindParameter[Any], *, skip_locked: bool = False) -> CTE:
    """As `locked_statistics`, with all columns, of several customers, who are looked up one by one
    and locked in the order of their ids.
    """
    ids = in_order(customer_ids)
    columns = [one for one in _statistics if one.name not in ("tenant_id", "customer_id")]
    own = _locked(_statistics.customer_id == ids.c.id, columns, skip_locked=skip_locked)
    each = lateral(own, "each")
    return (
        select(each).select_from(ids.join(each, true())).cte("locked").prefix_with("MATERIALIZED")
    )


def _locked(
    condition: ColumnElement[bool], columns: Sequence[ColumnElement[Any]], *, skip_locked: bool
) -> Select[Any]:
    seen = customer_statistics.alias("seen")
    version_seen = (
        select(seen.c.version)
        .where(seen.c.tenant_id == TENANT, seen.c.customer_id == _statistics.customer_id)
        .scalar_subquery()
    )
    has_changed = _statistics.version.is_distinct_from(version_seen).label("has_changed")
    others = (has_changed, *([SHORT_LOCK_TIMEOUT] if skip_locked else []))
    return (
        select(_statistics.customer_id.label("id"), *columns, *others)
        .where(_statistics.tenant_id == TENANT, condition, _statistics.is_living)
        .with_for_update(key_share=True, skip_locked=skip_locked)
    )


async def with_current_details(session: Session, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows of customers and `has_changed`; where that holds, details are those of now.

    Raises Unavailable when they cannot be read: the orders are recorded by then, and an error of
    the server would say that nothing was.
    """
    ids = [row["id"] for row in rows if row["has_changed"]]
    if not ids:
        return rows
    try:
        details = {row["id"]: row for row in await session.rows(_DETAILS, ids=ids)}
    except PostgresError as error:
        raise Unavailable from error
    return [{**row, **details.get(row["id"], {})} for row in rows]


_statistics = customer_statistics.c
_DETAILS = Statement.of(
    select(*(one for one in CUSTOMERS.columns if one.table is customers)).where(
        customers.c.tenant_id == TENANT, customers.c.id == any_of(bindparam("ids", type_=UUIDS))
    )
)
