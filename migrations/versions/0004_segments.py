"""Segments and the customers assigned to them by hand."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "customer_segments",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_key", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=True),
        sa.Column("rules_written", TEXT, nullable=True),
        sa.Column("is_dynamic", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="customer_segments_pkey"),
    )
    op.create_index(
        "customer_segments_name_key", "customer_segments", ["tenant_id", "name_key"], unique=True
    )
    op.create_index(
        "customer_segments_newest", "customer_segments", ["tenant_id", "created_at", "id"]
    )
    op.create_table(
        "customer_segment_members",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="customer_segment_members_customers_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "segment_id"],
            ["customer_segments.tenant_id", "customer_segments.id"],
            name="customer_segment_members_customer_segments_fkey",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "segment_id", "customer_id", name="customer_segment_members_pkey"
        ),
    )
    op.create_index(
        "customer_segment_members_customer",
        "customer_segment_members",
        ["tenant_id", "customer_id"],
    )


def downgrade() -> None:
    op.drop_table("customer_segment_members")
    op.drop_table("customer_segments")
