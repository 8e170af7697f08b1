"""Lists and counts are read off indexes, so they cost the same in a large tenant.

The tests disable the plan nodes that the planner prefers for little data. What an index cannot
return in order is then sorted, and the plan shows it.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial

import pytest
import pytest_asyncio
from asyncpg import Record
from sqlalchemy import select

from customers.adapters.postgres.customers import narrow_pages, pages
from customers.adapters.postgres.customers.customer_groups import (
    get_many_for_update,
    write_many,
)
from customers.adapters.postgres.customers.customers import PostgresCustomers
from customers.adapters.postgres.customers.order_groups import record_orders, try_orders
from customers.adapters.postgres.customers.orders import PostgresOrders
from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.segments import sweep
from customers.adapters.postgres.segments.assignments import PostgresAssignments
from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.adapters.postgres.segments.personal_data import PostgresPersonalData
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.customer_filter import CustomerFilter, MembersOf, RuleAt
from customers.core.model.ledger import OrderStatus
from customers.core.model.membership import DateRange
from customers.core.model.personal_data import RECORD_KINDS
from customers.core.model.query import CustomerKey, CustomerSort, Page, SortDirection, SortField
from customers.core.model.rules.parse import parse
from customers.core.model.rules.timing import DateField
from customers.core.model.search import Search
from tests.support.builders import NOW, USD, a_customer, an_entry, an_id, later, some_statistics
from tests.support.full_tenant import outcome
from tests.support.query_plans import Explaining, Read, explaining
from tests.support.storage_steps import EVERYONE, searching

pytestmark = pytest.mark.asyncio(loop_scope="session")

SORTS = [CustomerSort(by=by, direction=order) for by in SortField for order in SortDirection]
# Lists in two parts, of which no more than a page and what is before it is sorted.
MERGED_SORTS = [
    CustomerSort(by=by, direction=SortDirection.ASC)
    for by in (SortField.FIRST_ORDER_DATE, SortField.LAST_ORDER_DATE)
]
# A condition on an id that is not the tenant's.
BY_ID = re.compile(r"(?<!tenant_)id = ")
ALL_BUT_ORDERED_INDEX_SCANS = ("seqscan", "bitmapscan", "sort", "incremental_sort")
BLOCKED = frozenset({CustomerStatus.BLOCKED})
VIP = frozenset({CustomerType.VIP})

ANY_CUSTOMER = Statement.of(select(customers.c.id).where(customers.c.tenant_id == TENANT).limit(1))
SEGMENT, OTHER_SEGMENT, CUSTOMER = (an_id() for _ in range(3))
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
ASSIGNED = CustomerFilter(assigned_to=SEGMENT)
DATE_RANGES = [DateRange(date=date, low=later(days=-1), high=NOW) for date in DateField] * 2
OF_STATUS = CustomerFilter(statuses=frozenset({CustomerStatus.ACTIVE}))
NEWEST, BY_SPENT = CustomerSort(), CustomerSort(by=SortField.TOTAL_SPENT)
NEWEST_KEY = CustomerKey(value=NOW, id=CUSTOMER)
SPENT_KEY = CustomerKey(value=Decimal(9), id=CUSTOMER)


def membership_reads() -> Mapping[str, Callable[[PostgresMemberships], Awaitable[object]]]:
    return {
        "pending candidates": lambda tx: tx.stale_candidates([], 1_001),
        "stale candidates": lambda tx: tx.stale_candidates(DATE_RANGES, 1_001),
        "scan": lambda tx: tx.scan(CUSTOMER, 100),
        "pending changes": lambda tx: tx.with_pending_changes(200),
        "pending changes of a customer": lambda tx: tx.with_pending_changes(200, [CUSTOMER]),
        "mismatched by a rule": lambda tx: tx.mismatched(SEGMENT, BIG_SPENDERS, CUSTOMER, 100),
        "mismatched with nobody": lambda tx: tx.mismatched(SEGMENT, None, CUSTOMER, 100),
        "mismatched by assignment": lambda tx: tx.mismatched(SEGMENT, ASSIGNED, CUSTOMER, 100),
        "crossed": lambda tx: tx.crossed(DATE_RANGES, CUSTOMER, 200),
        "due": lambda tx: tx.due({SEGMENT: DATE_RANGES, OTHER_SEGMENT: DATE_RANGES}),
        "refresh states": lambda tx: tx.refresh_states(),
        "refresh state of a segment": lambda tx: tx.refresh_states([SEGMENT]),
        "members among": lambda tx: tx.members_among(SEGMENT, [CUSTOMER]),
        "changes": lambda tx: tx.changes(SEGMENT, 10, 100),
    }


def on_session(read: Callable[[PostgresMemberships], Awaitable[object]]) -> Read:
    return lambda session: read(PostgresMemberships(session))


# Reads that look up the customers they are about, few or many, and no others.
LOOK_UPS: Mapping[str, Read] = {
    **{name: on_session(read) for name, read in membership_reads().items()},
    "page": lambda session: pages.page(session, MEMBERS, NEWEST, Page(number=3)),
    "page after": lambda session: pages.page_after(session, MEMBERS, NEWEST, NEWEST_KEY, 20),
    "segments of a customer": lambda session: outcome(
        PostgresAssignments(session).segments_of(CUSTOMER)
    ),
    "assignment": lambda session: PostgresAssignments(session).get(SEGMENT, CUSTOMER),
}
ACROSS_TENANTS = {"tenants to refresh", "backlog"}
READS: Mapping[str, Read] = {
    **LOOK_UPS,
    "page by spend": lambda session: pages.page(session, MEMBERS, BY_SPENT, Page()),
    "page after by spend": lambda session: pages.page_after(
        session, MEMBERS, BY_SPENT, SPENT_KEY, 20
    ),
    "count": lambda session: pages.count(session, MEMBERS),
    "tenants to refresh": sweep.tenants_to_refresh,
    "backlog": lambda session: sweep.backlog(session, 100),
}


ROLES = ["owner", pytest.param("service role", marks=pytest.mark.newest_server)]


@pytest_asyncio.fixture(loop_scope="session", params=ROLES)
async def session(
    request: pytest.FixtureRequest, url: str, tenant: str
) -> AsyncIterator[Explaining]:
    """A session of the owner of the tables, and one of a role to which their policies apply."""
    is_secured = request.param == "service role"
    async with explaining(url, tenant, row_security=is_secured) as session:
        yield session


async def test_a_page_is_read_off_the_index_of_its_sort(session: Explaining) -> None:
    await session.disable(*ALL_BUT_ORDERED_INDEX_SCANS)
    for sort in SORTS:
        await pages.page_with_total(session, EVERYONE, sort, Page(number=3))
        assert "Index Scan" in session.plan, sort
        assert ("Sort" in session.plan) == (sort in MERGED_SORTS), sort


async def test_a_deep_page_reads_no_customers_but_its_own(session: Explaining, tenant: str) -> None:
    await session.add_customers(tenant)
    for sort in CustomerSort(), CustomerSort(by=SortField.EMAIL):
        await pages.page_with_total(session, EVERYONE, sort, Page(number=1 + pages.DEEP // 20))
        assert f"Index Only Scan Backward using customers_{sort.by}" in session.plan
        assert "Index Scan using customers_pkey" in session.plan


@pytest.mark.parametrize("customer", [a_customer(), a_customer(statistics=some_statistics())])
async def test_a_page_after_a_key_begins_in_the_index_at_the_key(
    session: Explaining, customer: Customer
) -> None:
    await session.disable(*ALL_BUT_ORDERED_INDEX_SCANS)
    for sort in SORTS:
        key = CustomerKey(value=sort.by.of(customer), id=customer.id)
        await pages.page_after(session, EVERYONE, sort, key, 20)
        own, *others = [line for line in session.plan.splitlines() if "Index Cond" in line]
        assert "tenant_id" in own, sort
        assert "ROW(" in own, sort
        assert all(BY_ID.search(line) or "-infinity" in line for line in others), sort
        assert ("Sort" in session.plan) == (sort in MERGED_SORTS), sort


@pytest.mark.parametrize(
    "customer_filter", [CustomerFilter(statuses=BLOCKED), CustomerFilter(types=VIP)]
)
async def test_the_newest_customers_of_a_status_or_type_are_read_off_an_index_of_their_own(
    session: Explaining, tenant: str, customer_filter: CustomerFilter
) -> None:
    await session.add_customers(tenant)
    await session.disable(*ALL_BUT_ORDERED_INDEX_SCANS)
    await pages.page(session, customer_filter, CustomerSort(), Page())
    assert not re.search(r"^ *Filter:", session.plan, re.MULTILINE)
    assert "Sort" not in session.plan


async def test_only_the_customers_of_a_narrow_range_are_read_and_sorted(
    session: Explaining, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.add_customers(tenant)
    await session.disable("seqscan", "bitmapscan")
    changed = CustomerFilter(updated_from=later(days=-9), types=frozenset({CustomerType.RETAIL}))
    ordered = CustomerFilter(updated_from=NOW, last_order_from=NOW, last_order_to=NOW)
    [by_change] = await session.plans_of(lambda own: pages.page(own, changed, NEWEST, Page()))
    assert "using customer_statistics_updated_at" in by_change
    by_order, *_ = await session.plans_of(lambda own: pages.page(own, ordered, NEWEST, Page()))
    assert "using customer_statistics_last_order_date" in by_order
    monkeypatch.setattr(narrow_pages, "MAX_CUSTOMERS", 100)
    wide, is_narrow, *_ = await session.plans_of(partial(_newest, changed))
    assert "using customer_statistics_updated_at" in wide
    assert "using customer_statistics_updated_at" in is_narrow


async def test_a_range_of_totals_with_few_customers_is_read_and_sorted_after_a_walk(
    session: Explaining, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.add_customers(tenant)
    await session.disable("seqscan", "bitmapscan")
    monkeypatch.setattr(narrow_pages, "MAX_WALKED", 100)
    for totals, column in (
        (CustomerFilter(min_total_orders=1), "total_orders"),
        (CustomerFilter(min_total_spent=Decimal(1), max_total_spent=Decimal(2)), "total_spent"),
    ):
        walk, narrow, is_narrow, *_ = await session.plans_of(partial(_newest, totals))
        assert "using customers_created_at" in walk
        assert "rows=100 " in walk
        assert f"using customer_statistics_{column}" in narrow
        assert f"using customer_statistics_{column}" in is_narrow
    [walk] = await session.plans_of(partial(_newest, CustomerFilter(min_total_orders=0)))
    assert "using customers_created_at" in walk


async def _newest(customer_filter: CustomerFilter, session: Session) -> Sequence[Record]:
    return await pages.page(session, customer_filter, NEWEST, Page())


@pytest.mark.parametrize(
    ("customer_filter", "condition"),
    [
        (searching("someone"), "search_text ~~ '%someone%'"),
        (CustomerFilter(tags=frozenset({"rare"})), "tags_folded @> '{rare}'"),
    ],
)
async def test_a_search_or_tag_that_matches_few_customers_uses_an_index(
    session: Explaining, tenant: str, customer_filter: CustomerFilter, condition: str
) -> None:
    await session.add_customers(tenant)
    await session.disable("seqscan", "indexscan")
    await pages.page(session, customer_filter, CustomerSort(), Page())
    conditions = [line for line in session.plan.splitlines() if "Index Cond" in line]
    assert all("tenant_id" in line for line in conditions)
    assert any(condition in line for line in conditions)


@pytest.mark.parametrize("customer_filter", [EVERYONE, CustomerFilter(statuses=BLOCKED, types=VIP)])
async def test_statuses_and_types_are_counted_without_reading_customers(
    session: Explaining, customer_filter: CustomerFilter
) -> None:
    assert await pages.count(session, customer_filter) == 0
    assert session.plan == ""


async def test_the_customer_with_an_email_is_looked_up_before_the_list_is_sorted(
    session: Explaining, tenant: str
) -> None:
    await session.add_customers(tenant)
    await pages.page(session, CustomerFilter(email_key="someone@example.test"), NEWEST, Page())
    by_email, by_id, statistics = [
        line for line in session.plan.splitlines() if "Index Cond" in line
    ]
    assert "customer_id = " in statistics
    assert "email_key = 'someone@example.test'" in by_email
    assert re.search(r"id = ANY \((\(InitPlan \d+\)|\$\d)", by_id)


async def test_a_part_of_an_email_is_looked_up_by_the_end_of_its_local_part(
    session: Explaining, tenant: str
) -> None:
    await session.add_customers(tenant)
    by_email = searching("someone@example.test")
    first, *_ = await session.plans_of(
        lambda session: pages.page_after(session, by_email, NEWEST, None, 9)
    )
    assert "customers_email_ending" in first
    assert "customers_many_at" in first


@pytest.mark.parametrize("read", [sweep.tenants_to_refresh, sweep.tenants_with_segments])
async def test_tenants_are_found_one_after_another_not_by_reading_all_their_rows(
    session: Explaining, read: Read
) -> None:
    await session.disable("seqscan")
    await read(session)
    assert "Recursive Union" in session.plan


@pytest.mark.parametrize("row_security", [False, True])
async def test_a_search_is_planned_for_each_of_its_values(
    empty: str, tenant: str, row_security: bool
) -> None:
    """The server could use one plan for all values after it has planned a statement five times."""
    await migrate(empty)
    async with explaining(empty, tenant, row_security=row_security) as session:
        await session.add_customers(tenant)
        for search in [searching("ada"), searching("qqq")] * 10:
            await pages.page(session, search, CustomerSort(), Page())
            await pages.page_with_total(session, search, CustomerSort(), Page())
            await pages.page_with_total(session, OF_STATUS, BY_SPENT, Page())
        # A page and a count of the search, and a page of the status with its total.
        assert await session.planned_anew("generate_series") == 3
        assert await session.shared_plans("generate_series") == 0
        assert await session.shared_plans("customer_orders") == 1


@pytest.mark.parametrize("row_security", [False, True])
async def test_pages_of_all_customers_are_not_planned_again_and_again(
    empty: str, tenant: str, row_security: bool
) -> None:
    """In a database of its own: what the planner expects depends on the other tenants, too."""
    await migrate(empty)
    async with explaining(empty, tenant, row_security=row_security) as session:
        await session.add_customers(tenant)
        key = CustomerKey(value=later(days=1), id=CUSTOMER)  # all customers come after it
        for number in range(30):
            page = Page(number=1 + number % 5)
            await pages.page(session, CustomerFilter(), NEWEST, page)
            await pages.page_with_total(session, CustomerFilter(), BY_SPENT, page)
            await pages.page_after(session, CustomerFilter(), NEWEST, key, 20)
        assert await session.shared_plans("LIMIT 100") == 3


@pytest.mark.parametrize("row_security", [False, True])
@pytest.mark.parametrize("number", [2, 100])
async def test_customers_are_looked_up_one_by_one_by_their_ids_and_emails(
    empty: str, tenant: str, number: int, row_security: bool
) -> None:
    """In a database of its own: what the planner expects depends on the other tenants, too."""
    await migrate(empty)
    async with explaining(empty, tenant, row_security=row_security) as session:
        for other in range(4):
            await session.add_customers(f"{tenant}-{other}")
        await session.add_customers(tenant)
        customers = PostgresCustomers(session)
        ids = [an_id() for _ in range(number)]
        [by_id] = await session.plans_of(lambda _: customers.profiles(ids))
        [by_email] = await session.plans_of(lambda _: customers.by_emails(list(map(str, ids))))
    assert "Index Scan using customers_pkey" in by_id
    assert "Index Scan on customers_email_key" in by_email
    for plan in (by_id, by_email):
        assert "Seq Scan" not in plan
        conditions = [line for line in plan.splitlines() if "Index Cond" in line]
        assert all("tenant_id" in line and " AND " in line for line in conditions)
        assert len(conditions) == len(re.findall(r"Index Scan (?:using|on)", plan))


@pytest.mark.parametrize("row_security", [False, True])
async def test_look_ups_of_few_or_many_are_not_planned_again_and_again(
    empty: str, tenant: str, row_security: bool
) -> None:
    await migrate(empty)
    async with explaining(empty, tenant, row_security=row_security) as session:
        await session.add_customers(tenant)
        customers = PostgresCustomers(session)
        for number in (*[2] * 20, 7, 100):
            ids = [an_id() for _ in range(number)]
            await customers.profiles(ids)
            await customers.by_emails(list(map(str, ids)))
        assert await session.shared_plans("ANY") == 2


async def test_no_read_of_memberships_scans_a_whole_table(session: Explaining, tenant: str) -> None:
    await session.fill_segments(tenant, SEGMENT, OTHER_SEGMENT)
    await session.disable("seqscan", "bitmapscan")
    for name, read in READS.items():
        for plan in await session.plans_of(read):
            assert "Seq Scan" not in plan, name
            scans = [line for line in plan.splitlines() if " using " in line]
            conditions = [line for line in plan.splitlines() if "Index Cond" in line]
            assert all("tenant_id" in condition for condition in conditions), name
            assert len(scans) == len(conditions) or name in ACROSS_TENANTS, name


async def test_the_records_of_a_person_are_looked_up_by_the_customer(
    session: Explaining, tenant: str
) -> None:
    await session.fill_segments(tenant, SEGMENT, OTHER_SEGMENT)
    await session.disable("seqscan", "bitmapscan")
    [customer_id] = await session.rows(ANY_CUSTOMER)

    async def read(session: Session, kind: type[object]) -> None:
        async for _ in PostgresPersonalData(session).records(kind, customer_id[0]):
            pass

    for kind in RECORD_KINDS:
        for plan in await session.plans_of(partial(read, kind=kind)):
            assert "Seq Scan" not in plan, kind
            conditions = [line for line in plan.splitlines() if "Index Cond" in line]
            assert all("tenant_id" in condition for condition in conditions), kind
            assert any("customer_id" in line or "id = " in line for line in conditions), kind


async def test_members_and_stale_candidates_are_looked_up_one_by_one(
    session: Explaining, tenant: str
) -> None:
    await session.fill_segments(tenant, SEGMENT, OTHER_SEGMENT)
    await session.disable("seqscan", "bitmapscan")
    for name, read in LOOK_UPS.items():
        for plan in await session.plans_of(read):
            conditions = re.findall(r" on customers\b.*\n *Index Cond: (.*)", plan)
            assert len(conditions) == len(re.findall(r" on customers\b", plan)), name
            assert all(" AND " in condition for condition in conditions), name


@pytest.mark.parametrize("customer_filter", [BIG_SPENDERS, None])
async def test_members_are_compared_without_reading_all_members_of_the_segment(
    session: Explaining, tenant: str, customer_filter: CustomerFilter | None
) -> None:
    await session.fill_segments(tenant, SEGMENT, OTHER_SEGMENT)
    await session.disable("seqscan")
    memberships = PostgresMemberships(session)
    await memberships.mismatched(SEGMENT, customer_filter, CUSTOMER, 1_000)
    assert "hashed SubPlan" not in session.plan
    assert "customer_segment_members_newest" not in session.plan
    await memberships.members_among(SEGMENT, [CUSTOMER])
    assert "customer_segment_members_newest" not in session.plan


async def test_the_customer_of_an_account_is_read_off_the_index_of_accounts(
    session: Explaining, tenant: str
) -> None:
    await session.add_customers(tenant)
    [plan] = await session.plans_of(lambda session: PostgresCustomers(session).by_user(CUSTOMER))
    assert "Index Scan using customers_user_id" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("status", [None, *OrderStatus])
async def test_a_page_of_orders_reads_the_orders_of_the_customer_alone(
    session: Explaining, status: OrderStatus | None
) -> None:
    await session.disable("seqscan")
    orders = PostgresOrders(session, USD)
    plans = await session.plans_of(lambda _: outcome(orders.page(CUSTOMER, status, Page())))
    conditions = [line for line in plans[0].splitlines() if "Index Cond" in line]
    assert len(conditions) == 3
    assert all("tenant_id" in line and "id = " in line for line in conditions)
    assert "Seq Scan" not in plans[0]


async def test_a_group_of_orders_looks_up_its_customers_alone(
    session: Explaining, tenant: str
) -> None:
    await session.add_customers(tenant)
    await session.disable("seqscan", "bitmapscan")
    group = [an_entry(a_customer(tenant_id=tenant)) for _ in range(200)]
    [plan] = await session.plans_of(lambda _: record_orders(session, group, NOW, USD))
    conditions = re.findall(r" on customer(?:s|_statistics)\b.*\n *Index Cond: (.*)", plan)
    assert len(conditions) == 3  # locked, seen in the snapshot, and the other row
    assert all("tenant_id" in line and BY_ID.search(line) for line in conditions)
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("row_security", [False, True])
async def test_customers_of_a_tenant_that_the_planner_does_not_know_are_looked_up_by_id(
    empty: str, tenant: str, row_security: bool
) -> None:
    """It expects one customer, and would compare each of a thousand with each of a group."""
    await migrate(empty)
    async with explaining(empty, f"{tenant}-known", row_security=row_security) as session:
        await session.add_customers(f"{tenant}-known")
    group = [a_customer(tenant_id=tenant) for _ in range(200)]
    entries = [an_entry(customer) for customer in group]
    ids = [one.id for one in group]
    writes: Sequence[Read] = (
        lambda session: record_orders(session, entries, NOW, USD),
        lambda session: try_orders(session, entries, NOW, USD),
        lambda session: get_many_for_update(session, ids, []),
        lambda session: write_many(session, [], group),
    )
    async with explaining(empty, tenant, row_security=row_security) as session:
        for write in writes:
            for plan in await session.plans_of(write):
                scans = re.findall(r"Scan.* on customer(?:s|_statistics)\b.*\n *(.*)", plan)
                assert scans, plan
                assert all(BY_ID.search(scan) for scan in scans), plan


@pytest.mark.parametrize("row_security", [False, True])
async def test_lists_of_a_tenant_that_the_planner_does_not_know_look_up_statistics(
    empty: str, tenant: str, row_security: bool
) -> None:
    """It expects one customer, and would compare each with the statistics of all."""
    await migrate(empty)
    known = f"{tenant}-known"
    async with explaining(empty, known, row_security=row_security) as session:
        await session.add_customers(known)
    both = CustomerFilter(min_total_orders=1, tags=frozenset({"common"}))
    rule = CustomerFilter(rule=BIG_SPENDERS.rule, search=Search.of("common"))
    richest = CustomerSort(by=SortField.TOTAL_SPENT)
    reads: Sequence[Read] = (
        lambda session: pages.page(session, both, CustomerSort(), Page()),
        lambda session: pages.page(session, rule, CustomerSort(), Page()),
        lambda session: pages.page_with_total(session, both, richest, Page(number=2)),
        lambda session: pages.page_after(session, both, NEWEST, NEWEST_KEY, 20),
        lambda session: pages.count(session, both),
        lambda session: pages.count(session, rule),
        on_session(lambda tx: tx.mismatched(SEGMENT, BIG_SPENDERS, None, 1_000)),
        on_session(lambda tx: tx.mismatched(SEGMENT, None, None, 1_000)),
        on_session(lambda tx: tx.scan(CUSTOMER, 1_000)),
    )
    async with explaining(empty, tenant, row_security=row_security) as session:
        for read in reads:
            plans = "\n".join(await session.plans_of(read))
            scans = re.findall(r"Scan.* on customer_statistics\b.*\n *(.*)", plans)
            assert scans, plans
            assert all(BY_ID.search(scan) for scan in scans), plans
    async with explaining(empty, known, row_security=row_security) as session:
        [plan] = await session.plans_of(reads[4])
        assert "SubPlan" not in plan


@pytest.mark.parametrize("row_security", [False, True])
async def test_the_emails_of_a_group_are_compared_with_all_at_once(
    empty: str, tenant: str, row_security: bool
) -> None:
    """Not one after another, in a tenant that the planner does not know: it would read a thousand
    customers for each of them. A plan that knows the addresses has a hash table of them.
    """
    await migrate(empty)
    emails = [f"{number}@example.com" for number in range(500)]
    async with explaining(empty, tenant, row_security=row_security) as session:
        for _ in range(10):
            [plan, *_] = await session.plans_of(
                lambda session: get_many_for_update(session, [], emails)
            )
            assert "Nested Loop" not in plan
        assert "499@example.com" in plan
        assert await session.shared_plans("email_key = ANY") == 0


@pytest.mark.parametrize("row_security", [False, True])
async def test_groups_of_orders_are_not_planned_again_and_again(
    empty: str, tenant: str, row_security: bool
) -> None:
    """In a database of its own: what the planner expects depends on the other tenants, too."""
    await migrate(empty)
    async with explaining(empty, tenant, row_security=row_security) as session:
        await session.add_customers(tenant)
        for _ in range(10):
            group = [an_entry(a_customer(tenant_id=tenant)) for _ in range(100)]
            await record_orders(session, group, NOW, USD)
        assert await session.shared_plans("INTO customer_orders") == 1
