"""Indexes of order numbers, for searches, and of search texts that have to be rewritten."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INDEXES = {
    "customer_orders_number": (
        "customer_orders",
        ["tenant_id", sa.text("lower(ltrim(order_number, '#'))")],
        "order_number <> ''",
    ),
    "customers_old_search_text": (
        "customers",
        ["tenant_id", "id"],
        "right(search_text, 1) <> chr(3)",
    ),
}


def upgrade() -> None:
    """Drops the indexes of an interrupted run first, since they may be invalid."""
    with op.get_context().autocommit_block():
        _drop()
        for name, (table, columns, where) in INDEXES.items():
            op.create_index(
                name,
                table,
                columns,
                postgresql_where=sa.text(where),
                postgresql_concurrently=True,
                if_not_exists=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    for name, (table, *_) in INDEXES.items():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
