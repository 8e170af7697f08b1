"""The table of what an order changes of a customer: narrow, with few indexes.

An order would otherwise move the whole row of `customers` in every index of that table. So this row
also is the one that is locked by whoever changes a customer. The conventions are those of `tables`.
"""

from sqlalchemy import BigInteger, Boolean, Index, PrimaryKeyConstraint, Table, Uuid, literal_column
from sqlalchemy.sql import func

from customers.adapters.postgres.schema.types import (
    MOMENT,
    MONEY,
    TEXT,
    column,
    columns,
    customer_key,
    metadata,
    tenant_column,
)

customer_statistics = Table(
    "customer_statistics",
    metadata,
    tenant_column(),
    column("customer_id", Uuid()),
    column("total_orders", BigInteger()),
    *columns(MONEY, "total_spent average_order_value"),
    *columns(MOMENT, "first_order_date last_order_date", null=True),
    column("updated_at", MOMENT),
    column("version", BigInteger()),
    # Copies, so that a list that is filtered by one of them and by values of this table, or sorted
    # by one of each, reads no other.
    column("created_at", MOMENT),
    *columns(TEXT, "status customer_type"),
    # Whether the customer is not deleted: the indexes have living customers only.
    column("is_living", Boolean()),
    PrimaryKeyConstraint("tenant_id", "customer_id"),
    customer_key(),
    # Room for the next versions of rows on their page, which are removed soon.
    postgresql_with={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02},
)

# Of the dates by which lists are sorted, these two may be missing, and then come last in either
# direction. The indexes have a missing date as the first value.
MINUS_INFINITY = literal_column("'-infinity'::timestamptz", MOMENT)
INFINITY = literal_column("'infinity'::timestamptz", MOMENT)
INDEXED_DATES = {
    date.name: func.coalesce(date, MINUS_INFINITY)
    for date in (customer_statistics.c.first_order_date, customer_statistics.c.last_order_date)
}
SORTS = (
    "updated_at",
    "total_spent",
    "total_orders",
    "average_order_value",
    "last_order_date",
    "first_order_date",
)
"""The columns by which lists are sorted, each with an index."""

for _sort in SORTS:
    Index(
        f"customer_statistics_{_sort}",
        customer_statistics.c.tenant_id,
        INDEXED_DATES.get(_sort, customer_statistics.c[_sort]),
        customer_statistics.c.customer_id,
        postgresql_where=customer_statistics.c.is_living,
    )
