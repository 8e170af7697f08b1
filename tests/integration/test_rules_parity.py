"""PostgreSQL finds the customers that match a rule by its definition in the core."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter, RuleAt
from customers.core.model.query import CustomerSort
from customers.core.model.rules.matches import matches
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Group, Logic, Rule
from customers.core.ports.storage import Storage
from tests.support import golden_rules as golden
from tests.support.builders import a_customer, a_tenant, an_id, some_statistics
from tests.support.rule_strategies import NOW, customers, written_rules
from tests.support.storage_steps import add_customers

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LONGER_THAN_ANY_RULE = timedelta(days=36_501)
MOMENTS = (
    FIRST,
    FIRST + MICROSECOND,
    FIRST + LONGER_THAN_ANY_RULE,
    NOW - timedelta(days=36_500) - MICROSECOND,
    NOW - timedelta(days=36_500),
    NOW - timedelta(days=1),
    NOW,
    LAST - MICROSECOND,
    LAST,
)
LARGE, SMALL = "9" * 38, f"0.{'0' * 36}1"


def a_rule(field: str, operator: str, value: object) -> Rule:
    return parse({"field": field, "operator": operator, "value": value})


def complement(rule: Rule) -> Rule:
    return Rule(root=Group(logic=Logic.NOT, members=(rule.root,)))


async def matching_ids(storage: Storage, tenant: str, rule: Rule, now: datetime) -> set[UUID]:
    by_rule = CustomerFilter(rule=RuleAt(rule=rule, now=now))
    async with storage.view(tenant) as view:
        page = await view.customers.page_after(by_rule, CustomerSort(), None, 1_000)
    return {customer.id for customer in page}


async def assert_parity(
    storage: Storage, people: list[Customer], rule: Rule, now: datetime = NOW
) -> None:
    """The storage finds the customers that match in the core, and the complement all others."""
    tenant = people[0].tenant_id
    members = {customer.id for customer in people if matches(rule, customer, now)}
    assert await matching_ids(storage, tenant, rule, now) == members, rule
    if not rule.is_empty:
        others = {customer.id for customer in people} - members
        assert await matching_ids(storage, tenant, complement(rule), now) == others, rule


def in_tenant(people: list[Customer], tenant: str) -> list[Customer]:
    """The people as customers of one tenant, with distinct ids and e-mail addresses."""
    return [
        evolve(person, id=an_id(), tenant_id=tenant, email=f"{place or ''}{person.email}")
        for place, person in enumerate(people)
    ]


async def test_the_golden_rules_match_exactly_their_members(storage: Storage, tenant: str) -> None:
    people = {name: evolve(person, tenant_id=tenant) for name, person in golden.CUSTOMERS.items()}
    await add_customers(storage, *people.values())
    for vector in golden.VECTORS:
        members = await matching_ids(storage, tenant, parse(vector.rule), golden.NOW)
        assert {name for name in people if people[name].id in members} == vector.members, vector


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(customers(), min_size=20, max_size=20),
    rules=st.lists(written_rules().map(parse), min_size=8, max_size=8),
)
async def test_a_random_rule_matches_as_in_the_core(
    storage: Storage, people: list[Customer], rules: list[Rule]
) -> None:
    people = in_tenant(people, a_tenant())
    await add_customers(storage, *people)
    for rule in rules:
        await assert_parity(storage, people, rule)


@pytest.mark.parametrize("now", [FIRST, FIRST + timedelta(days=400), NOW, LAST])
async def test_ages_and_windows_match_up_to_the_ends_of_the_calendar(
    storage: Storage, tenant: str, now: datetime
) -> None:
    people = [a_customer(tenant_id=tenant, created_at=moment) for moment in MOMENTS]
    await add_customers(storage, *people)
    for days in map(Decimal, ("0", "0.5", "1", "399.99", "400", "36500")):
        for operator in ("eq", "neq", "gt", "gte", "lt", "lte"):
            await assert_parity(storage, people, a_rule("days_since_created", operator, days), now)
        for operator in ("in", "not_in", "between"):
            ages = a_rule("days_since_created", operator, [0, days])
            await assert_parity(storage, people, ages, now)
        for operator in ("within_last_days", "more_than_days_ago"):
            await assert_parity(storage, people, a_rule("created_at", operator, days), now)


async def test_moments_and_days_match_up_to_the_ends_of_the_calendar(
    storage: Storage, tenant: str
) -> None:
    days = (date.min, date(1990, 1, 31), date(9999, 12, 30), date.max, None)
    people = [
        a_customer(tenant_id=tenant, created_at=moment, date_of_birth=day)
        for moment, day in product((FIRST, NOW, LAST), days)
    ]
    await add_customers(storage, *people)
    for operator, place in product(("before", "after"), range(4)):
        await assert_parity(storage, people, a_rule("date_of_birth", operator, str(days[place])))
        moment = (FIRST, NOW, LAST - MICROSECOND, LAST)[place].isoformat()
        await assert_parity(storage, people, a_rule("created_at", operator, moment))


@pytest.mark.parametrize("value", ["2.5", "0", SMALL, LARGE, f"-{LARGE}", f"-{SMALL}", "1e37"])
@pytest.mark.parametrize("field", ["total_orders", "total_spent"])
async def test_numbers_of_any_size_are_compared_exactly(
    storage: Storage, tenant: str, field: str, value: str
) -> None:
    totals: list[dict[str, Any]] = [
        {"orders": 0, "spent": "0"},
        {"orders": 2, "spent": "2.50"},
        {"orders": 2**62, "spent": "9999999999999999999.9999"},
    ]
    people = [a_customer(tenant_id=tenant, statistics=some_statistics(**total)) for total in totals]
    await add_customers(storage, *people)
    for operator in ("eq", "neq", "gt", "gte", "lt", "lte"):
        await assert_parity(storage, people, a_rule(field, operator, value))
    await assert_parity(storage, people, a_rule(field, "between", [value, LARGE]))
    await assert_parity(storage, people, a_rule(field, "in", [value, "2", LARGE]))


async def test_the_largest_possible_rule_matches(storage: Storage, tenant: str) -> None:
    ages = [NOW - timedelta(days=days) for days in range(100)]
    people = [a_customer(tenant_id=tenant, created_at=age) for age in ages]
    await add_customers(storage, *people)
    age = {"field": "days_since_created"}
    nested: Any = {**age, "operator": "in", "value": list(range(0, 180, 2))}
    for level, (logic, operator) in enumerate((("OR", "eq"), ("AND", "neq")) * 3):
        members = [{**age, "operator": operator, "value": days} for days in range(level, 99, 6)]
        nested = {"conditions": [nested, *members], "logic": logic}
    rule = parse(nested)
    await assert_parity(storage, people, rule)
    assert 10 < len(await matching_ids(storage, tenant, rule, NOW)) < 90


async def test_an_empty_rule_matches_nobody(storage: Storage, tenant: str) -> None:
    await add_customers(storage, a_customer(tenant_id=tenant))
    empty: list[object] = [None, [], {"conditions": [], "logic": "NOT"}, {"rules": [[], []]}]
    for rules in empty:
        assert await matching_ids(storage, tenant, parse(rules), NOW) == set()
