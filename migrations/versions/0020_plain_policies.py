"""Policies compare the tenant without a subquery, which took processor time in every statement.

The planner need not guess which tenant the setting names, since every statement of a tenant also
compares `tenant_id` with a parameter.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = (
    "customer_addresses customer_api_keys customer_communications customer_counts "
    "customer_email_verifications customer_erasures customer_notes customer_orders "
    "customer_payment_methods customer_refunds customer_segment_assignments "
    "customer_segment_changes customer_segment_members customer_segment_pending_changes "
    "customer_segment_refresh_states customer_segment_tenants customer_segments customers"
).split()
TENANT = "current_setting('app.tenant', true)"


def upgrade() -> None:
    _compare_with(TENANT)


def downgrade() -> None:
    _compare_with(f"(SELECT {TENANT})")


def _compare_with(tenant: str) -> None:
    """Alters one table at a time, each in its own transaction, so that no caller waits for a locked
    table while the migration waits for the lock of another.
    """
    view = f"CREATE OR REPLACE VIEW customers_of_tenant AS {_OWN_CUSTOMERS.format(tenant)}"
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.execute(f"ALTER POLICY of_tenant ON {table} USING (tenant_id = {tenant})")
        op.execute(view)


_OWN_CUSTOMERS = "SELECT * FROM customers WHERE tenant_id = {}"
