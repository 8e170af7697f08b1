"""Counters: the number of a tenant's living customers by status and type.

The statement that changes a customer changes the counters too, so they are exact in every snapshot.
Writers are spread over slots, and each updates its rows in the same order, to avoid deadlocks.
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
from customers.core.model.customer_filter import CustomerFilter

# The names of the parameters that choose counters.
Shape: TypeAlias = tuple[str, ...]

_SLOTS = 16
_counter = customer_counts.c


def add_to_counters(differences: FromClause) -> Insert:
    """Adds differences (status, customer_type, customers) to the counters."""
    slot = cast(func.pg_backend_pid() % _SLOTS, SmallInteger)
    kind = (differences.c.status, differences.c.customer_type)
    rows = select(TENANT, *kind, slot, differences.c.customers).order_by(*kind)
    new = insert(customer_counts).from_select(list(_counter), rows)
    return new.on_conflict_do_update(
        index_elements=list(customer_counts.primary_key),
        set_={"customers": _counter.customers + new.excluded.customers},
    )


def shape(customer_filter: CustomerFilter) -> Shape | None:
    """The names of the parameters by which a filter chooses counters; None if counters cannot count
    the customers of the filter.
    """
    statuses, types = customer_filter.statuses, customer_filter.types
    if customer_filter != CustomerFilter(statuses=statuses, types=types):
        return None
    return tuple(values(customer_filter))


def values(customer_filter: CustomerFilter) -> dict[str, object]:
    """The parameters that choose counters."""
    choices = {
        "statuses": sorted(customer_filter.statuses),
        "types": sorted(customer_filter.types),
    }
    return {name: choice for name, choice in choices.items() if choice}


@cache
def total(shape: Shape) -> Statement:
    return Statement.of(select_total(shape))


def select_total(shape: Shape) -> Select[Any]:
    """The sum of the chosen counters."""
    conditions = {
        "statuses": _counter.status == any_(bindparam("statuses", type_=TEXTS)),
        "types": _counter.customer_type == any_(bindparam("types", type_=TEXTS)),
    }
    return select(cast(func.coalesce(func.sum(_counter.customers), 0), BigInteger)).where(
        _counter.tenant_id == TENANT, *(conditions[name] for name in shape)
    )
