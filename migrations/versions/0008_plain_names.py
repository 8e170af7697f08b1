"""Tables and columns of memberships, rules and the ledger get the names of the model's fields.

The NOT NULL constraints that PostgreSQL 18 lists by name keep their old names; nothing refers to
them.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
is_needed = True

STATES = "customer_segment_refresh_states"
PENDING = "customer_segment_pending_changes"
TABLES = {"customer_segment_standings": STATES, "customer_segment_marks": PENDING}
COLUMNS = {
    STATES: {
        "members": "member_count",
        "settled_at": "watermark",
        "goal": "target",
        "after": "cursor",
        "seen": "scanned",
        "asked_at": "barrier_at",
    },
    "customer_segment_tenants": {
        "watches_customers": "captures_customers",
        "watches_orders": "captures_orders",
    },
    "customer_segments": {"rules": "rule", "rules_written": "rules_text"},
    "customer_orders": {"order_date_told": "order_date_stated"},
    "customer_erasures": {"tables": "counts"},
}
CONSTRAINTS = {
    STATES: {
        "customer_segment_standings_pkey": f"{STATES}_pkey",
        "customer_segment_standings_customer_segments_fkey": f"{STATES}_customer_segments_fkey",
    },
    PENDING: {"customer_segment_marks_pkey": f"{PENDING}_pkey"},
}
INDEXES = {"customer_segment_standings_building": f"{STATES}_backfills"}
SEQUENCES = {"customer_segment_marks_number_seq": f"{PENDING}_number_seq"}


def upgrade() -> None:
    """Older processes must be stopped first, because they use the old names."""
    for old, new in TABLES.items():
        _rename("table", f"TABLE {old} RENAME TO {new}")
    _rename_parts(1)


def downgrade() -> None:
    _rename_parts(-1)
    for old, new in TABLES.items():
        _rename("table", f"TABLE {new} RENAME TO {old}")


def _rename_parts(step: int) -> None:
    """Renames columns, constraints, indexes and sequences: to the new names if `step` is 1, back if
    it is -1.
    """
    for table, columns in COLUMNS.items():
        for names in columns.items():
            old, new = names[::step]
            _rename("column", f"TABLE {table} RENAME COLUMN {old} TO {new}")
    for table, constraints in CONSTRAINTS.items():
        for names in constraints.items():
            old, new = names[::step]
            _rename("object", f"TABLE {table} RENAME CONSTRAINT {old} TO {new}")
    for kind, renamed in (("INDEX", INDEXES), ("SEQUENCE", SEQUENCES)):
        for names in renamed.items():
            old, new = names[::step]
            _rename("object", f"{kind} {old} RENAME TO {new}")


def _rename(rule: str, statement: str) -> None:
    op.execute(f"-- squawk-ignore renaming-{rule}\nALTER {statement}")
