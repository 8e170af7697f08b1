"""A customer as a row of `customers`, in both directions."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from asyncpg import Record
from attrs import asdict

from customers.adapters.postgres.schema.tables import customers
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.folding import fold
from customers.core.model.order import Statistics

_FOLDED = ("email", "first_name", "last_name", "phone", "country", "country_code", "notes")
_COMPARED = {"email_key", "search_text", "tags_folded", *(f"{name}_folded" for name in _FOLDED)}

# What a customer is made of again; the other columns are only for comparing.
SHOWN = tuple(column for column in customers.columns if column.name not in _COMPARED)


# Looked up, which takes a tenth of what asking the enumeration takes.
_STATUSES: Mapping[str, CustomerStatus] = {each.value: each for each in CustomerStatus}
_TYPES: Mapping[str, CustomerType] = {each.value: each for each in CustomerType}

Row: TypeAlias = Record | Mapping[str, Any]


def from_row(row: Row) -> Customer:
    """The customer of a row that has the columns of SHOWN."""
    return Customer(
        id=row["id"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        email=row["email"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        phone=row["phone"],
        status=_STATUSES[row["status"]],
        customer_type=_TYPES[row["customer_type"]],
        statistics=_statistics(row),
        date_of_birth=row["date_of_birth"],
        country=row["country"],
        country_code=row["country_code"],
        avatar_url=row["avatar_url"],
        tags=tuple(row["tags"]),
        notes=row["notes"],
        marketing_opt_in=row["marketing_opt_in"],
        email_verified=row["email_verified"],
        lock_reason=row["lock_reason"],
        locked_at=row["locked_at"],
        locked_by=row["locked_by"],
        unlock_reason=row["unlock_reason"],
        unlocked_at=row["unlocked_at"],
        unlocked_by=row["unlocked_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        deleted_at=row["deleted_at"],
        erased_at=row["erased_at"],
    )


def to_row(customer: Customer) -> dict[str, Any]:
    """The value of every column."""
    told = asdict(customer, recurse=False)
    del told["statistics"]
    return {
        **told,
        **asdict(customer.statistics, recurse=False),
        "email_key": customer.email_key,
        "search_text": customer.search_text,
        "tags_folded": [fold(tag) for tag in customer.tags],
        **{f"{name}_folded": fold(told[name]) for name in _FOLDED},
    }


def _statistics(row: Row) -> Statistics:
    return Statistics(
        total_orders=row["total_orders"],
        total_spent=row["total_spent"],
        average_order_value=row["average_order_value"],
        first_order_date=row["first_order_date"],
        last_order_date=row["last_order_date"],
    )
