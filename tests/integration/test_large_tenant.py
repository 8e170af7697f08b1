"""No list of a tenant much larger than others scans a whole table; no concurrent order is lost."""

import asyncio
import re
from collections.abc import Sequence
from itertools import count, product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession

from benchmarks.sample_data import COMMON, NOBODY, RARE, RARE_COUNTRY, email, load_tenants
from customers.adapters.postgres.customers import pages
from customers.adapters.postgres.engine.migrate import migrate
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.customer_filter import CustomerFilter, DeletedCustomers
from customers.core.model.query import CustomerKey, CustomerSort, Page, SortDirection, SortField
from customers.core.model.search import Search
from tests.support.builders import NOW, a_customer, later, some_statistics
from tests.support.databases import rows
from tests.support.query_plans import Read, explaining
from tests.support.restarts import RestartableService
from tests.support.storage_steps import EVERYONE, searching

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(600),
]

TENANT = "large"
SIZES = {TENANT: 30_000, "small-1": 1_000, "small-2": 1_000}
CALLERS, ORDERS = 32, 2_000
FILTERS = {
    "everyone": EVERYONE,
    "of a status": CustomerFilter(statuses=frozenset({CustomerStatus.INACTIVE})),
    "of a type": CustomerFilter(types=frozenset({CustomerType.VIP})),
    "of two statuses": CustomerFilter(statuses=frozenset(CustomerStatus) - {"ACTIVE"}),
    "of a tag": CustomerFilter(tags=frozenset({"vip"})),
    "of a spend": CustomerFilter(min_total_spent=some_statistics("900").total_spent),
    "new": CustomerFilter(created_from=NOW),
    "a whole e-mail": searching(email(12_345)),
    "common letters": searching(COMMON),
    "rare letters": searching(RARE),
    "no hit": searching(NOBODY),
    "words": searching("last12 first12"),
    "a phone number": searching("1 (212) 555 0012"),
    "accents": searching("m\u00fcller"),
    "of countries": CustomerFilter(country_codes=frozenset({"DE", "FR"})),
    "of a rare country": CustomerFilter(country_codes=frozenset({RARE_COUNTRY})),
    "of no country": CustomerFilter(country_codes=frozenset({"NZ"})),
    "with consent": CustomerFilter(marketing_opt_in=True),
    "verified, without an account": CustomerFilter(email_verified=True, has_account=False),
    "of an e-mail address": CustomerFilter(email_key=email(7)),
    "changed lately": CustomerFilter(updated_from=NOW),
    "of a last order": CustomerFilter(last_order_from=later(days=-9), last_order_to=NOW),
    "of many orders": CustomerFilter(min_total_orders=9),
    "of few orders": CustomerFilter(max_total_orders=0),
    "deleted": CustomerFilter(deleted=DeletedCustomers.ONLY),
    "deleted or not": CustomerFilter(deleted=DeletedCustomers.INCLUDE),
    "deleted, searched": CustomerFilter(deleted=DeletedCustomers.ONLY, search=Search.of(RARE)),
}
SORTS = [
    CustomerSort(by=by, direction=direction) for by, direction in product(SortField, SortDirection)
]


async def test_no_list_search_or_count_scans_a_whole_table(empty: str) -> None:
    """The owner of the tables reads by every sort, a role with policies by the default one."""
    await migrate(empty)
    await load_tenants(empty, SIZES)
    await _expect_no_scans(empty, SORTS, row_security=False)
    await _expect_no_scans(empty, [CustomerSort()], row_security=True)


async def _expect_no_scans(url: str, sorts: Sequence[CustomerSort], *, row_security: bool) -> None:
    async with explaining(url, TENANT, row_security=row_security) as session:
        for (name, customer_filter), sort in product(FILTERS.items(), sorts):
            for read in _reads(customer_filter, sort):
                for plan in await session.plans_of(read):
                    scans = re.findall(r"Seq Scan on (customers|customer_\w+)", plan)
                    assert not scans, f"{name}, {sort}:\n{plan}"


async def test_a_customer_with_many_concurrent_orders_loses_none(
    empty: str, tmp_path: Path
) -> None:
    random, numbers, order_ids = Random(20_260_115), count(), list[str]()
    with RestartableService(tmp_path, empty) as running:
        headers = {"X-Tenant-ID": TENANT}
        async with ClientSession(running.service.http, headers=headers) as session:
            await _until_ready(session)
            body = {"email": "hot@example.test", "firstName": "Hot", "lastName": "Customer"}
            hot = (await _request(session, "POST", "/customers", body))["id"]

            async def order() -> None:
                while (number := next(numbers)) < ORDERS:
                    is_repeat = order_ids and random.random() < 0.1
                    order_id = random.choice(order_ids) if is_repeat else f"order-{number}"
                    body = {"orderId": order_id, "totalAmount": 1.25}
                    await _request(session, "POST", f"/customers/{hot}/record-order", body)
                    order_ids.append(order_id)

            await asyncio.gather(*(order() for _ in range(CALLERS)))
            customer = await _request(session, "GET", f"/customers/{hot}")
    distinct = len(set(order_ids))
    assert len(order_ids) == ORDERS > distinct
    assert (customer["totalOrders"], customer["totalSpent"]) == (distinct, 1.25 * distinct)
    [stored] = await rows(empty, "SELECT count(*) FROM customer_orders")
    assert stored["count"] == distinct


def _reads(customer_filter: CustomerFilter, sort: CustomerSort) -> list[Read]:
    customer = a_customer(statistics=some_statistics("500"))
    key = CustomerKey(value=sort.by.of(customer), id=customer.id)
    return [
        lambda session: pages.page_with_total(session, customer_filter, sort, Page(number=3)),
        lambda session: pages.page(session, customer_filter, sort, Page(number=50)),
        lambda session: pages.page_after(session, customer_filter, sort, None, 20),
        lambda session: pages.page_after(session, customer_filter, sort, key, 20),
        lambda session: pages.count(session, customer_filter),
    ]


async def _until_ready(session: ClientSession) -> None:
    while True:
        async with session.get("/ready") as response:
            if response.status == 200:
                return
        await asyncio.sleep(0.1)


async def _request(session: ClientSession, method: str, path: str, body: object = None) -> Any:
    async with session.request(method, f"/api/v1{path}", json=body) as response:
        assert response.status in (200, 201), await response.text()
        return await response.json()
