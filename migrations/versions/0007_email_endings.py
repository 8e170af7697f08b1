"""Indexes of reversed local parts and of texts with several @, for searches in e-mail addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {
    "customers_email_ending": (
        ["tenant_id", sa.text("reverse(split_part(email_folded, '@', 1))")],
        "deleted_at IS NULL",
    ),
    "customers_many_at": (
        ["tenant_id"],
        "deleted_at IS NULL AND length(search_text) - length(replace(search_text, '@', '')) > 1",
    ),
}


def upgrade() -> None:
    """Drops the indexes of an interrupted run first, since they may be invalid."""
    with op.get_context().autocommit_block():
        _drop()
        for name, (parts, where) in INDEXES.items():
            op.create_index(
                name,
                "customers",
                parts,
                postgresql_where=sa.text(where),
                postgresql_concurrently=True,
                if_not_exists=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    for name in INDEXES:
        op.drop_index(name, "customers", postgresql_concurrently=True, if_exists=True)
