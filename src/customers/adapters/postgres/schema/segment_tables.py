"""The tables of segments: the segments, who is in them, and what members do not know yet.

The conventions are those of `tables`. Members, marks and changes have no foreign keys: they are
written beside every order, by statements that name rows they have just read under a lock.
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
    # The rule of a dynamic segment in its one canonical form, and the text it was written as.
    column("rule", JSONB(), null=True),
    column("rules_text", TEXT, null=True),
    *columns(Boolean(), "is_dynamic is_active"),
    *columns(MOMENT, "created_at updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("customer_segments_name_key", "tenant_id", "name_key", unique=True),
    Index("customer_segments_newest", "tenant_id", "created_at", "id"),
)

# Who was put into a segment by hand, the deleted included.
customer_segment_assignments = Table(
    "customer_segment_assignments",
    metadata,
    tenant_column(),
    *columns(Uuid(), "segment_id customer_id"),
    column("assigned_at", MOMENT),
    column("assigned_by", Uuid(), null=True, personal=True),
    PrimaryKeyConstraint("tenant_id", "segment_id", "customer_id"),
    ForeignKeyConstraint(
        ("tenant_id", "segment_id"), ("customer_segments.tenant_id", "customer_segments.id")
    ),
    customer_key(),
    Index("customer_segment_assignments_customer", "tenant_id", "customer_id"),
)

# One row per tenant whose members were ever locked. Its lock is the lock of all that settling
# writes, and it is what a write looks at to know whether to leave a mark.
customer_segment_tenants = Table(
    "customer_segment_tenants",
    metadata,
    tenant_column(),
    column("changes", BigInteger()),
    *columns(Boolean(), "captures_customers captures_orders"),
    PrimaryKeyConstraint("tenant_id"),
)

# How far a segment's members have come. `barrier_at` is when it was first asked, since its members
# are to be built, whether older writes are still under way; -infinity once they are seen not to be.
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

# `created_at` is the customer's, so that pages in the usual order are read off an index.
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

# Changes of customers that members do not know yet. `before` holds the columns that changed, as
# they were; it is NULL where nobody was there, or where it is not known any more.
customer_segment_pending_changes = Table(
    "customer_segment_pending_changes",
    metadata,
    tenant_column(),
    column("customer_id", Uuid()),
    Column("number", BigInteger(), Identity(), nullable=False),
    column("at", MOMENT),
    column("cause", TEXT),
    column("before", JSONB(), null=True, personal=True),
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
)

# One row: which process sweeps, and until when it may.
sweeper = Table(
    "sweeper",
    metadata,
    column("only", Boolean()),
    column("holder", Uuid()),
    column("until", MOMENT),
    PrimaryKeyConstraint("only"),
    CheckConstraint(text('"only"'), name="one_row"),
)
