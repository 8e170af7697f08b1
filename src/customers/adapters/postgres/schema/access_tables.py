"""The table of API keys. The conventions are those of `tables`."""

from sqlalchemy import Index, PrimaryKeyConstraint, Table, Uuid, text

from customers.adapters.postgres.schema.types import (
    MOMENT,
    TEXT,
    TEXTS,
    column,
    columns,
    metadata,
    tenant_column,
)

# `secret_hash` is the SHA-256 of the secret, in hexadecimal digits. Revoked keys stay.
customer_api_keys = Table(
    "customer_api_keys",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("name", TEXT),
    column("permissions", TEXTS),
    column("secret_hash", TEXT),
    column("created_at", MOMENT),
    *columns(MOMENT, "expires_at revoked_at last_used_at", null=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(
        "customer_api_keys_newest",
        "tenant_id",
        "created_at",
        "id",
        postgresql_where=text("revoked_at IS NULL"),
    ),
    # A caller's key is looked up by its id alone, and says which tenant the caller belongs to.
    # The index is not unique, because a schema distributed by tenant could not enforce that.
    Index("customer_api_keys_id", "id"),
)
