"""The ledger of orders and refunds, and the receipts of erasures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C")
MONEY = sa.Numeric(23, 4)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "customer_orders",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_number", TEXT, nullable=False),
        sa.Column("total_amount", MONEY, nullable=True),
        sa.Column("order_date", MOMENT, nullable=True),
        sa.Column("order_date_told", sa.Boolean(), nullable=False),
        sa.Column("refunds_total", MONEY, nullable=False),
        sa.Column("cancelled_at", MOMENT, nullable=True),
        sa.Column("recorded_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="customer_orders_customers_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", name="customer_orders_pkey"),
    )
    op.create_index(
        "customer_orders_newest",
        "customer_orders",
        ["tenant_id", "customer_id", "order_date", "order_id"],
    )
    op.create_table(
        "customer_refunds",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("refund_id", TEXT, nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("refunded_at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["customer_orders.tenant_id", "customer_orders.order_id"],
            name="customer_refunds_customer_orders_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "refund_id", name="customer_refunds_pkey"),
    )
    op.create_table(
        "customer_erasures",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("erased_at", MOMENT, nullable=False),
        sa.Column("tables", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="customer_erasures_customers_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", name="customer_erasures_pkey"),
    )


def downgrade() -> None:
    op.drop_table("customer_erasures")
    op.drop_table("customer_refunds")
    op.drop_table("customer_orders")
