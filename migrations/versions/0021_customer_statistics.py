"""What orders change of a customer moves into a narrow table of its own.

Programs of the release before read and write these values in `customers`. Until the next revision
removes them there, triggers copy every change from either table to the other, so that both releases
may serve at the same time and either may be gone back to.
"""

import logging
from collections.abc import Iterable

import sqlalchemy as sa
from alembic import context, op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None
is_needed = True

TABLE = "customer_statistics"
VALUES = (
    "total_orders total_spent average_order_value first_order_date last_order_date updated_at "
    "version"
).split()
# Copies of what lists are filtered and sorted by, which stay in `customers`.
COPIES = ("created_at", "status", "customer_type")
DATES = ("last_order_date", "first_order_date")
SORTS = ("updated_at", "total_spent", "total_orders", "average_order_value", *DATES)
# The values that a new row of `customers` has until its statistics are copied to it.
DEFAULTS = {
    "total_orders": "0",
    "total_spent": "0",
    "average_order_value": "0",
    "updated_at": "now()",
    "version": "1",
}
ORDERS_KEY = "customer_orders_customer_statistics_fkey"
TENANT = "current_setting('app.tenant', true)"
_CUSTOMERS_IN_A_STEP = 20_000
_log = logging.getLogger("customers.migrations")


def upgrade() -> None:
    """Can be repeated after an interrupted run."""
    with op.get_context().autocommit_block():
        _create_table()
        defaults = _list(
            f"ALTER COLUMN {name} SET DEFAULT {default}" for name, default in DEFAULTS.items()
        )
        op.execute(f"-- squawk-ignore prefer-robust-stmts\nALTER TABLE customers {defaults}")
        copy_to_statistics()
        _fill()
        copy_to_customers()
        _index()
        _drop_key()
        op.execute(
            f"ALTER TABLE customer_orders ADD CONSTRAINT {ORDERS_KEY} FOREIGN KEY (tenant_id, "
            f"customer_id) REFERENCES {TABLE} (tenant_id, customer_id) NOT VALID"
        )
        op.execute(f"ALTER TABLE customer_orders VALIDATE CONSTRAINT {ORDERS_KEY}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        remove_copying()
        _drop_key()
        op.execute(f"DROP VIEW IF EXISTS {TABLE}_of_tenant")
        op.execute(f"DROP TABLE IF EXISTS {TABLE}")
        for name in DEFAULTS:
            op.execute(f"ALTER TABLE customers ALTER COLUMN {name} DROP DEFAULT")


def copy_to_statistics() -> None:
    """Triggers that copy what a program of the release before writes to `customers`.

    The functions run as their owner, to whom no policy applies.
    """
    changed = [*VALUES, *COPIES, "is_living"]
    own, new = _list(["tenant_id", "customer_id", *changed]), _new_row()
    op.execute(
        f"CREATE OR REPLACE FUNCTION copy_new_customer() {_HEAD} "  # noqa: S608
        f"INSERT INTO {TABLE} ({own}) VALUES ({new}) ON CONFLICT DO NOTHING; {_END}"
    )
    op.execute(
        f"CREATE OR REPLACE FUNCTION copy_customer() {_HEAD} "  # noqa: S608
        f"INSERT INTO {TABLE} ({own}) VALUES ({new}) ON CONFLICT (tenant_id, customer_id) "
        f"DO UPDATE SET ({_list(changed)}) = ({_list(f'excluded.{one}' for one in changed)}); "
        f"{_END}"
    )
    _trigger("copy_new_customer", "customers", "INSERT", "true")
    _trigger("copy_customer", "customers", "UPDATE", "OLD.version IS DISTINCT FROM NEW.version")


def copy_to_customers() -> None:
    """A trigger that copies statistics to `customers`, for programs of the release before."""
    op.execute(
        f"CREATE OR REPLACE FUNCTION copy_statistics() {_HEAD} "  # noqa: S608
        f"UPDATE customers SET ({_list(VALUES)}) = ({_list(f'NEW.{one}' for one in VALUES)}) "
        "WHERE tenant_id = NEW.tenant_id AND id = NEW.customer_id; "
        f"{_END}"
    )
    _trigger("copy_statistics", TABLE, "INSERT OR UPDATE", "true")


def remove_copying() -> None:
    for name, table in _TRIGGERS.items():
        op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        op.execute(f"-- squawk-ignore ban-drop-function\nDROP FUNCTION IF EXISTS {name}()")


def _drop_key() -> None:
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        f"ALTER TABLE customer_orders DROP CONSTRAINT IF EXISTS {ORDERS_KEY}"
    )


