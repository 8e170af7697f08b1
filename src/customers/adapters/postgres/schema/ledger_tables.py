"""The tables of the ledger: orders and refunds. The conventions are those of `tables`."""

from sqlalchemy import (
    Boolean,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    literal_column,
    text,
)
from sqlalchemy.sql import func
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.schema.types import (
    MOMENT,
    MONEY,
    TEXT,
    Columns,
    column,
    columns,
    metadata,
    tenant_column,
)

customer_orders = Table(
    "customer_orders",
    metadata,
    tenant_column(),
    column("order_id", TEXT),
    column("customer_id", Uuid()),
    column("order_number", TEXT),
    # NULL in a stub: it holds refunds or a cancellation that were recorded before the order.
    column("total_amount", MONEY, null=True),
    column("order_date", MOMENT, null=True),
    column("order_date_stated", Boolean()),
    column("refunds_total", MONEY),
    *columns(MOMENT, "cancelled_at recorded_at", null=True),
    PrimaryKeyConstraint("tenant_id", "order_id"),
    # To the row that an order changes: a key to `customers` would have to lock its row as well.
    ForeignKeyConstraint(
        ("tenant_id", "customer_id"),
        ("customer_statistics.tenant_id", "customer_statistics.customer_id"),
    ),
    Index("customer_orders_newest", "tenant_id", "customer_id", "order_date", "order_id"),
)


def order_number_key(order: Columns) -> ColumnElement[str]:
    """The core's `order_number_key` as SQL. The columns have the collation "C", in which lower()
    changes only A to Z, as the core does.
    """
    return func.lower(func.ltrim(order.order_number, literal_column("'#'")))


Index(
    "customer_orders_number",
    customer_orders.c.tenant_id,
    order_number_key(customer_orders.c),
    postgresql_where=text("order_number <> ''"),
)

customer_refunds = Table(
    "customer_refunds",
    metadata,
    tenant_column(),
    *columns(TEXT, "order_id refund_id"),
    column("amount", MONEY),
    *columns(MOMENT, "refunded_at recorded_at"),
    PrimaryKeyConstraint("tenant_id", "order_id", "refund_id"),
    ForeignKeyConstraint(
        ("tenant_id", "order_id"), ("customer_orders.tenant_id", "customer_orders.order_id")
    ),
)
