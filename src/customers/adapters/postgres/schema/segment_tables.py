"""The tables of segments, of their assignments, members and changes, and of their refresh.

The conventions are those of `tables`. Members, pending changes and membership changes have no
foreign keys: they are written often, by statements that have just read the rows they refer to.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from customers.adapters.postgres.schema.types import (
    MOMENT,
    TEXT,
    column,
    columns,
    customer_key,
    metadata,
    tenant_column,
)

customer_segments = Table(
    "customer_segments",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    *columns(TEXT, "name name_key description"),
    # The rule of a dynamic segment in its canonical form, and the text it was written as.
    column("rule", JSONB(), null=True),
    column("rules_text", TEXT, null=True),
    *columns(Boolean(), "is_dynamic is_active"),
    *columns(MOMENT, "created_at updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("customer_segments_name_key", "tenant_id", "name_key", unique=True),
    Index("customer_segments_newest", "tenant_id", "created_at", "id"),
)

# The customers assigned to a segment by hand, deleted ones included.
customer_segment_assignments = Table(
    "customer_segment_assignments",
    metadata,
    tenant_column(),
    *columns(Uuid(), "segment_id customer_id"),
    column("assigned_at", MOMENT),
    column("assigned_by", Uuid(), null=True),
    PrimaryKeyConstraint("tenant_id", "segment_id", "customer_id"),
    ForeignKeyConstraint(
        ("tenant_id", "segment_id"), ("customer_segments.tenant_id", "customer_segments.id")
    ),
    customer_key(),
    Index("customer_segment_assignments_customer", "tenant_id", "customer_id"),
)

# One row per tenant that ever took the membership lock, which is the lock of this row. `changes`
# numbers the membership changes. A write reads here whether to store a pending change.
customer_segment_tenants = Table(
    "customer_segment_tenants",
    metadata,
    tenant_column(),
    column("changes", BigInteger()),
    *columns(Boolean(), "captures_customers captures_orders"),
    PrimaryKeyConstraint("tenant_id"),
)

# How far the members of a segment have been refreshed. `barrier_at` is when the capture barrier of
# the current backfill was first checked; -infinity once every older write has ended.
customer_segment_refresh_states = Table(
    "customer_segment_refresh_states",
    metadata,
    tenant_column(),
    column("segment_id", Uuid()),
    column("member_count", BigInteger()),
    *columns(MOMENT, "watermark target", null=True),
    column("cursor", Uuid(), null=True),
    column("scanned", BigInteger()),
    column("cause", TEXT),
    column("barrier_at", MOMENT, null=True),
    PrimaryKeyConstraint("tenant_id", "segment_id"),
    ForeignKeyConstraint(
        ("tenant_id", "segment_id"), ("customer_segments.tenant_id", "customer_segments.id")
    ),
    Index(
        "customer_segment_refresh_states_backfills",
        "tenant_id",
        postgresql_where=text("watermark IS NULL"),
    ),
)

# `created_at` is the customer's, so that pages in the default order are read from an index.
customer_segment_members = Table(
    "customer_segment_members",
    metadata,
    tenant_column(),
    *columns(Uuid(), "customer_id segment_id"),
    column("created_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "customer_id", "segment_id"),
    Index(
        "customer_segment_members_newest", "tenant_id", "segment_id", "created_at", "customer_id"
    ),
)

# Changes of customers not yet applied to the members. `before` holds the old values of the columns
# that the write could change; it is NULL for a customer who was new, or who was erased.
customer_segment_pending_changes = Table(
    "customer_segment_pending_changes",
    metadata,
    tenant_column(),
    column("customer_id", Uuid()),
    Column("number", BigInteger(), Identity(), nullable=False),
    column("at", MOMENT),
    column("cause", TEXT),
    column("before", JSONB(), null=True),
    PrimaryKeyConstraint("tenant_id", "customer_id", "number"),
)

customer_segment_changes = Table(
    "customer_segment_changes",
    metadata,
    tenant_column(),
    column("segment_id", Uuid()),
    column("sequence", BigInteger()),
    column("customer_id", Uuid()),
    column("entered", Boolean()),
    column("at", MOMENT),
    column("cause", TEXT),
    PrimaryKeyConstraint("tenant_id", "segment_id", "sequence"),
    # For the export of a person's data.
    Index(
        "customer_segment_changes_customer", "tenant_id", "customer_id", "segment_id", "sequence"
    ),
)

# One row: the sweeper's lease, its holder and its end.
sweeper = Table(
    "sweeper",
    metadata,
    column("only", Boolean()),
    column("holder", Uuid()),
    column("until", MOMENT),
    PrimaryKeyConstraint("only"),
    CheckConstraint(text('"only"'), name="one_row"),
)
