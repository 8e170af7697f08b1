"""The tables: what is kept, under which keys, in which order it is found again.

Statements live with the repositories, changes of the schema in `migrations`. Conventions:

- Every key and every index begins with `tenant_id`, so the schema can be distributed by it.
- Columns are named as the model's fields. What the core computes for comparing (`email_key`,
  `search_text`, `name_key` and every `*_folded`) is stored beside its source and never shown.
- Text is ordered by code point (`COLLATE "C"`), money is exact, moments are in UTC.
- A column that can hold a personal value says so in its `info`; erasure must empty each of them.
"""

from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Uuid,
    and_,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.schema.types import (
    MOMENT,
    MONEY,
    TEXT,
    TEXTS,
    column,
    columns,
    customer_key,
    metadata,
    tenant_column,
    unique,
)

customers = Table(
    "customers",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("user_id", Uuid(), null=True, personal=True),
    *columns(TEXT, "email first_name last_name phone", personal=True),
    *columns(TEXT, "status customer_type"),
    column("total_orders", BigInteger()),
    *columns(MONEY, "total_spent average_order_value"),
    *columns(MOMENT, "first_order_date last_order_date", null=True),
    column("date_of_birth", Date(), null=True, personal=True),
    *columns(TEXT, "country country_code avatar_url", personal=True),
    column("tags", TEXTS, personal=True),
    column("notes", TEXT, personal=True),
    *columns(Boolean(), "marketing_opt_in email_verified", personal=True),
    column("lock_reason", TEXT, null=True, personal=True),
    column("locked_at", MOMENT, null=True),
    column("locked_by", Uuid(), null=True, personal=True),
    column("unlock_reason", TEXT, null=True, personal=True),
    column("unlocked_at", MOMENT, null=True),
    column("unlocked_by", Uuid(), null=True, personal=True),
    *columns(MOMENT, "created_at updated_at"),
    column("version", BigInteger()),
    *columns(MOMENT, "deleted_at erased_at", null=True),
    *columns(
        TEXT,
        "email_key search_text email_folded first_name_folded last_name_folded phone_folded "
        "country_folded country_code_folded notes_folded",
        personal=True,
    ),
    column("tags_folded", TEXTS, personal=True),
    PrimaryKeyConstraint("tenant_id", "id"),
)

Columns: TypeAlias = ReadOnlyColumnCollection[str, Column[Any]]

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
    "created_at updated_at email first_name last_name total_spent total_orders average_order_value"
).split():
    _living_index(_sort, customers.c[_sort], customers.c.id)
for _kind in ("status", "customer_type"):
    _living_index(_kind, customers.c[_kind], customers.c.created_at, customers.c.id)
for _sort, _date in ASCENDING_DATES.items():
    _living_index(f"{_sort}_asc", _date, customers.c.id)
for _sort, _date in DESCENDING_DATES.items():
    _living_index(f"{_sort}_desc", _date, customers.c.id)


def email_ending(of: Columns) -> ColumnElement[str]:
    """What stands before the @ of an e-mail, backwards, for an index knows beginnings."""
    first: ColumnElement[int] = literal_column("1")
    return func.reverse(func.split_part(of.email_folded, literal_column("'@'"), first))


def many_at(of: Columns) -> ColumnElement[bool]:
    """Whether there is an @ in the text besides that of the e-mail."""
    without = func.replace(of.search_text, literal_column("'@'"), literal_column("''"))
    one: ColumnElement[int] = literal_column("1")
    return func.length(of.search_text) - func.length(without) > one


_living_index("email_ending", email_ending(customers.c))
Index(
    "customers_many_at", customers.c.tenant_id, postgresql_where=and_(LIVING, many_at(customers.c))
)
# Finds substrings by their trigrams and customers by their tags (pg_trgm, btree_gin). What is yet
# to be sorted in is kept short, in kB: the write that finds it full sorts it, and its caller waits.
_living_index(
    "search",
    customers.c.search_text,
    customers.c.tags_folded,
    postgresql_using="gin",
    postgresql_ops={"search_text": "gin_trgm_ops"},
    postgresql_with={"gin_pending_list_limit": 512},
)

customer_counts = Table(
    "customer_counts",
    metadata,
    tenant_column(),
    *columns(TEXT, "status customer_type"),
    # Writers are spread over slots, so that they do not queue for one row; the sum counts.
    column("slot", SmallInteger()),
    column("customers", BigInteger()),
    PrimaryKeyConstraint("tenant_id", "status", "customer_type", "slot"),
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
        personal=True,
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
    *columns(TEXT, "payment_gateway gateway_payment_method_id", personal=True),
    column("payment_type", TEXT),
    *columns(TEXT, "card_brand last_four", personal=True),
    column("expiry_month", SmallInteger(), null=True, personal=True),
    column("expiry_year", SmallInteger(), null=True, personal=True),
    *columns(Boolean(), "is_default is_active"),
    # The token of a deleted customer: kept for a restore, free for others until then.
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
    column("note", TEXT, personal=True),
    column("created_by", Uuid(), null=True, personal=True),
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
    *columns(TEXT, "subject content", personal=True),
    column("status", TEXT),
    column("external_id", TEXT, personal=True),
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
    column("order_date_stated", Boolean()),
    column("refunds_total", MONEY),
    *columns(MOMENT, "cancelled_at recorded_at", null=True),
    PrimaryKeyConstraint("tenant_id", "order_id"),
    customer_key(),
    Index("customer_orders_newest", "tenant_id", "customer_id", "order_date", "order_id"),
)

customer_refunds = Table(
    "customer_refunds",
    metadata,
    tenant_column(),
    *columns(TEXT, "order_id refund_id"),
    column("amount", MONEY),
    *columns(MOMENT, "refunded_at recorded_at"),
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
