"""The golden examples of the rule language: customers, a moment, rules, and their members.

The core and the storages are tested with them.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.order import Statistics


@frozen
class Vector:
    """A rule in JSON, and the names of its members."""

    name: str
    rule: object
    members: frozenset[str]


@frozen
class Refusal:
    """An invalid rule, and prefixes of JSON pointers, at each of which is at least one problem."""

    name: str
    rule: object
    locations: tuple[str, ...]


def _customer(name: str, number: int, values: dict[str, Any]) -> Customer:
    return Customer(
        id=UUID(int=number),
        tenant_id="golden",
        user_id=UUID(values["userId"]) if values["userId"] else None,
        email=values["email"],
        first_name=values["firstName"],
        last_name=values["lastName"],
        phone=values["phone"],
        status=CustomerStatus(values["status"]),
        customer_type=CustomerType(values["customerType"]),
        statistics=_statistics(name, values),
        date_of_birth=date.fromisoformat(values["dateOfBirth"][:10])
        if "dateOfBirth" in values
        else None,
        country=values["country"],
        country_code=values["countryCode"],
        tags=tuple(values["tags"]),
        notes=values["notes"],
        marketing_opt_in=values["marketingOptIn"],
        email_verified=values["emailVerified"],
        created_at=_moment(values["createdAt"]),
        updated_at=_moment(values["createdAt"]),
    )


def _statistics(name: str, values: dict[str, Any]) -> Statistics:
    statistics = Statistics(
        total_orders=int(values["totalOrders"]),
        total_spent=Decimal(values["totalSpent"]),
        average_order_value=Decimal(values["averageOrderValue"]),
        first_order_date=_moment(values["firstOrderDate"]) if values["firstOrderDate"] else None,
        last_order_date=_moment(values["lastOrderDate"]) if values["lastOrderDate"] else None,
    )
    if statistics.lifetime_value != values["lifetimeValue"]:
        raise ValueError(f"the lifetime value of {name} differs from the total spent")
    return statistics


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_FILE = Path(__file__).parents[1] / "golden" / "segment_rules.json"
_DATA = json.loads(_FILE.read_text(encoding="utf-8"), parse_float=Decimal)

NOW = _moment(_DATA["now"])
CUSTOMERS = {
    name: _customer(name, number, values)
    for number, (name, values) in enumerate(_DATA["customers"].items(), start=1)
}
VECTORS = tuple(
    Vector(vector["name"], vector["rule"], frozenset(vector["members"]))
    for vector in _DATA["vectors"]
)
REFUSALS = tuple(
    Refusal(
        refusal["name"],
        refusal["rule"],
        tuple(refusal.get("pointer_prefixes", [refusal["pointer_prefix"]])),
    )
    for refusal in _DATA["invalid"]
)
