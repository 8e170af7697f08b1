"""A short pending list of the search index, because the write that finds it full must merge it."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER INDEX customers_search SET (gin_pending_list_limit = 512)")


def downgrade() -> None:
    op.execute("ALTER INDEX customers_search RESET (gin_pending_list_limit)")
