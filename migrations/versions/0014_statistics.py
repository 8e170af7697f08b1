"""No statistics of personal values, but of the columns that decide how a list is read.

The statistics that the server has already stay until `customers maintain` clears them.
"""

from alembic import op

revision = "0014"
down_revision = "0011"
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
# The second part of this index is an expression of the e-mail address.
INDEX, PART = "customers_email_ending", 2
NONE, DEFAULT = 0, -1


def upgrade() -> None:
    _set(NONE)


def downgrade() -> None:
    _set(DEFAULT)


def _set(target: int) -> None:
    for table, columns in COLUMNS.items():
        changes = ", ".join(
            f'ALTER COLUMN "{column}" SET STATISTICS {target}' for column in columns.split()
        )
        op.execute(f"ALTER TABLE {table} {changes}")
    op.execute(f"ALTER INDEX {INDEX} ALTER COLUMN {PART} SET STATISTICS {target}")
