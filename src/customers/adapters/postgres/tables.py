"""The tables: what is kept, under which keys, in which order it is found again.

Statements live with the repositories, changes of the schema in `migrations`. Conventions:

- Every key and every index begins with `tenant_id`, so the schema can be distributed by it.
- Columns are named as the model's fields. What the core computes for comparing (`email_key`,
  `search_text`, `name_key` and every `*_folded`) is stored beside its source and never shown.
- Text is ordered by code point (`COLLATE "C"`), money is exact, moments are in UTC.
- A column that can hold a personal value says so in its `info`; erasure must empty each of them.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Uuid,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.schema import (
    MOMENT,
    MONEY,
    TEXT,
    TEXTS,
    column,
    customer_key,
    metadata,
    tenant_column,
)

customers = Table(
    "customers",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("user_id", Uuid(), null=True, personal=True),
    column("email", TEXT, personal=True),
    column("first_name", TEXT, personal=True),
    column("last_name", TEXT, personal=True),
    column("phone", TEXT, personal=True),
    column("status", TEXT),
    column("customer_type", TEXT),
    column("total_orders", BigInteger()),
    column("total_spent", MONEY),
    column("average_order_value", MONEY),
    column("first_order_date", MOMENT, null=True),
    column("last_order_date", MOMENT, null=True),
    column("date_of_birth", Date(), null=True, personal=True),
    column("country", TEXT, personal=True),
    column("country_code", TEXT, personal=True),
    column("avatar_url", TEXT, personal=True),
    column("tags", TEXTS, personal=True),
    column("notes", TEXT, personal=True),
    column("marketing_opt_in", Boolean(), personal=True),
    column("email_verified", Boolean(), personal=True),
    column("lock_reason", TEXT, null=True, personal=True),
    column("locked_at", MOMENT, null=True),
    column("locked_by", Uuid(), null=True, personal=True),
    column("unlock_reason", TEXT, null=True, personal=True),
    column("unlocked_at", MOMENT, null=True),
    column("unlocked_by", Uuid(), null=True, personal=True),
    column("created_at", MOMENT),
    column("updated_at", MOMENT),
    column("version", BigInteger()),
    column("deleted_at", MOMENT, null=True),
    column("erased_at", MOMENT, null=True),
    column("email_key", TEXT, personal=True),
    column("search_text", TEXT, personal=True),
    column("email_folded", TEXT, personal=True),
    column("first_name_folded", TEXT, personal=True),
    column("last_name_folded", TEXT, personal=True),
    column("phone_folded", TEXT, personal=True),
    column("country_folded", TEXT, personal=True),
    column("country_code_folded", TEXT, personal=True),
    column("notes_folded", TEXT, personal=True),
    column("tags_folded", TEXTS, personal=True),
    PrimaryKeyConstraint("tenant_id", "id"),
)

LIVING: ColumnElement[bool] = customers.c.deleted_at.is_(None)

# The two dates as lists sort them, a missing one last: whichever way the list goes, a missing date
# is an extreme value of its index, so a place in the list is found by comparing rows.
FAR = literal_column("'infinity'::timestamptz", MOMENT)
LONG_AGO = literal_column("'-infinity'::timestamptz", MOMENT)
_DATES = (customers.c.first_order_date, customers.c.last_order_date)
ASCENDING_DATES = {date.name: func.coalesce(date, FAR) for date in _DATES}
DESCENDING_DATES = {date.name: func.coalesce(date, LONG_AGO) for date in _DATES}


def _living_index(name: str, *parts: Any, **options: Any) -> Index:
    """An index of the tenant's living customers."""
    return Index(
        f"customers_{name}", customers.c.tenant_id, *parts, postgresql_where=LIVING, **options
    )


_living_index("email_key", customers.c.email_key, unique=True)
for _sort in (
    "created_at",
    "updated_at",
    "email",
    "first_name",
    "last_name",
    "total_spent",
    "total_orders",
    "average_order_value",
):
    _living_index(_sort, customers.c[_sort], customers.c.id)
for _sort, _date in ASCENDING_DATES.items():
    _living_index(f"{_sort}_asc", _date, customers.c.id)
for _sort, _date in DESCENDING_DATES.items():
    _living_index(f"{_sort}_desc", _date, customers.c.id)
# Finds substrings by their trigrams and customers by their tags (pg_trgm, btree_gin).
_living_index(
    "search",
    customers.c.search_text,
    customers.c.tags_folded,
    postgresql_using="gin",
    postgresql_ops={"search_text": "gin_trgm_ops"},
)

customer_counts = Table(
    "customer_counts",
    metadata,
    tenant_column(),
    column("status", TEXT),
    column("customer_type", TEXT),
    # Writers are spread over slots, so that they do not queue for one row; the sum counts.
    column("slot", SmallInteger()),
    column("customers", BigInteger()),
    PrimaryKeyConstraint("tenant_id", "status", "customer_type", "slot"),
)

customer_addresses = Table(
    "customer_addresses",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("customer_id", Uuid()),
    column("address_type", TEXT),
    column("is_default", Boolean()),
    column("label", TEXT, personal=True),
    column("first_name", TEXT, personal=True),
    column("last_name", TEXT, personal=True),
    column("company", TEXT, personal=True),
    column("address_line1", TEXT, personal=True),
    column("address_line2", TEXT, personal=True),
    column("city", TEXT, personal=True),
    column("state", TEXT, personal=True),
    column("postal_code", TEXT, personal=True),
    column("country", TEXT, personal=True),
    column("phone", TEXT, personal=True),
    column("created_at", MOMENT),
    column("updated_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_addresses_customer", "tenant_id", "customer_id"),
    Index(
        "customer_addresses_default_shipping",
        "tenant_id",
        "customer_id",
        unique=True,
        postgresql_where=text("is_default AND address_type <> 'BILLING'"),
    ),
    Index(
        "customer_addresses_default_billing",
        "tenant_id",
        "customer_id",
        unique=True,
        postgresql_where=text("is_default AND address_type <> 'SHIPPING'"),
    ),
)

