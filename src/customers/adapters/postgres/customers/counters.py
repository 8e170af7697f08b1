"""How many living customers a tenant has by status and type: kept by the writes that change it.

The counters change in the statement that changes the customer, so they are exact in every
snapshot. Writers are spread over slots, and touch their rows in one order.
"""

from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    FromClause,
    Select,
    SmallInteger,
    any_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customer_counts
from customers.adapters.postgres.schema.types import TEXTS
from customers.core.model.query import CustomerFilter

# The names of the values by which counters are chosen.
Shape: TypeAlias = tuple[str, ...]

_SLOTS = 16
_of = customer_counts.c


def counted(moved: FromClause) -> Insert:
    """Adds the differences of `moved` (status, customer_type, customers) to the counters."""
    slot = cast(func.pg_backend_pid() % _SLOTS, SmallInteger)
    differences = select(
        TENANT, moved.c.status, moved.c.customer_type, slot, moved.c.customers
    ).order_by(moved.c.status, moved.c.customer_type)
    new = insert(customer_counts).from_select(list(_of), differences)
    return new.on_conflict_do_update(
        index_elements=list(customer_counts.primary_key),
        set_={"customers": _of.customers + new.excluded.customers},
    )


def shape(which: CustomerFilter) -> Shape | None:
    """By what the counters are chosen; None where they do not know how many a filter keeps."""
    if which != CustomerFilter(statuses=which.statuses, types=which.types):
        return None
    return tuple(values(which))


def values(which: CustomerFilter) -> dict[str, object]:
    """The values by which the counters are chosen."""
    chosen = {"statuses": sorted(which.statuses), "types": sorted(which.types)}
    return {name: value for name, value in chosen.items() if value}


@cache
def total(shape: Shape) -> Statement:
    return Statement.of(counted_by(shape))


def counted_by(shape: Shape) -> Select[Any]:
    """How many there are of the statuses and types that are named."""
    chosen = {
        "statuses": _of.status == any_(bindparam("statuses", type_=TEXTS)),
        "types": _of.customer_type == any_(bindparam("types", type_=TEXTS)),
    }
    return select(cast(func.coalesce(func.sum(_of.customers), 0), BigInteger)).where(
        _of.tenant_id == TENANT, *(chosen[name] for name in shape)
    )
