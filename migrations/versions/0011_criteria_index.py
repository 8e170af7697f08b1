"""One index of search texts, tags, countries and flags, for lists by any of them.

The server estimates by statistics how many customers satisfy a criterion. It takes those of an
expression from a statistics object, not from a partial index.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SEARCH = ["tenant_id", "search_text", "tags_folded"]
CRITERIA = [
    *SEARCH,
    "country_code",
    sa.text("(marketing_opt_in::integer)"),
    sa.text("(email_verified::integer)"),
    sa.text("((user_id IS NOT NULL)::integer)"),
]


STATISTICS = {
    "customers_opted_in": "marketing_opt_in::integer",
    "customers_verified": "email_verified::integer",
    "customers_account": "(user_id IS NOT NULL)::integer",
    "customers_last_order_asc": "coalesce(last_order_date, 'infinity'::timestamptz)",
    "customers_last_order_desc": "coalesce(last_order_date, '-infinity'::timestamptz)",
}


def upgrade() -> None:
    """Drops the index of an interrupted run first, since it may be invalid."""
    with op.get_context().autocommit_block():
        _drop("customers_criteria")
        _create("customers_criteria", CRITERIA)
        for name, expression in STATISTICS.items():
            op.execute(f"CREATE STATISTICS IF NOT EXISTS {name} ON ({expression}) FROM customers")
        op.execute("ANALYZE customers")
        _drop("customers_search")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop("customers_search")
        _create("customers_search", SEARCH)
        _drop("customers_criteria")
        for name in STATISTICS:
            op.execute(f"DROP STATISTICS IF EXISTS {name}")


def _create(name: str, parts: list[object]) -> None:
    op.create_index(
        name,
        "customers",
        parts,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": 512},
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_concurrently=True,
        if_not_exists=True,
    )


def _drop(name: str) -> None:
    op.drop_index(name, "customers", postgresql_concurrently=True, if_exists=True)