customer_payment_methods = Table(
    "customer_payment_methods",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("customer_id", Uuid()),
    column("payment_gateway", TEXT, personal=True),
    column("gateway_payment_method_id", TEXT, personal=True),
    column("payment_type", TEXT),
    column("card_brand", TEXT, personal=True),
    column("last_four", TEXT, personal=True),
    column("expiry_month", SmallInteger(), null=True, personal=True),
    column("expiry_year", SmallInteger(), null=True, personal=True),
    column("is_default", Boolean()),
    column("is_active", Boolean()),
    # The token of a deleted customer: kept for a restore, free for others until then.
    column("is_released", Boolean()),
    column("created_at", MOMENT),
    column("updated_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_payment_methods_customer", "tenant_id", "customer_id"),
    Index(
        "customer_payment_methods_token",
        "tenant_id",
        "payment_gateway",
        "gateway_payment_method_id",
        unique=True,
        postgresql_where=text("NOT is_released"),
    ),
    Index(
        "customer_payment_methods_default",
        "tenant_id",
        "customer_id",
        unique=True,
        postgresql_where=text("is_default"),
    ),
)

customer_notes = Table(
    "customer_notes",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("customer_id", Uuid()),
    column("note", TEXT, personal=True),
    column("created_by", Uuid(), null=True, personal=True),
    column("created_at", MOMENT),
    column("updated_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_notes_newest", "tenant_id", "customer_id", "created_at", "id"),
)

customer_communications = Table(
    "customer_communications",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("customer_id", Uuid()),
    column("communication_type", TEXT),
    column("direction", TEXT),
    column("subject", TEXT, personal=True),
    column("content", TEXT, personal=True),
    column("status", TEXT),
    column("external_id", TEXT, personal=True),
    column("created_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "id"),
    customer_key(),
    Index("customer_communications_newest", "tenant_id", "customer_id", "created_at", "id"),
    Index(
        "customer_communications_external_id",
        "tenant_id",
        "customer_id",
        "communication_type",
        "external_id",
        unique=True,
        postgresql_where=text("external_id <> ''"),
    ),
)

customer_segments = Table(
    "customer_segments",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("name", TEXT),
    column("name_key", TEXT),
    column("description", TEXT),
    # The rule of a dynamic segment in its one canonical form, and the text it was written as.
    column("rules", JSONB(), null=True),
    column("rules_written", TEXT, null=True),
    column("is_dynamic", Boolean()),
    column("is_active", Boolean()),
    column("created_at", MOMENT),
    column("updated_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("customer_segments_name_key", "tenant_id", "name_key", unique=True),
    Index("customer_segments_newest", "tenant_id", "created_at", "id"),
)

customer_segment_members = Table(
    "customer_segment_members",
    metadata,
    tenant_column(),
    column("segment_id", Uuid()),
    column("customer_id", Uuid()),
    column("assigned_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "segment_id", "customer_id"),
    ForeignKeyConstraint(
        ("tenant_id", "segment_id"), ("customer_segments.tenant_id", "customer_segments.id")
    ),
    customer_key(),
    Index("customer_segment_members_customer", "tenant_id", "customer_id"),
)

customer_orders = Table(
    "customer_orders",
    metadata,
    tenant_column(),
    column("order_id", TEXT),
    column("customer_id", Uuid()),
    column("order_number", TEXT, personal=True),
    # Missing until the order itself is told: a stub that holds the facts that came before it.
    column("total_amount", MONEY, null=True),
    column("order_date", MOMENT, null=True),
    column("order_date_told", Boolean()),
    column("refunds_total", MONEY),
    column("cancelled_at", MOMENT, null=True),
    column("recorded_at", MOMENT, null=True),
    PrimaryKeyConstraint("tenant_id", "order_id"),
    customer_key(),
    Index("customer_orders_newest", "tenant_id", "customer_id", "order_date", "order_id"),
)

customer_refunds = Table(
    "customer_refunds",
    metadata,
    tenant_column(),
    column("order_id", TEXT),
    column("refund_id", TEXT),
    column("amount", MONEY),
    column("refunded_at", MOMENT),
    column("recorded_at", MOMENT),
    PrimaryKeyConstraint("tenant_id", "order_id", "refund_id"),
    ForeignKeyConstraint(
        ("tenant_id", "order_id"), ("customer_orders.tenant_id", "customer_orders.order_id")
    ),
)

customer_erasures = Table(
    "customer_erasures",
    metadata,
    tenant_column(),
    column("customer_id", Uuid()),
    column("erased_at", MOMENT),
    column("tables", JSONB()),
    PrimaryKeyConstraint("tenant_id", "customer_id"),
    customer_key(),
)

# One row: what the whole database agrees on. A database of amounts has one currency for ever.
deployment = Table(
    "deployment",
    metadata,
    column("only", Boolean()),
    column("currency", TEXT),
    PrimaryKeyConstraint("only"),
    CheckConstraint(text('"only"'), name="one_row"),
)
