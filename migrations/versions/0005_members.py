"""Stored members of segments, pending changes, and the feed of membership changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    rename_assignments()
    create_tenants()
    create_standings()
    create_members()
    create_marks()
    create_changes()
    create_sweeper()
    build_members_of_known_segments()


def rename_assignments() -> None:
    """Renames the table of assignments, because a new table of stored members takes its name.

    No version that uses the old names was released.
    """
    op.execute(
        "-- squawk-ignore renaming-table\n"
        "ALTER TABLE customer_segment_members RENAME TO customer_segment_assignments"
    )
    for ending in ("pkey", "customers_fkey", "customer_segments_fkey"):
        op.execute(
            "-- squawk-ignore renaming-object\n"
            "ALTER TABLE customer_segment_assignments RENAME CONSTRAINT "
            f"customer_segment_members_{ending} TO customer_segment_assignments_{ending}"
        )
    op.execute(
        "-- squawk-ignore renaming-object\n"
        "ALTER INDEX customer_segment_members_customer "
        "RENAME TO customer_segment_assignments_customer"
    )
    op.add_column(
        "customer_segment_assignments", sa.Column("assigned_by", sa.Uuid(), nullable=True)
    )


def create_tenants() -> None:
    op.create_table(
        "customer_segment_tenants",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("watches_customers", sa.Boolean(), nullable=False),
        sa.Column("watches_orders", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="customer_segment_tenants_pkey"),
    )


def create_standings() -> None:
    op.create_table(
        "customer_segment_standings",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.Column("goal", MOMENT, nullable=True),
        sa.Column("after", sa.Uuid(), nullable=True),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "segment_id"],
            ["customer_segments.tenant_id", "customer_segments.id"],
            name="customer_segment_standings_customer_segments_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "segment_id", name="customer_segment_standings_pkey"),
    )
    op.create_index(
        "customer_segment_standings_building",
        "customer_segment_standings",
        ["tenant_id"],
        postgresql_where=sa.text("settled_at IS NULL"),
    )


def create_members() -> None:
    op.create_table(
        "customer_segment_members",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "customer_id", "segment_id", name="customer_segment_members_pkey"
        ),
    )
    op.create_index(
        "customer_segment_members_newest",
        "customer_segment_members",
        ["tenant_id", "segment_id", "created_at", "customer_id"],
    )


def create_marks() -> None:
    op.create_table(
        "customer_segment_marks",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint(
            "tenant_id", "customer_id", "number", name="customer_segment_marks_pkey"
        ),
    )
    # Rows are added and removed all the time; the table should stay as small as its content.
    op.execute(
        "ALTER TABLE customer_segment_marks SET "
        "(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)"
    )


def create_changes() -> None:
    op.create_table(
        "customer_segment_changes",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("entered", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "segment_id", "sequence", name="customer_segment_changes_pkey"
        ),
    )


def create_sweeper() -> None:
    op.create_table(
        "sweeper",
        sa.Column("only", sa.Boolean(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.CheckConstraint('"only"', name="sweeper_one_row_check"),
        sa.PrimaryKeyConstraint("only", name="sweeper_pkey"),
    )


def build_members_of_known_segments() -> None:
    """Every segment needs a backfill; until then it is read by its rule or its assignments."""
    op.execute(
        "INSERT INTO customer_segment_tenants "
        "(tenant_id, changes, watches_customers, watches_orders) "
        "SELECT DISTINCT tenant_id, 0, true, true FROM customer_segments"
    )
    op.execute(
        "INSERT INTO customer_segment_standings "
        "(tenant_id, segment_id, members, settled_at, goal, seen, cause) "
        "SELECT tenant_id, id, 0, NULL, now(), 0, 'segment' FROM customer_segments"
    )


def downgrade() -> None:
    for table in ("sweeper", *(f"customer_segment_{name}" for name in FOLLOWING)):
        op.drop_table(table)
    op.drop_column("customer_segment_assignments", "assigned_by")
    op.execute(
        "ALTER INDEX customer_segment_assignments_customer "
        "RENAME TO customer_segment_members_customer"
    )
    for ending in ("pkey", "customers_fkey", "customer_segments_fkey"):
        op.execute(
            "ALTER TABLE customer_segment_assignments RENAME CONSTRAINT "
            f"customer_segment_assignments_{ending} TO customer_segment_members_{ending}"
        )
    op.rename_table("customer_segment_assignments", "customer_segment_members")


FOLLOWING = ("changes", "marks", "members", "standings", "tenants")
