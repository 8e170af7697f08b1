"""Policies compare the tenant without a subquery, which took processor time in every statement.

The planner does not guess the tenant from the setting, since every statement also compares it with
a parameter, which it prefers.
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
    """One table at a time, so that nobody waits for the migration while it waits for another."""
    view = f"CREATE OR REPLACE VIEW customers_of_tenant AS {_OWN_CUSTOMERS.format(tenant)}"
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.execute(f"ALTER POLICY of_tenant ON {table} USING (tenant_id = {tenant})")
        op.execute(view)


_OWN_CUSTOMERS = "SELECT * FROM customers WHERE tenant_id = {}"
