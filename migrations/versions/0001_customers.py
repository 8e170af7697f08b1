"""Customers, the indexes of their lists, their counters, and the currency of the database."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C")
MONEY = sa.Numeric(23, 4)
MOMENT = sa.DateTime(timezone=True)
LIVING = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    op.create_table(
        "customers",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("first_name", TEXT, nullable=False),
        sa.Column("last_name", TEXT, nullable=False),
        sa.Column("phone", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("customer_type", TEXT, nullable=False),
        sa.Column("total_orders", sa.BigInteger(), nullable=False),
        sa.Column("total_spent", MONEY, nullable=False),
        sa.Column("average_order_value", MONEY, nullable=False),
        sa.Column("first_order_date", MOMENT, nullable=True),
        sa.Column("last_order_date", MOMENT, nullable=True),
        sa.Column("date_of_birth", sa.Date(), nullable=True),
        sa.Column("country", TEXT, nullable=False),
        sa.Column("country_code", TEXT, nullable=False),
        sa.Column("avatar_url", TEXT, nullable=False),
        sa.Column("tags", postgresql.ARRAY(TEXT), nullable=False),
        sa.Column("notes", TEXT, nullable=False),
        sa.Column("marketing_opt_in", sa.Boolean(), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("lock_reason", TEXT, nullable=True),
        sa.Column("locked_at", MOMENT, nullable=True),
        sa.Column("locked_by", sa.Uuid(), nullable=True),
        sa.Column("unlock_reason", TEXT, nullable=True),
        sa.Column("unlocked_at", MOMENT, nullable=True),
        sa.Column("unlocked_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("search_text", TEXT, nullable=False),
        sa.Column("email_folded", TEXT, nullable=False),
        sa.Column("first_name_folded", TEXT, nullable=False),
        sa.Column("last_name_folded", TEXT, nullable=False),
        sa.Column("phone_folded", TEXT, nullable=False),
        sa.Column("country_folded", TEXT, nullable=False),
        sa.Column("country_code_folded", TEXT, nullable=False),
        sa.Column("notes_folded", TEXT, nullable=False),
        sa.Column("tags_folded", postgresql.ARRAY(TEXT), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="customers_pkey"),
    )
    op.create_index(
        "customers_average_order_value",
        "customers",
        ["tenant_id", "average_order_value", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_created_at",
        "customers",
        ["tenant_id", "created_at", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_customer_type",
        "customers",
        ["tenant_id", "customer_type", "created_at", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_email", "customers", ["tenant_id", "email", "id"], postgresql_where=LIVING
    )
    op.create_index(
        "customers_email_key",
        "customers",
        ["tenant_id", "email_key"],
        unique=True,
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_first_name",
        "customers",
        ["tenant_id", "first_name", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_first_order_date_asc",
        "customers",
        [
            "tenant_id",
            sa.literal_column("coalesce(first_order_date, 'infinity'::timestamptz)"),
            "id",
        ],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_first_order_date_desc",
        "customers",
        [
            "tenant_id",
            sa.literal_column("coalesce(first_order_date, '-infinity'::timestamptz)"),
            "id",
        ],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_last_name",
        "customers",
        ["tenant_id", "last_name", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_last_order_date_asc",
        "customers",
        [
            "tenant_id",
            sa.literal_column("coalesce(last_order_date, 'infinity'::timestamptz)"),
            "id",
        ],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_last_order_date_desc",
        "customers",
        [
            "tenant_id",
            sa.literal_column("coalesce(last_order_date, '-infinity'::timestamptz)"),
            "id",
        ],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_search",
        "customers",
        ["tenant_id", "search_text", "tags_folded"],
        postgresql_where=LIVING,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.create_index(
        "customers_status",
        "customers",
        ["tenant_id", "status", "created_at", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_total_orders",
        "customers",
        ["tenant_id", "total_orders", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_total_spent",
        "customers",
        ["tenant_id", "total_spent", "id"],
        postgresql_where=LIVING,
    )
    op.create_index(
        "customers_updated_at",
        "customers",
        ["tenant_id", "updated_at", "id"],
        postgresql_where=LIVING,
    )
    op.create_table(
        "customer_counts",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("customer_type", TEXT, nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "status", "customer_type", "slot", name="customer_counts_pkey"
        ),
    )
    op.create_table(
        "deployment",
        sa.Column("only", sa.Boolean(), nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.CheckConstraint('"only"', name="deployment_one_row_check"),
        sa.PrimaryKeyConstraint("only", name="deployment_pkey"),
    )


def downgrade() -> None:
    op.drop_table("deployment")
    op.drop_table("customer_counts")
    op.drop_table("customers")
