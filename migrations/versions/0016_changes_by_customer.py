"""An index of membership changes by customer, for the export of a person's data."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEX, TABLE = "customer_segment_changes_customer", "customer_segment_changes"
COLUMNS = ["tenant_id", "customer_id", "segment_id", "sequence"]


def upgrade() -> None:
    """Drops the index of an interrupted run first, since it may be invalid."""
    with op.get_context().autocommit_block():
        _drop()
        op.create_index(INDEX, TABLE, COLUMNS, postgresql_concurrently=True, if_not_exists=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    op.drop_index(INDEX, TABLE, postgresql_concurrently=True, if_exists=True)
