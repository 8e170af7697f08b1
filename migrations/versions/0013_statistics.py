"""No statistics of personal columns, except of those that decide how a list is read.

The statistics of columns that the server has already stay until maintenance clears them;
those of the expression in `customers_email_ending` end with that index, which is built anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = {
    "customers": "user_id email first_name last_name phone date_of_birth country avatar_url notes "
    "tags marketing_opt_in email_verified lock_reason locked_by unlock_reason unlocked_by "
    "email_key email_folded first_name_folded last_name_folded phone_folded country_folded "
    "country_code_folded notes_folded",
    "customer_addresses": "label first_name last_name company address_line1 address_line2 city "
    "state postal_code country phone",
    "customer_payment_methods": "payment_gateway gateway_payment_method_id card_brand last_four "
    "expiry_month expiry_year",
    "customer_notes": "note created_by",
    "customer_communications": "subject content external_id",
    "customer_orders": "order_number",
    "customer_segment_assignments": "assigned_by",
    "customer_segment_pending_changes": "before",
}
# The second part of each index is an expression: of the order number, and of the e-mail address.
NUMBERS = "customer_orders_number"
INDEX, NEW_INDEX, PART = "customers_email_ending", "customers_email_ending_new", 2
NONE, DEFAULT = 0, -1


def upgrade() -> None:
    """Drops the index of an interrupted run first, since it may be invalid."""
    _set(NONE)
    with op.get_context().autocommit_block():
        _drop(NEW_INDEX)
        op.create_index(
            NEW_INDEX,
            "customers",
            ["tenant_id", sa.text("(reverse(split_part(email_folded, '@', 1)))")],
            postgresql_where=sa.text("deleted_at IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        _set_of_part(NEW_INDEX, NONE)
        _set_of_part(NUMBERS, NONE)
        _drop(INDEX)
        op.execute(f"-- squawk-ignore renaming-object\nALTER INDEX {NEW_INDEX} RENAME TO {INDEX}")


def downgrade() -> None:
    _set(DEFAULT)
    _set_of_part(INDEX, DEFAULT)
    _set_of_part(NUMBERS, DEFAULT)


def _drop(name: str) -> None:
    op.drop_index(name, "customers", postgresql_concurrently=True, if_exists=True)


def _set_of_part(index: str, target: int) -> None:
    op.execute(f"ALTER INDEX {index} ALTER COLUMN {PART} SET STATISTICS {target}")


def _set(target: int) -> None:
    for table, columns in COLUMNS.items():
        changes = ", ".join(
            f'ALTER COLUMN "{column}" SET STATISTICS {target}' for column in columns.split()
        )
        op.execute(f"ALTER TABLE {table} {changes}")
