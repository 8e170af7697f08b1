"""Lists and counts are read off indexes, so they do not cost more because a tenant is large.

The planner is kept from what it would rather do with little data: then what an index cannot give
in the right order is sorted, and the plan says so.
"""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from asyncpg import Record

from customers.adapters.postgres import lists
from customers.adapters.postgres.customer_row import to_row
from customers.adapters.postgres.customers import ADD
from customers.adapters.postgres.pool import Pool, PoolOptions
from customers.adapters.postgres.session import Session
from customers.adapters.postgres.statements import Statement
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerOrder,
    CustomerSort,
    Page,
    SortOrder,
)
from tests.builders import a_customer, some_statistics
from tests.contract.steps import EVERYONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

every_order = pytest.mark.parametrize(
    "order",
    [CustomerOrder(by=by, order=order) for by in CustomerSort for order in SortOrder],
    ids=str,
)
ALL_BUT_AN_ORDERED_INDEX = ("seqscan", "bitmapscan", "sort", "incremental_sort")
BLOCKED = frozenset({CustomerStatus.BLOCKED})
VIP = frozenset({CustomerType.VIP})


class Explaining(Session):
    """Asks for the plan of what it reads, too."""

    plan = ""

    async def rows(self, statement: Statement, **values: object) -> Sequence[Record]:
        told = statement.arguments({**values, "tenant_id": self.tenant_id})
        lines = await self._connection.fetch("EXPLAIN " + statement.sql, *told)
        self.plan = "\n".join(line[0] for line in lines)
        return await super().rows(statement, **values)

    async def without(self, *ways: str) -> None:
        """Keeps the planner from these ways, where it can do without."""
        for way in ways:
            await self._connection.execute(f"SET enable_{way} = off")

    async def kept_plans(self) -> list[str]:
        """What the server has prepared in this session to run again."""
        kept = await self._connection.fetch("SELECT statement FROM pg_prepared_statements")
        return [row["statement"] for row in kept if row["statement"].startswith("SELECT")]

    async def crowd(self, tenant: str) -> None:
        """Makes the tenant large enough for the planner to care, and tells it so."""
        crowd = [a_customer(tenant_id=tenant, tags=("common",)) for _ in range(1_500)]
        await self.run_each(ADD, [to_row(customer) for customer in crowd])
        await self._connection.execute("VACUUM ANALYZE customers")


@pytest_asyncio.fixture(loop_scope="session")
async def session(url: str, tenant: str) -> AsyncIterator[Explaining]:
    pool = Pool(url, PoolOptions(max_size=1))
    await pool.open()
    session = Explaining(tenant, await pool.acquire())
    yield session
    await pool.release(session.end())
    await pool.close()


@every_order
async def test_a_page_is_read_off_the_index_of_its_order(
    session: Explaining, order: CustomerOrder
) -> None:
    await session.without(*ALL_BUT_AN_ORDERED_INDEX)
    await lists.page(session, EVERYONE, order, Page(number=3))
    assert "Index Scan" in session.plan
    assert "Sort" not in session.plan


@every_order
@pytest.mark.parametrize("customer", [a_customer(), a_customer(statistics=some_statistics())])
async def test_a_walk_begins_in_the_index_where_it_stopped(
    session: Explaining, order: CustomerOrder, customer: Customer
) -> None:
    await session.without(*ALL_BUT_AN_ORDERED_INDEX)
    key = CustomerKey(value=order.by.of(customer), id=customer.id)
    await lists.after(session, EVERYONE, order, key, 20)
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
    await lists.page(session, which, CustomerOrder(), Page())
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
    await lists.page(session, which, CustomerOrder(), Page())
    [found] = [line for line in session.plan.splitlines() if "Index Cond" in line]
    assert "tenant_id" in found
    assert condition in found


@pytest.mark.parametrize("which", [EVERYONE, CustomerFilter(statuses=BLOCKED, types=VIP)])
async def test_status_and_type_are_counted_without_looking_at_customers(
    session: Explaining, which: CustomerFilter
) -> None:
    assert await lists.count(session, which) == 0
    assert session.plan == ""


async def test_what_depends_on_its_values_is_planned_anew_each_time(session: Explaining) -> None:
    for _ in range(3):
        await lists.page(session, CustomerFilter(search="ada"), CustomerOrder(), Page())
        await lists.page(session, EVERYONE, CustomerOrder(), Page())
    kept = [plan for plan in await session.kept_plans() if "FROM customers" in plan]
    assert len(kept) == 1
    assert "LIKE" not in kept[0]
