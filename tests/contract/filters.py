"""The contract of customer filters."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.customer_filter import CustomerFilter, RuleAt
from customers.core.model.folding import fold
from customers.core.model.query import CustomerSort, Page
from customers.core.model.search import Search
from customers.core.ports.storage import Storage
from tests.support.builders import (
    FIRST_MOMENT,
    LAST_MOMENT,
    a_customer,
    a_dynamic_segment,
    a_segment,
    a_tenant,
    later,
    numbered_id,
    some_statistics,
)
from tests.support.storage_steps import add_customers, add_segments, assign, delete

ACTIVE, INACTIVE, BLOCKED = CustomerStatus
RETAIL, WHOLESALE, VIP = CustomerType


async def find_customers(
    storage: Storage, tenant: str, customer_filter: CustomerFilter
) -> list[Customer]:
    """The matching customers, sorted by id; asserts that page, cursor and count agree."""
    async with storage.view(tenant) as view:
        paged = await view.customers.page(customer_filter, CustomerSort(), Page(size=100))
        walked = await view.customers.page_after(customer_filter, CustomerSort(), None, 100)
        counted = await view.customers.count(customer_filter)
        numbered = await view.customers.page_with_total(
            customer_filter, CustomerSort(), Page(size=100)
        )
        beyond = await view.customers.page_with_total(
            customer_filter, CustomerSort(), Page(number=9)
        )
    assert (list(numbered.customers), numbered.total) == (list(paged), counted)
    assert (list(beyond.customers), beyond.total) == ([], counted)
    assert list(paged) == list(walked)
    assert counted == len(paged)
    return sorted(paged, key=lambda customer: customer.id)


def shopper(tenant: str, number: int) -> Customer:
    """A customer whose filtered fields depend on the number."""
    return a_customer(
        tenant_id=tenant,
        first_name=["Ada", "Bob", "Straße"][number % 3],
        status=list(CustomerStatus)[number % 3],
        customer_type=list(CustomerType)[number // 3 % 3],
        tags=[(), ("VIP",), ("vip", "Straße"), ("new", "early adopter")][number % 4],
        country_code=["DE", "FR", ""][number % 3],
        email=f"shopper-{number}@example.test",
        marketing_opt_in=bool(number % 2),
        email_verified=not number % 3,
        user_id=None if number % 4 else numbered_id(number),
        created_at=later(days=number % 5),
        updated_at=later(days=number % 6),
        statistics=some_statistics(f"{number % 7}.10", number % 3),
    )


SHOPPERS = 18

FILTERS: list[dict[str, Any]] = [
    {"statuses": [ACTIVE]},
    {"statuses": [ACTIVE, BLOCKED]},
    {"statuses": [*CustomerStatus]},
    {"types": [VIP]},
    {"types": [RETAIL, WHOLESALE]},
    {"statuses": [INACTIVE], "types": [WHOLESALE]},
    {"tags": ["vip"]},
    {"tags": ["vip", "strasse"]},
    {"tags": ["early adopter"]},
    {"tags": ["early"]},
    {"tags": ["vip", "new"]},
    {"tags": ["%"]},
    {"created_from": later(days=3)},
    {"created_to": later(days=1)},
    {"created_from": later(days=1), "created_to": later(days=1)},
    {"created_from": later(days=1, microseconds=1)},
    {"created_to": later(days=1, microseconds=-1)},
    {"created_from": later(days=2), "created_to": later(days=1)},
    {"created_from": FIRST_MOMENT},
    {"created_from": LAST_MOMENT},
    {"created_to": FIRST_MOMENT},
    {"created_to": LAST_MOMENT},
    {"min_total_spent": Decimal("3.10")},
    {"min_total_spent": Decimal("3.1001")},
    {"max_total_spent": Decimal("3.1")},
    {"max_total_spent": Decimal("3.0999")},
    {"min_total_spent": Decimal(0), "max_total_spent": Decimal("1E+2")},
    {"min_total_spent": Decimal("1E+30")},
    {"max_total_spent": Decimal("1E+30")},
    {"max_total_spent": Decimal("-1E-30")},
    {"country_codes": ["DE"]},
    {"country_codes": ["DE", "FR"], "marketing_opt_in": False},
    {"email_key": "shopper-7@example.test"},
    {"email_key": "shopper"},
    {"marketing_opt_in": True, "email_verified": False},
    {"email_verified": True, "has_account": True},
    {"has_account": False},
    {"updated_from": later(days=2), "updated_to": later(days=4)},
    {"updated_to": FIRST_MOMENT},
    {"last_order_from": FIRST_MOMENT},
    {"last_order_to": LAST_MOMENT},
    {"last_order_from": later(days=1), "last_order_to": later(days=1)},
    {"min_total_orders": 1, "max_total_orders": 1},
    {"min_total_orders": 10**15},
    {"search": Search.of("ada"), "statuses": [ACTIVE], "types": [RETAIL], "tags": ["vip"]},
]


def a_filter(values: dict[str, Any]) -> CustomerFilter:
    sets = {name: frozenset(value) for name, value in values.items() if isinstance(value, list)}
    return CustomerFilter(**values | sets)


WANTED = st.fixed_dictionaries(
    {},
    optional={
        "search": st.sampled_from(["a", "bob", "strasse", "@example", "1"]).map(Search.of),
        "statuses": st.frozensets(st.sampled_from(CustomerStatus)),
        "types": st.frozensets(st.sampled_from(CustomerType)),
        "tags": st.frozensets(st.sampled_from(["vip", "strasse", "new"]), max_size=2),
        "country_codes": st.frozensets(st.sampled_from(["DE", "FR"])),
        "email_key": st.integers(0, 2).map(lambda number: f"shopper-{number}@example.test"),
        "marketing_opt_in": st.booleans(),
        "email_verified": st.booleans(),
        "has_account": st.booleans(),
        "updated_from": st.integers(0, 6).map(lambda day: later(days=day)),
        "updated_to": st.integers(0, 6).map(lambda day: later(days=day)),
        "last_order_from": st.integers(0, 4).map(lambda day: later(days=day)),
        "last_order_to": st.integers(0, 4).map(lambda day: later(days=day)),
        "min_total_orders": st.integers(0, 3),
        "max_total_orders": st.integers(0, 3),
        "created_from": st.integers(0, 5).map(lambda day: later(days=day)),
        "created_to": st.integers(0, 5).map(lambda day: later(days=day)),
        "min_total_spent": st.decimals(0, 7, places=2),
        "max_total_spent": st.decimals(0, 7, places=4),
    },
)


class CustomerFilterContract:
    @pytest.mark.parametrize("values", FILTERS, ids=str)
    async def test_a_filter_returns_the_customers_it_describes(
        self, storage: Storage, tenant: str, values: dict[str, Any]
    ) -> None:
        shoppers = [shopper(tenant, number) for number in range(SHOPPERS)]
        await add_customers(storage, *shoppers)
        customer_filter = a_filter(values)
        assert await find_customers(storage, tenant, customer_filter) == list(
            filter(customer_filter.keeps, shoppers)
        )

    @settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(filters=st.lists(WANTED, min_size=12, max_size=12))
    async def test_filters_of_any_shape_return_the_customers_they_describe(
        self, storage: Storage, filters: list[dict[str, Any]]
    ) -> None:
        tenant = a_tenant()
        shoppers = [shopper(tenant, number) for number in range(SHOPPERS)]
        await add_customers(storage, *shoppers)
        for customer_filter in map(a_filter, filters):
            assert await find_customers(storage, tenant, customer_filter) == list(
                filter(customer_filter.keeps, shoppers)
            )

    async def test_a_tag_is_found_by_its_folded_form(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant, tags=("Groß \uff21", 'O\'Neill, "x" {y}\\'))
        await add_customers(storage, customer)
        for tag in customer.tags:
            assert await find_customers(
                storage, tenant, CustomerFilter(tags=frozenset({fold(tag)}))
            )
        assert not await find_customers(storage, tenant, CustomerFilter(tags=frozenset({"gro"})))

    async def test_a_filter_of_tags_requires_all_of_them(
        self, storage: Storage, tenant: str
    ) -> None:
        tags = [("a",), ("a", "b"), ("A", "B", "c"), ("b", "c")]
        tagged = [a_customer(tenant_id=tenant, tags=names) for names in tags]
        await add_customers(storage, *tagged)
        both_tags = CustomerFilter(tags=frozenset({"a", "b"}))
        assert await find_customers(storage, tenant, both_tags) == tagged[1:3]

    async def test_customers_are_filtered_by_assignment_to_a_segment(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve, dan = (a_customer(tenant_id=tenant) for _ in range(4))
        segment, other = a_segment(tenant_id=tenant), a_segment(tenant_id=tenant)
        await add_customers(storage, ada, bob, eve, dan)
        await add_segments(storage, segment, other)
        await assign(storage, segment, ada, dan)
        await assign(storage, other, ada, bob)
        await delete(storage, dan)
        assert await find_customers(storage, tenant, CustomerFilter(assigned_to=segment.id)) == [
            ada
        ]
        others = CustomerFilter(not_assigned_to=segment.id)
        assert await find_customers(storage, tenant, others) == [bob, eve]
        one_of_two = CustomerFilter(assigned_to=other.id, not_assigned_to=segment.id)
        assert await find_customers(storage, tenant, one_of_two) == [bob]
        blocked = CustomerFilter(assigned_to=segment.id, statuses=frozenset({BLOCKED}))
        assert await find_customers(storage, tenant, blocked) == []

    async def test_nobody_is_assigned_to_an_unknown_segment(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_customers(storage, customer := a_customer(tenant_id=tenant))
        unknown_id = a_segment(tenant_id=tenant).id
        assert await find_customers(storage, tenant, CustomerFilter(assigned_to=unknown_id)) == []
        assert await find_customers(
            storage, tenant, CustomerFilter(not_assigned_to=unknown_id)
        ) == [customer]

    @pytest.mark.parametrize(
        "rules",
        [
            '[{"field": "total_spent", "operator": "gt", "value": 3}]',
            '[{"field": "tags", "operator": "has_any", "value": ["STRASSE", "new"]}]',
            '[{"field": "days_since_created", "operator": "lt", "value": 2}]',
            '{"logic": "NOT", "conditions": [{"field": "email", "operator": "is_empty"}]}',
            '[{"field": "first_name", "operator": "contains", "value": "SS"}]',
        ],
    )
    async def test_a_rule_filter_returns_the_customers_it_matches(
        self, storage: Storage, tenant: str, rules: str
    ) -> None:
        shoppers = [shopper(tenant, number) for number in range(SHOPPERS)]
        await add_customers(storage, *shoppers)
        rule = a_dynamic_segment(rules).rule
        assert rule is not None
        customer_filter = CustomerFilter(
            rule=RuleAt(rule=rule, now=later(days=4)), types=frozenset({RETAIL})
        )
        expected = list(filter(customer_filter.keeps, shoppers))
        assert await find_customers(storage, tenant, customer_filter) == expected != []
