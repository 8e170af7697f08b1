"""No filter can be lost: the query, the filter, memory and PostgreSQL all have its field.

A new filter fails here until each of them applies it.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from attrs import fields

from customers.adapters.postgres.customers import filters, page_statements
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.customer_filter import (
    CustomerFilter,
    DeletedCustomers,
    MembersOf,
    RuleAt,
)
from customers.core.model.rules.parse import parse_stored
from customers.core.model.search import Search
from customers.entrypoints.http.customer_queries import CustomerFilterQuery, CustomerPageQuery
from tests.support.builders import NOW, a_customer, an_id, some_statistics

EARLIER, LATER = NOW - timedelta(days=1), NOW + timedelta(days=1)
NOBODY: Final = parse_stored([{"field": "email", "operator": "is_empty"}])
CUSTOMER: Final = a_customer(country_code="DE", statistics=some_statistics())

# A value of each field that the customer does not satisfy.
REFUSED: Final[dict[str, Any]] = {
    "search": Search.of("nobody"),
    "statuses": frozenset({CustomerStatus.BLOCKED}),
    "types": frozenset({CustomerType.VIP}),
    "tags": frozenset({"missing"}),
    "country_codes": frozenset({"FR"}),
    "email_key": "other@example.test",
    "marketing_opt_in": not CUSTOMER.marketing_opt_in,
    "email_verified": not CUSTOMER.email_verified,
    "has_account": CUSTOMER.user_id is None,
    "created_from": LATER,
    "created_to": EARLIER,
    "updated_from": LATER,
    "updated_to": EARLIER,
    "last_order_from": LATER,
    "last_order_to": EARLIER,
    "min_total_orders": 99,
    "max_total_orders": 0,
    "min_total_spent": Decimal(99),
    "max_total_spent": Decimal(0),
    "rule": RuleAt(rule=NOBODY, now=NOW),
    "deleted": DeletedCustomers.ONLY,
    "members_of": MembersOf(segment_id=an_id()),
    "assigned_to": an_id(),
    "not_assigned_to": an_id(),
}
# The fields that segments set, and no query; only the storage can check those of OF_STORAGE.
OF_STORAGE: Final = {"members_of", "assigned_to", "not_assigned_to"}
OF_SEGMENTS: Final = {*OF_STORAGE, "rule"}
# A value of each parameter of a query.
PARAMETERS: Final[dict[str, Any]] = REFUSED | {
    "search": "nobody",
    "status": (CustomerStatus.BLOCKED,),
    "customer_type": (CustomerType.VIP,),
    "tags": ("missing",),
    "country_code": ("FR",),
    "email": "other@example.test",
}


def filter_fields() -> list[str]:
    return [field.name for field in fields(CustomerFilter)]


def query_fields() -> list[str]:
    inherited = {field.name for field in fields(CustomerPageQuery)}
    return [field.name for field in fields(CustomerFilterQuery) if field.name not in inherited]


def sql_of(customer_filter: CustomerFilter) -> str:
    values = filters.values(customer_filter)
    return filters.statement(customer_filter, values, page_statements.count, False).sql


@pytest.mark.parametrize("name", filter_fields())
def test_postgres_has_a_condition_for_every_field(name: str) -> None:
    assert sql_of(CustomerFilter(**{name: REFUSED[name]})) != sql_of(CustomerFilter())


@pytest.mark.parametrize("name", [name for name in filter_fields() if name not in OF_STORAGE])
def test_memory_decides_by_every_field(name: str) -> None:
    assert CustomerFilter().keeps(CUSTOMER)
    assert not CustomerFilter(**{name: REFUSED[name]}).keeps(CUSTOMER)


def test_every_parameter_of_a_query_sets_a_field_of_its_own() -> None:
    changed = []
    for name in query_fields():
        query = CustomerFilterQuery(**{name: PARAMETERS[name]})
        changed += [
            field.name
            for field in fields(CustomerFilter)
            if getattr(query.filter, field.name) != field.default
        ]
    assert sorted(changed) == sorted(set(filter_fields()) - OF_SEGMENTS)
