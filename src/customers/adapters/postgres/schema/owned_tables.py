"""The tables of addresses, payment methods, notes, communications and e-mail verifications.

The conventions are those of `tables`.
"""

from sqlalchemy import (
    Boolean,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Uuid,
)

from customers.adapters.postgres.schema.types import (
    MOMENT,
    TEXT,
    column,
    columns,
    customer_key,
    metadata,
    tenant_column,
    unique,
)

customer_addresses = Table(
    "customer_addresses",
    metadata,
    tenant_column(),
    *columns(Uuid(), "id customer_id"),
    column("address_type", TEXT),
    column("is_default", Boolean()),
    *columns(
        TEXT,
        "label first_name last_name company address_line1 address_line2 city state "
        "postal_code country phone",
    ),
    *columns(MOMENT, "created_at updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_addresses_customer", "tenant_id", "customer_id"),
    unique(
        "customer_id",
        name="customer_addresses_default_shipping",
        where="is_default AND address_type <> 'BILLING'",
    ),
    unique(
        "customer_id",
        name="customer_addresses_default_billing",
        where="is_default AND address_type <> 'SHIPPING'",
    ),
)

customer_payment_methods = Table(
    "customer_payment_methods",
    metadata,
    tenant_column(),
    *columns(Uuid(), "id customer_id"),
    *columns(TEXT, "payment_gateway gateway_payment_method_id"),
    column("payment_type", TEXT),
    *columns(TEXT, "card_brand last_four"),
    column("expiry_month", SmallInteger(), null=True),
    column("expiry_year", SmallInteger(), null=True),
    *columns(Boolean(), "is_default is_active"),
    # Whether the customer is deleted: until they are restored, others may take the token.
    column("is_released", Boolean()),
    *columns(MOMENT, "created_at updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_payment_methods_customer", "tenant_id", "customer_id"),
    unique(
        "payment_gateway",
        "gateway_payment_method_id",
        name="customer_payment_methods_token",
        where="NOT is_released",
    ),
    unique("customer_id", name="customer_payment_methods_default", where="is_default"),
)

customer_notes = Table(
    "customer_notes",
    metadata,
    tenant_column(),
    *columns(Uuid(), "id customer_id"),
    column("note", TEXT),
    column("created_by", Uuid(), null=True),
    *columns(MOMENT, "created_at updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_notes_newest", "tenant_id", "customer_id", "created_at", "id"),
)

customer_communications = Table(
    "customer_communications",
    metadata,
    tenant_column(),
    *columns(Uuid(), "id customer_id"),
    *columns(TEXT, "communication_type direction"),
    *columns(TEXT, "subject content"),
    column("status", TEXT),
    column("external_id", TEXT),
    column("created_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_communications_newest", "tenant_id", "customer_id", "created_at", "id"),
    unique(
        "customer_id",
        "communication_type",
        "external_id",
        name="customer_communications_external_id",
        where="external_id <> ''",
    ),
)

# Hashes only, which are of no use to anybody without the token in the mail.
customer_email_verifications = Table(
    "customer_email_verifications",
    metadata,
    tenant_column(),
    column("customer_id", Uuid()),
    *columns(TEXT, "token_hash address_hash"),
    *columns(MOMENT, "sent_at expires_at"),
    column("used_at", MOMENT, null=True),
    PrimaryKeyConstraint("tenant_id", "customer_id", "token_hash"),
    customer_key(),
    # A token is looked up without its tenant, which the caller does not name.
    Index("customer_email_verifications_token", "token_hash"),
)
