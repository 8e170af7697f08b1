"""Lists and counts are read off indexes, so they do not cost more because a tenant is large.

The planner is kept from what it would rather do with little data: then what an index cannot give
in the right order is sorted, and the plan says so.
"""

import re
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal

import pytest
import pytest_asyncio

from customers.adapters.postgres.customers import pages
from customers.adapters.postgres.segments import refresh_states, stale_candidates, sweep
from customers.adapters.postgres.segments.assignments import PostgresAssignments
from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.membership import DateRange
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerSort,
    MembersOf,
    Page,
    RuleAt,
    SortDirection,
    SortField,
)
from customers.core.model.rules.parse import parse
from customers.core.model.rules.timing import DateField
from tests.support.builders import NOW, a_customer, an_id, later, some_statistics
from tests.support.full_tenant import outcome
from tests.support.query_plans import Explaining, Read, explaining
from tests.support.storage_steps import EVERYONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

every_order = pytest.mark.parametrize(
    "order",
    [CustomerSort(by=by, order=order) for by in SortField for order in SortDirection],
    ids=str,
)
ALL_BUT_AN_ORDERED_INDEX = ("seqscan", "bitmapscan", "sort", "incremental_sort")
BLOCKED = frozenset({CustomerStatus.BLOCKED})
VIP = frozenset({CustomerType.VIP})

SEGMENT, OTHER, SOMEBODY = (an_id() for _ in range(3))
MEMBERS = CustomerFilter(
    members_of=MembersOf(
        segment_id=SEGMENT, plus=frozenset({an_id()}), without=frozenset({an_id()})
    )
)
BIG_SPENDERS = CustomerFilter(
    rule=RuleAt(
        rule=parse([{"field": "total_spent", "operator": "gt", "value": 1_000}]),
        now=NOW,
    )
)
SPANS = [DateRange(date=date, low=later(days=-1), high=NOW) for date in DateField] * 2
NEWEST, BY_SPENT = CustomerSort(), CustomerSort(by=SortField.TOTAL_SPENT)
# What looks up the customers it is about, few or many, and no others.
LOOK_UPS: Mapping[str, Read] = {
    "doubts by marks": lambda session: stale_candidates.stale_candidates(session, [], 1_001),
    "doubts by marks and spans": lambda session: stale_candidates.stale_candidates(
        session, SPANS, 1_001
    ),
    "roll": lambda session: stale_candidates.scan(session, SOMEBODY, 100),
    "marked": lambda session: stale_candidates.with_pending_changes(session, 200, None),
    "marked of some": lambda session: stale_candidates.with_pending_changes(
        session, 200, [SOMEBODY]
    ),
    "contradicted by a rule": lambda session: stale_candidates.mismatched(
        session, SEGMENT, BIG_SPENDERS, SOMEBODY, 100
    ),
    "contradicted by nobody": lambda session: stale_candidates.mismatched(
        session, SEGMENT, None, SOMEBODY, 100
    ),
    "contradicted by hand": lambda session: stale_candidates.mismatched(
        session, SEGMENT, CustomerFilter(assigned_to=SEGMENT), SOMEBODY, 100
    ),
    "aged": lambda session: stale_candidates.crossed(session, SPANS, SOMEBODY, 200),
    "overdue": lambda session: stale_candidates.due(session, {SEGMENT: SPANS, OTHER: SPANS}),
    "page": lambda session: pages.page(session, MEMBERS, NEWEST, Page(number=3)),
    "after": lambda session: pages.after(
        session, MEMBERS, NEWEST, CustomerKey(value=NOW, id=SOMEBODY), 20
    ),
    "put into": lambda session: outcome(PostgresAssignments(session).segments_of(SOMEBODY)),
    "assignment": lambda session: PostgresAssignments(session).get(SEGMENT, SOMEBODY),
    "standings": lambda session: refresh_states.refresh_states(session, None),
    "some standings": lambda session: refresh_states.refresh_states(session, [SEGMENT]),
    "stored": lambda session: PostgresMemberships(session).members_among(SEGMENT, [SOMEBODY]),
    "changes": lambda session: PostgresMemberships(session).changes(SEGMENT, 10, 100),
}
READS: Mapping[str, Read] = {
    **LOOK_UPS,
    "page by spend": lambda session: pages.page(session, MEMBERS, BY_SPENT, Page()),
    "after by spend": lambda session: pages.after(
        session, MEMBERS, BY_SPENT, CustomerKey(value=Decimal(9), id=SOMEBODY), 20
    ),
    "count": lambda session: pages.count(session, MEMBERS),
    "tenants to settle": sweep.tenants_to_refresh,
}


@pytest_asyncio.fixture(loop_scope="session")
async def session(url: str, tenant: str) -> AsyncIterator[Explaining]:
    async with explaining(url, tenant) as session:
        yield session


@every_order
async def test_a_page_is_read_off_the_index_of_its_order(
    session: Explaining, order: CustomerSort
) -> None:
    await session.without(*ALL_BUT_AN_ORDERED_INDEX)
    await pages.numbered(session, EVERYONE, order, Page(number=3))
    assert "Index Scan" in session.plan
    assert "Sort" not in session.plan


