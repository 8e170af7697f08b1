"""An index of the accounts of customers, which finds the customer of a shopper."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEX = "customers_user_id"


def upgrade() -> None:
    """Drops the index of an interrupted run first, since it may be invalid."""
    with op.get_context().autocommit_block():
        _drop()
        op.create_index(
            INDEX,
            "customers",
            ["tenant_id", "user_id", "created_at", "id"],
            postgresql_where=sa.text("user_id IS NOT NULL AND deleted_at IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    op.drop_index(INDEX, "customers", postgresql_concurrently=True, if_exists=True)
