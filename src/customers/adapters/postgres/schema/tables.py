"""The tables of customers, of their counts and of their erasures, with keys and indexes.

Statements are in the repositories, changes of the schema in `migrations`. Conventions:

- What orders change of a customer is in `statistics_table`.
- In tables of tenants every key and index begins with `tenant_id`, so the schema can be distributed
  by it; but not the indexes that find an API key or a mailed token, which callers use without
  naming the tenant.
- Columns have the names of the model's fields. Values that the core computes for comparisons
  (`email_key`, `search_text`, `name_key`, every `*_folded`) are stored beside their source, and not
  read back into the model.
- Text is ordered by code point (`COLLATE "C"`), money is exact, moments are in UTC.
- Every column is in the map of `personal_columns`, which says whether it can hold a personal value.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Uuid,
    and_,
    cast,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.schema.types import (
    MOMENT,
    TEXT,
    TEXTS,
    Columns,
    column,
    columns,
    customer_key,
    metadata,
    tenant_column,
)
from customers.core.model.search import END

customers = Table(
    "customers",
    metadata,
    tenant_column(),
    column("id", Uuid()),
    column("user_id", Uuid(), null=True),
    *columns(TEXT, "email first_name last_name phone"),
    *columns(TEXT, "status customer_type"),
    column("date_of_birth", Date(), null=True),
    *columns(TEXT, "country country_code avatar_url"),
    column("tags", TEXTS),
    column("notes", TEXT),
    *columns(Boolean(), "marketing_opt_in email_verified"),
    column("lock_reason", TEXT, null=True),
    column("locked_at", MOMENT, null=True),
    column("locked_by", Uuid(), null=True),
    column("unlock_reason", TEXT, null=True),
    column("unlocked_at", MOMENT, null=True),
    column("unlocked_by", Uuid(), null=True),
    column("created_at", MOMENT),
    *columns(MOMENT, "deleted_at erased_at", null=True),
    *columns(
        TEXT,
        "email_key search_text email_folded first_name_folded last_name_folded phone_folded "
        "country_folded country_code_folded notes_folded",
    ),
    column("tags_folded", TEXTS),
    PrimaryKeyConstraint("tenant_id", "id"),
)


LIVING: ColumnElement[bool] = customers.c.deleted_at.is_(None)
# Deleted customers who can be restored.
DELETED = and_(customers.c.deleted_at.is_not(None), customers.c.erased_at.is_(None))


def _living_index(name: str, *parts: Any, **options: Any) -> Index:
    """An index of the tenant's living customers."""
    return Index(
        f"customers_{name}", customers.c.tenant_id, *parts, postgresql_where=LIVING, **options
    )


Index(
    "customers_deleted",
    customers.c.tenant_id,
    customers.c.created_at,
    customers.c.id,
    postgresql_where=DELETED,
)
_living_index("email_key", customers.c.email_key, unique=True)
Index(
    "customers_user_id",
    customers.c.tenant_id,
    customers.c.user_id,
    customers.c.created_at,
    customers.c.id,
    postgresql_where=and_(customers.c.user_id.is_not(None), LIVING),
)
for _sort in ("created_at", "email", "first_name", "last_name"):
    _living_index(_sort, customers.c[_sort], customers.c.id)
for _kind in ("status", "customer_type"):
    _living_index(_kind, customers.c[_kind], customers.c.created_at, customers.c.id)


def reversed_local_part(customer: Columns) -> ColumnElement[str]:
    """The part of an e-mail address before the @, reversed, so that an index can find the part by
    its ending.
    """
    first: ColumnElement[int] = literal_column("1")
    return func.reverse(func.split_part(customer.email_folded, literal_column("'@'"), first))


def has_more_ats(customer: Columns) -> ColumnElement[bool]:
    """Whether the search text has an @ besides that of the e-mail address."""
    text = customer.search_text
    without = func.replace(text, literal_column("'@'"), literal_column("''"))
    one: ColumnElement[int] = literal_column("1")
    return func.length(text) - func.length(without) > one


def has_old_search_text(customer: Columns) -> ColumnElement[bool]:
    """Whether an older release has written the search text."""
    one: ColumnElement[int] = literal_column("1")
    end: ColumnElement[str] = func.chr(literal_column(str(ord(END))))
    return func.right(customer.search_text, one) != end


Index(
    "customers_old_search_text",
    customers.c.tenant_id,
    customers.c.id,
    postgresql_where=has_old_search_text(customers.c),
)
_living_index("email_ending", reversed_local_part(customers.c))
Index(
    "customers_many_at",
    customers.c.tenant_id,
    postgresql_where=and_(LIVING, has_more_ats(customers.c)),
)
# Flags as numbers, because PostgreSQL 15 does not use a GIN index for conditions on booleans. The
# statistics objects of revision 0011 tell the planner how many customers have each flag.
HAS_OPTED_IN = cast(customers.c.marketing_opt_in, Integer)
IS_VERIFIED = cast(customers.c.email_verified, Integer)
HAS_ACCOUNT = cast(customers.c.user_id.is_not(None), Integer)
# Finds substrings by their trigrams, and customers by any combination of its columns (pg_trgm,
# btree_gin). The pending list of the index is short (the limit is in kB), because the write that
# finds it full has to wait until it is merged into the index.
_living_index(
    "criteria",
    customers.c.search_text,
    customers.c.tags_folded,
    customers.c.country_code,
    HAS_OPTED_IN,
    IS_VERIFIED,
    HAS_ACCOUNT,
    postgresql_using="gin",
    postgresql_ops={"search_text": "gin_trgm_ops"},
    postgresql_with={"gin_pending_list_limit": 512},
)

customer_counts = Table(
    "customer_counts",
    metadata,
    tenant_column(),
    *columns(TEXT, "status customer_type"),
    # Writers are spread over slots, so that they do not queue for one row; slots add up to a count.
    column("slot", SmallInteger()),
    column("customers", BigInteger()),
    PrimaryKeyConstraint("tenant_id", "status", "customer_type", "slot"),
)

customer_erasures = Table(
    "customer_erasures",
    metadata,
    tenant_column(),
    column("customer_id", Uuid()),
    column("erased_at", MOMENT),
    column("counts", JSONB()),
    # When maintenance removed the copies of values that the erasure left outside of rows.
    column("maintained_at", MOMENT, null=True),
    PrimaryKeyConstraint("tenant_id", "customer_id"),
    customer_key(),
)
