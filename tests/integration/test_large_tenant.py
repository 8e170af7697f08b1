"""A tenant that is much larger than others: nothing reads its tables through, nothing is lost."""

import asyncio
import re
from itertools import count, product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession

from benchmarks.sample_data import COMMON, NOBODY, RARE, email, load_tenants
from customers.adapters.postgres.customers import pages
from customers.adapters.postgres.engine.migrate import migrate
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerSort,
    Page,
    SortDirection,
    SortField,
)
from tests.support.builders import NOW, a_customer, some_statistics
from tests.support.databases import rows
from tests.support.query_plans import Read, explaining
from tests.support.restarts import Restarting
from tests.support.storage_steps import EVERYONE

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(240),
]

TENANT = "large"
SIZES = {TENANT: 30_000, "small-1": 1_000, "small-2": 1_000}
CALLERS, ORDERS = 32, 2_000
WHICH = {
    "everyone": EVERYONE,
    "of a status": CustomerFilter(statuses=frozenset({CustomerStatus.INACTIVE})),
    "of a type": CustomerFilter(types=frozenset({CustomerType.VIP})),
    "of two statuses": CustomerFilter(statuses=frozenset(CustomerStatus) - {"ACTIVE"}),
    "of a tag": CustomerFilter(tags=frozenset({"vip"})),
    "of a spend": CustomerFilter(min_total_spent=some_statistics("900").total_spent),
    "new": CustomerFilter(created_from=NOW),
    "a whole e-mail": CustomerFilter(search=email(12_345)),
    "common letters": CustomerFilter(search=COMMON),
    "rare letters": CustomerFilter(search=RARE),
    "no hit": CustomerFilter(search=NOBODY),
}
ORDER = [CustomerSort(by=by, order=order) for by, order in product(SortField, SortDirection)]


async def test_no_list_search_or_count_reads_a_table_through(empty: str) -> None:
    await migrate(empty)
    await load_tenants(empty, SIZES)
    async with explaining(empty, TENANT) as session:
        for (name, which), order in product(WHICH.items(), ORDER):
            for read in _reads(which, order):
                for plan in await session.plans_of(read):
                    through = re.findall(r"Seq Scan on (customers|customer_\w+)", plan)
                    assert not through, f"{name}, {order}:\n{plan}"


async def test_a_customer_whom_everybody_orders_for_loses_nothing(
    empty: str, tmp_path: Path
) -> None:
    chance, number, told = Random(20_260_115), count(), list[str]()
    with Restarting(tmp_path, empty) as running:
        headers = {"X-Tenant-ID": TENANT}
        async with ClientSession(running.service.http, headers=headers) as session:
            body = {"email": "hot@example.test", "firstName": "Hot", "lastName": "Customer"}
            hot = (await _ask(session, "POST", "/customers", body))["id"]

            async def order() -> None:
                while (next_one := next(number)) < ORDERS:
                    again = told and chance.random() < 0.1
                    order_id = chance.choice(told) if again else f"order-{next_one}"
                    body = {"orderId": order_id, "totalAmount": 1.25}
                    await _ask(session, "POST", f"/customers/{hot}/record-order", body)
                    told.append(order_id)

            await asyncio.gather(*(order() for _ in range(CALLERS)))
            shown = await _ask(session, "GET", f"/customers/{hot}")
    distinct = len(set(told))
    assert len(told) == ORDERS > distinct
    assert (shown["totalOrders"], shown["totalSpent"]) == (distinct, 1.25 * distinct)
    [kept] = await rows(empty, "SELECT count(*) FROM customer_orders")
    assert kept["count"] == distinct


def _reads(which: CustomerFilter, order: CustomerSort) -> list[Read]:
    somebody = a_customer(statistics=some_statistics("500"))
    key = CustomerKey(value=order.by.of(somebody), id=somebody.id)
    return [
        lambda session: pages.numbered(session, which, order, Page(number=3)),
        lambda session: pages.page(session, which, order, Page(number=50)),
        lambda session: pages.after(session, which, order, None, 20),
        lambda session: pages.after(session, which, order, key, 20),
        lambda session: pages.count(session, which),
    ]


async def _ask(session: ClientSession, method: str, path: str, body: object = None) -> Any:
    async with session.request(method, f"/api/v1{path}", json=body) as answer:
        assert answer.status in (200, 201), await answer.text()
        return await answer.json()
