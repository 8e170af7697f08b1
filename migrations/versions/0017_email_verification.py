"""The table of verifications of customers' e-mail addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = "customer_email_verifications"
TEXT = sa.Text(collation="C")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("address_hash", TEXT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=f"{TABLE}_customers_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", "token_hash", name=f"{TABLE}_pkey"),
    )
    op.create_index(f"{TABLE}_token", TABLE, ["token_hash"])


def downgrade() -> None:
    op.drop_table(TABLE)
