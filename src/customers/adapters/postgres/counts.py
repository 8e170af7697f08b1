"""How many living customers a tenant has by status and type: kept by the writes that change it.

The counters change in the statement that changes the customer, so they are exact in every
snapshot. Writers are spread over slots, and touch their rows in one order.
"""

from typing import Any

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

from customers.adapters.postgres.schema import TEXTS
from customers.adapters.postgres.session import TENANT
from customers.adapters.postgres.statements import Statement
from customers.adapters.postgres.tables import customer_counts
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.query import CustomerFilter

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


def answers(which: CustomerFilter) -> bool:
    """Whether the counters know how many a filter keeps."""
    return which == CustomerFilter(statuses=which.statuses, types=which.types)


def values(which: CustomerFilter) -> dict[str, object]:
    """The values of TOTAL for a filter that the counters answer."""
    return {
        "statuses": sorted(which.statuses or CustomerStatus),
        "types": sorted(which.types or CustomerType),
    }


def _total() -> Select[Any]:
    return select(cast(func.coalesce(func.sum(_of.customers), 0), BigInteger)).where(
        _of.tenant_id == TENANT,
        _of.status == any_(bindparam("statuses", type_=TEXTS)),
        _of.customer_type == any_(bindparam("types", type_=TEXTS)),
    )


TOTAL = Statement.of(_total())
