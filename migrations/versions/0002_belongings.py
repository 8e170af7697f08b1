"""What belongs to a customer: addresses, payment methods, notes, communications."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "customer_addresses",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("address_type", TEXT, nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("label", TEXT, nullable=False),
        sa.Column("first_name", TEXT, nullable=False),
        sa.Column("last_name", TEXT, nullable=False),
        sa.Column("company", TEXT, nullable=False),
        sa.Column("address_line1", TEXT, nullable=False),
        sa.Column("address_line2", TEXT, nullable=False),
        sa.Column("city", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("postal_code", TEXT, nullable=False),
        sa.Column("country", TEXT, nullable=False),
        sa.Column("phone", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="customer_addresses_customers_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="customer_addresses_pkey"),
    )
    op.create_index(
        "customer_addresses_customer", "customer_addresses", ["tenant_id", "customer_id"]
    )
    op.create_index(
        "customer_addresses_default_billing",
        "customer_addresses",
        ["tenant_id", "customer_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND address_type <> 'SHIPPING'"),
    )
    op.create_index(
        "customer_addresses_default_shipping",
        "customer_addresses",
        ["tenant_id", "customer_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND address_type <> 'BILLING'"),
    )
    op.create_table(
        "customer_payment_methods",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("payment_gateway", TEXT, nullable=False),
        sa.Column("gateway_payment_method_id", TEXT, nullable=False),
        sa.Column("payment_type", TEXT, nullable=False),
        sa.Column("card_brand", TEXT, nullable=False),
        sa.Column("last_four", TEXT, nullable=False),
        sa.Column("expiry_month", sa.SmallInteger(), nullable=True),
        sa.Column("expiry_year", sa.SmallInteger(), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_released", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="customer_payment_methods_customers_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="customer_payment_methods_pkey"),
    )
    op.create_index(
        "customer_payment_methods_customer",
        "customer_payment_methods",
        ["tenant_id", "customer_id"],
    )
    op.create_index(
        "customer_payment_methods_default",
        "customer_payment_methods",
        ["tenant_id", "customer_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_index(
        "customer_payment_methods_token",
        "customer_payment_methods",
        ["tenant_id", "payment_gateway", "gateway_payment_method_id"],
        unique=True,
        postgresql_where=sa.text("NOT is_released"),
    )
    op.create_table(
        "customer_notes",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="customer_notes_customers_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="customer_notes_pkey"),
    )
    op.create_index(
        "customer_notes_newest", "customer_notes", ["tenant_id", "customer_id", "created_at", "id"]
    )
    op.create_table(
        "customer_communications",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("communication_type", TEXT, nullable=False),
        sa.Column("direction", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("external_id", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="customer_communications_customers_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="customer_communications_pkey"),
    )
    op.create_index(
        "customer_communications_external_id",
        "customer_communications",
        ["tenant_id", "customer_id", "communication_type", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id <> ''"),
    )
    op.create_index(
        "customer_communications_newest",
        "customer_communications",
        ["tenant_id", "customer_id", "created_at", "id"],
    )


def downgrade() -> None:
    op.drop_table("customer_communications")
    op.drop_table("customer_notes")
    op.drop_table("customer_payment_methods")
    op.drop_table("customer_addresses")
