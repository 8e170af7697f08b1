"""The tables of a whole deployment, which belong to no tenant."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    text,
)

from customers.adapters.postgres.schema.types import (
    TEXT,
    column,
    metadata,
)

# One row: what holds for the whole database. The currency of its amounts never changes.
deployment = Table(
    "deployment",
    metadata,
    column("only", Boolean()),
    column("currency", TEXT),
    PrimaryKeyConstraint("only"),
    CheckConstraint(text('"only"'), name="one_row"),
)

# The secrets that all processes of the service share.
deployment_secrets = Table(
    "deployment_secrets",
    metadata,
    column("name", TEXT),
    column("secret", LargeBinary()),
    PrimaryKeyConstraint("name"),
)
