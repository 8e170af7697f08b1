"""Removes from `customers` what is in `customer_statistics`, with its indexes.

The release before needs these columns, so this revision is only applied on demand, once no process
of that release runs. After that it can no longer be gone back to by a restart.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
is_contract = True

VIEWS = {
    "customers_of_tenant": "tenant_id = current_setting('app.tenant', true)",
    "customers_of_every_tenant": ("(SELECT current_setting('app.tenant', true)) = 'every tenant'"),
}
KEY = "customer_orders_customers_fkey"
COLUMNS = {
    "total_orders": "bigint NOT NULL DEFAULT 0",
    "total_spent": "numeric(23, 4) NOT NULL DEFAULT 0",
    "average_order_value": "numeric(23, 4) NOT NULL DEFAULT 0",
    "first_order_date": "timestamptz",
    "last_order_date": "timestamptz",
    "updated_at": "timestamptz NOT NULL DEFAULT now()",
    "version": "bigint NOT NULL DEFAULT 1",
}
INDEXES = {
    **{
        f"customers_{name}": name
        for name in ("updated_at", "total_spent", "total_orders", "average_order_value")
    },
    **{
        f"customers_{name}_{direction}": f"coalesce({name}, '{missing}'::timestamptz)"
        for name in ("first_order_date", "last_order_date")
        for direction, missing in (("asc", "infinity"), ("desc", "-infinity"))
    },
}
# On whole views, and on columns; without those of the owner.
_SAVE_PRIVILEGES = f"""
CREATE TEMPORARY TABLE privileges ON COMMIT DROP AS
WITH views AS (SELECT * FROM pg_class WHERE relnamespace = current_schema()::regnamespace
AND relname IN ({", ".join(f"'{view}'" for view in VIEWS)}))
SELECT relname, NULL::name AS attname, relowner, own.* FROM views, aclexplode(relacl) AS own
UNION ALL SELECT relname, attname, relowner, own.* FROM views JOIN pg_attribute ON attrelid =
views.oid, aclexplode(attacl) AS own
"""  # noqa: S608
_GRANT_PRIVILEGES = """
DO $$ DECLARE one record; BEGIN
FOR one IN SELECT * FROM privileges WHERE grantee <> relowner AND (attname IS NULL OR EXISTS
(SELECT FROM pg_attribute a WHERE attrelid = relname::regclass AND a.attname = privileges.attname))
LOOP EXECUTE format('GRANT %s%s ON %I TO %s%s', one.privilege_type,
CASE WHEN one.attname IS NOT NULL THEN format(' (%I)', one.attname) END, one.relname,
CASE WHEN one.grantee = 0 THEN 'PUBLIC' ELSE one.grantee::regrole::text END,
CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' END);
END LOOP; END $$
"""
STATISTICS = {
    "customers_last_order_asc": "coalesce(last_order_date, 'infinity'::timestamptz)",
    "customers_last_order_desc": "coalesce(last_order_date, '-infinity'::timestamptz)",
}


def upgrade() -> None:
    """Can be repeated after an interrupted run. Indexes are dropped without making writers wait."""
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.drop_index(name, "customers", postgresql_concurrently=True, if_exists=True)
        _revision_before().remove_copying()
        _drop_key()
    _alter(", ".join(f"DROP COLUMN {name}" for name in COLUMNS))


def downgrade() -> None:
    """Copies the statistics back, some at a time; triggers copy what changes meanwhile. Can be
    repeated after an interrupted run.
    """
    before = _revision_before()
    _alter(", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in COLUMNS.items()))
    before.copy_to_customers()
    with op.get_context().autocommit_block():
        _copy_back(before.VALUES)
        before.copy_to_statistics()
        for name, value in INDEXES.items():
            op.drop_index(name, "customers", postgresql_concurrently=True, if_exists=True)
            op.create_index(
                name,
                "customers",
                ["tenant_id", sa.text(value), "id"],
                postgresql_where=sa.text("deleted_at IS NULL"),
                postgresql_concurrently=True,
            )
        for name, expression in STATISTICS.items():
            op.execute(f"CREATE STATISTICS IF NOT EXISTS {name} ON ({expression}) FROM customers")
        _drop_key()
        op.execute(
            f"ALTER TABLE customer_orders ADD CONSTRAINT {KEY} FOREIGN KEY (tenant_id, "
            "customer_id) REFERENCES customers (tenant_id, id) NOT VALID"
        )
        op.execute(f"ALTER TABLE customer_orders VALIDATE CONSTRAINT {KEY}")
        op.execute("ANALYZE customers")


def _drop_key() -> None:
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        f"ALTER TABLE customer_orders DROP CONSTRAINT IF EXISTS {KEY}"
    )


def _revision_before() -> Any:
    """The module of the revision before this one."""
    return context.script.get_revision(down_revision).module


def _alter(change: str) -> None:
    """Alters the table. Its views are dropped before and created again after, with the privileges
    that roles had on them; readers lock in the same order, views first.
    """
    op.execute(_SAVE_PRIVILEGES)
    for view in VIEWS:
        op.execute(f"-- squawk-ignore ban-drop-view\nDROP VIEW {view}")
    op.execute(f"-- squawk-ignore ban-drop-column\nALTER TABLE customers {change}")
    for view, condition in VIEWS.items():
        op.execute(f"CREATE VIEW {view} AS SELECT * FROM customers WHERE {condition}")  # noqa: S608
    op.execute(_GRANT_PRIVILEGES)


def _copy_back(values: list[str]) -> None:
    """Copies statistics to customers that do not have them yet. Who changes a customer waits for at
    most one step, of 500.
    """
    new, old = (", ".join(f"{table}.{name}" for name in values) for table in ("new", "customers"))
    update = (
        f"UPDATE customers SET ({', '.join(values)}) = ({new}) "  # noqa: S608
        "FROM {source} AS new WHERE customers.tenant_id = new.tenant_id "
        f"AND customers.id = new.customer_id AND ({old}) IS DISTINCT FROM ({new})"
    )
    if context.is_offline_mode():
        op.execute(update.format(source="customer_statistics"))
        return
    step = (
        "(SELECT * FROM customer_statistics WHERE (tenant_id, customer_id) > "
        "(:tenant_id, cast(:id AS uuid)) ORDER BY tenant_id, customer_id LIMIT 500 "
        "FOR NO KEY UPDATE)"
    )
    copying = sa.text(
        f"WITH step AS MATERIALIZED {step}, copied AS ({update.format(source='step')}) "  # noqa: S608
        "SELECT tenant_id, customer_id FROM step ORDER BY 1 DESC, 2 DESC LIMIT 1"
    )
    after = {"tenant_id": "", "id": "00000000-0000-0000-0000-000000000000"}
    while row := op.get_bind().execute(copying, after).first():
        after = {"tenant_id": row.tenant_id, "id": str(row.customer_id)}