@every_order
@pytest.mark.parametrize("customer", [a_customer(), a_customer(statistics=some_statistics())])
async def test_a_walk_begins_in_the_index_where_it_stopped(
    session: Explaining, order: CustomerSort, customer: Customer
) -> None:
    await session.without(*ALL_BUT_AN_ORDERED_INDEX)
    key = CustomerKey(value=order.by.of(customer), id=customer.id)
    await pages.after(session, EVERYONE, order, key, 20)
    [condition] = [line for line in session.plan.splitlines() if "Index Cond" in line]
    assert "tenant_id" in condition
    assert "ROW(" in condition
    assert "Sort" not in session.plan


@pytest.mark.parametrize("which", [CustomerFilter(statuses=BLOCKED), CustomerFilter(types=VIP)])
async def test_one_status_or_type_newest_first_is_read_off_an_index_of_its_own(
    session: Explaining, tenant: str, which: CustomerFilter
) -> None:
    await session.crowd(tenant)
    await session.without(*ALL_BUT_AN_ORDERED_INDEX)
    await pages.page(session, which, CustomerSort(), Page())
    assert "Filter" not in session.plan
    assert "Sort" not in session.plan


@pytest.mark.parametrize(
    ("which", "condition"),
    [
        (CustomerFilter(search="someone"), "search_text ~~ '%someone%'"),
        (CustomerFilter(tags=frozenset({"rare"})), "tags_folded @> '{rare}'"),
    ],
)
async def test_what_few_have_is_found_by_index(
    session: Explaining, tenant: str, which: CustomerFilter, condition: str
) -> None:
    await session.crowd(tenant)
    await session.without("seqscan", "indexscan")
    await pages.page(session, which, CustomerSort(), Page())
    [found] = [line for line in session.plan.splitlines() if "Index Cond" in line]
    assert "tenant_id" in found
    assert condition in found


@pytest.mark.parametrize("which", [EVERYONE, CustomerFilter(statuses=BLOCKED, types=VIP)])
async def test_status_and_type_are_counted_without_looking_at_customers(
    session: Explaining, which: CustomerFilter
) -> None:
    assert await pages.count(session, which) == 0
    assert session.plan == ""


async def test_a_part_of_an_email_is_looked_up_by_its_end(session: Explaining, tenant: str) -> None:
    await session.crowd(tenant)
    which = CustomerFilter(search="someone@example.test")
    first, *_ = await session.plans_of(lambda session: pages.after(session, which, NEWEST, None, 9))
    assert "customers_email_ending" in first
    assert "customers_many_at" in first


async def test_what_depends_on_its_values_is_planned_anew_each_time(session: Explaining) -> None:
    for _ in range(3):
        await pages.page(session, CustomerFilter(search="ada"), CustomerSort(), Page())
        await pages.page(session, EVERYONE, CustomerSort(), Page())
    kept = [plan for plan in await session.kept_plans() if "FROM customers" in plan]
    assert len(kept) == 1
    assert "LIKE" not in kept[0]


async def test_nothing_that_is_read_of_members_reads_a_table_through(
    session: Explaining, tenant: str
) -> None:
    await session.crowd_in_segments(tenant, SEGMENT, OTHER)
    await session.without("seqscan", "bitmapscan")
    for name, read in READS.items():
        for plan in await session.plans_of(read):
            assert "Seq Scan" not in plan, name
            scans = [line for line in plan.splitlines() if " using " in line]
            conditions = [line for line in plan.splitlines() if "Index Cond" in line]
            assert all("tenant_id" in condition for condition in conditions), name
            assert len(scans) == len(conditions) or name == "tenants to settle", name


async def test_members_and_those_in_doubt_are_looked_up_one_by_one(
    session: Explaining, tenant: str
) -> None:
    await session.crowd_in_segments(tenant, SEGMENT, OTHER)
    await session.without("seqscan", "bitmapscan")
    for name, read in LOOK_UPS.items():
        for plan in await session.plans_of(read):
            conditions = re.findall(r" on customers\b.*\n *Index Cond: (.*)", plan)
            assert len(conditions) == len(re.findall(r" on customers\b", plan)), name
            assert all(" AND " in condition for condition in conditions), name


@pytest.mark.parametrize("which", [BIG_SPENDERS, None])
async def test_of_a_segments_members_only_the_customers_in_question_are_looked_at(
    session: Explaining, tenant: str, which: CustomerFilter | None
) -> None:
    await session.crowd_in_segments(tenant, SEGMENT, OTHER)
    await session.without("seqscan")
    await stale_candidates.mismatched(session, SEGMENT, which, SOMEBODY, 1_000)
    assert "hashed SubPlan" not in session.plan
    assert "customer_segment_members_newest" not in session.plan
    await PostgresMemberships(session).members_among(SEGMENT, [SOMEBODY])
    assert "customer_segment_members_newest" not in session.plan
