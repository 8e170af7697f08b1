"""The table of API keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLE = "customer_api_keys"
TEXT = sa.Text(collation="C")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("permissions", postgresql.ARRAY(TEXT), nullable=False),
        sa.Column("secret_hash", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=f"{TABLE}_pkey"),
    )
    op.create_index(
        f"{TABLE}_newest",
        TABLE,
        ["tenant_id", "created_at", "id"],
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index(f"{TABLE}_id", TABLE, ["id"])


def downgrade() -> None:
    op.drop_table(TABLE)
