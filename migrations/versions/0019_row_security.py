"""Policies by which a role that owns nothing sees and writes the rows of one tenant only.

`customers migrate --service-role` puts them into force and grants a role what the service needs.
Until then they apply to no role, so processes of this release and of the last one serve as before.
They never apply to the owner of the tables, so migrations, maintenance and backups work as before.

The views are read instead of the tables where a policy would prevent the use of an index, and by
the statements about all tenants. They are deliberately no security barriers, so that the planner
may combine their conditions with those of a query.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = (
    "customer_addresses customer_api_keys customer_communications customer_counts "
    "customer_email_verifications customer_erasures customer_notes customer_orders "
    "customer_payment_methods customer_refunds customer_segment_assignments "
    "customer_segment_changes customer_segment_members customer_segment_pending_changes "
    "customer_segment_refresh_states customer_segment_tenants customer_segments customers"
).split()
POLICY = "of_tenant"
OF_TENANT = ("customers",)
OF_EVERY_TENANT = (
    "customer_api_keys customer_email_verifications customer_erasures "
    "customer_segment_pending_changes customer_segment_refresh_states customer_segments customers"
).split()
# A subquery is evaluated once in a statement, and the planner does not guess its value.
TENANT = "(SELECT current_setting('app.tenant', true))"


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"CREATE POLICY {POLICY} ON {table} USING (tenant_id = {TENANT})")
    for table in OF_TENANT:
        _create_view(f"{table}_of_tenant", table, f"tenant_id = {TENANT}")
    for table in OF_EVERY_TENANT:
        _create_view(f"{table}_of_every_tenant", table, f"{TENANT} = 'every tenant'")


def downgrade() -> None:
    for table in OF_EVERY_TENANT:
        op.execute(f"DROP VIEW {table}_of_every_tenant")
    for table in OF_TENANT:
        op.execute(f"DROP VIEW {table}_of_tenant")
    for table in TABLES:
        op.execute(f"DROP POLICY {POLICY} ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def _create_view(view: str, table: str, condition: str) -> None:
    op.execute(f"CREATE VIEW {view} AS SELECT * FROM {table} WHERE {condition}")  # noqa: S608