def _create_table() -> None:
    """Creates the table, with the policy and the view that the other tables of tenants have."""
    moment, money = sa.DateTime(timezone=True), sa.Numeric(23, 4)
    op.create_table(
        TABLE,
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("total_orders", sa.BigInteger(), nullable=False),
        sa.Column("total_spent", money, nullable=False),
        sa.Column("average_order_value", money, nullable=False),
        sa.Column("first_order_date", moment),
        sa.Column("last_order_date", moment),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_type", sa.Text(collation="C"), nullable=False),
        sa.Column("is_living", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", name=f"{TABLE}_pkey"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "customer_id"),
            ("customers.tenant_id", "customers.id"),
            name=f"{TABLE}_customers_fkey",
        ),
        postgresql_with={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02},
        if_not_exists=True,
    )
    op.execute(f"DROP POLICY IF EXISTS of_tenant ON {TABLE}")
    op.execute(f"CREATE POLICY of_tenant ON {TABLE} USING (tenant_id = {TENANT})")
    op.execute(
        f"CREATE OR REPLACE VIEW {TABLE}_of_tenant AS SELECT * FROM {TABLE} "  # noqa: S608
        f"WHERE tenant_id = {TENANT}"
    )


def _fill() -> None:
    """Copies the statistics of all customers, some at a time. The triggers copy what changes
    meanwhile; a row that they have copied stays.
    """
    if context.is_offline_mode():
        op.execute(_FILL)
        return
    step = sa.text(_FILL_STEP)
    after, number = {"tenant_id": "", "id": "00000000-0000-0000-0000-000000000000"}, 0
    while row := op.get_bind().execute(step, after).first():
        number += row.number
        _log.info("customer statistics: %s customers copied", f"{number:,}")
        after = {"tenant_id": row.tenant_id, "id": str(row.id)}


def _index() -> None:
    """Drops the indexes of an interrupted run first, since they may be invalid."""
    for sort in SORTS:
        name = f"{TABLE}_{sort}"
        op.drop_index(name, TABLE, postgresql_concurrently=True, if_exists=True)
        value = sa.text(f"coalesce({sort}, '-infinity'::timestamptz)") if sort in DATES else sort
        op.create_index(
            name,
            TABLE,
            ["tenant_id", value, "customer_id"],
            postgresql_where=sa.text("is_living"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    for date in DATES:
        op.execute(
            f"CREATE STATISTICS IF NOT EXISTS {TABLE}_{date}_indexed "
            f"ON (coalesce({date}, '-infinity'::timestamptz)) FROM {TABLE}"
        )
    op.execute(f"ANALYZE {TABLE}")


def _trigger(name: str, table: str, event: str, condition: str) -> None:
    """Does nothing for what another trigger writes."""
    op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    op.execute(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW "
        f"WHEN (pg_trigger_depth() = 0 AND {condition}) EXECUTE FUNCTION {name}()"
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _new_row() -> str:
    values = _list(f"NEW.{name}" for name in (*VALUES, *COPIES))
    return f"NEW.tenant_id, NEW.id, {values}, NEW.deleted_at IS NULL"


_TRIGGERS = {
    "copy_new_customer": "customers",
    "copy_customer": "customers",
    "copy_statistics": TABLE,
}
_HEAD = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN"
_END = "RETURN NULL; END $$"
_COPIED = ", ".join((*VALUES, *COPIES))
_SELECTED = f"tenant_id, id, {_COPIED}, deleted_at IS NULL AS is_living"
_INSERT = (
    f"INSERT INTO {TABLE} (tenant_id, customer_id, {_COPIED}, is_living) "  # noqa: S608
    "SELECT {columns} FROM {source} ON CONFLICT DO NOTHING"
)
_FILL = _INSERT.format(columns=_SELECTED, source="customers")
_FILL_STEP = (
    f"WITH step AS MATERIALIZED (SELECT {_SELECTED} FROM customers "  # noqa: S608
    "WHERE (tenant_id, id) > (:tenant_id, cast(:id AS uuid)) "
    f"ORDER BY tenant_id, id LIMIT {_CUSTOMERS_IN_A_STEP}), "
    f"filled AS ({_INSERT.format(columns='*', source='step')}) "
    "SELECT tenant_id, id, count(*) OVER () AS number FROM step "
    "ORDER BY tenant_id DESC, id DESC LIMIT 1"
)
