"""Whole e-mails are searched for by how the part before the @ ends, read backwards."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "customers_email_ending",
            "customers",
            ["tenant_id", sa.text("reverse(split_part(email_folded, '@', 1))")],
            postgresql_where=sa.text("deleted_at IS NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "customers_many_at",
            "customers",
            ["tenant_id"],
            postgresql_where=sa.text("deleted_at IS NULL AND search_text LIKE '%@%@%'"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in ("customers_many_at", "customers_email_ending"):
            op.drop_index(name, "customers", postgresql_concurrently=True)
