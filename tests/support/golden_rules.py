"""The golden vectors of the rule language, as values: customers, one moment, rules, members.

Both forms of a rule, the core's and a storage's, are run against them.
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
    """A rule as written, with the names of its members."""

    name: str
    rule: object
    members: frozenset[str]


@frozen
class Refusal:
    """A rule to be refused, with places of which each holds at least one problem."""

    name: str
    rule: object
    places: tuple[str, ...]


def _customer(name: str, place: int, told: dict[str, Any]) -> Customer:
    return Customer(
        id=UUID(int=place),
        tenant_id="golden",
        user_id=UUID(told["userId"]) if told["userId"] else None,
        email=told["email"],
        first_name=told["firstName"],
        last_name=told["lastName"],
        phone=told["phone"],
        status=CustomerStatus(told["status"]),
        customer_type=CustomerType(told["customerType"]),
        statistics=_statistics(name, told),
        date_of_birth=date.fromisoformat(told["dateOfBirth"][:10])
        if "dateOfBirth" in told
        else None,
        country=told["country"],
        country_code=told["countryCode"],
        tags=tuple(told["tags"]),
        notes=told["notes"],
        marketing_opt_in=told["marketingOptIn"],
        email_verified=told["emailVerified"],
        created_at=_moment(told["createdAt"]),
        updated_at=_moment(told["createdAt"]),
    )


def _statistics(name: str, told: dict[str, Any]) -> Statistics:
    statistics = Statistics(
        total_orders=int(told["totalOrders"]),
        total_spent=Decimal(told["totalSpent"]),
        average_order_value=Decimal(told["averageOrderValue"]),
        first_order_date=_moment(told["firstOrderDate"]) if told["firstOrderDate"] else None,
        last_order_date=_moment(told["lastOrderDate"]) if told["lastOrderDate"] else None,
    )
    if statistics.lifetime_value != told["lifetimeValue"]:
        raise ValueError(f"no customer has the lifetime value of {name}")
    return statistics


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


_FILE = Path(__file__).parents[1] / "golden" / "segment_rules.json"
_TOLD = json.loads(_FILE.read_text(encoding="utf-8"), parse_float=Decimal)

NOW = _moment(_TOLD["now"])
CUSTOMERS = {
    name: _customer(name, place, told)
    for place, (name, told) in enumerate(_TOLD["customers"].items(), start=1)
}
VECTORS = tuple(
    Vector(each["name"], each["rule"], frozenset(each["members"])) for each in _TOLD["vectors"]
)
REFUSALS = tuple(
    Refusal(
        each["name"],
        each["rule"],
        tuple(each.get("pointer_prefixes", [each["pointer_prefix"]])),
    )
    for each in _TOLD["invalid"]
)
