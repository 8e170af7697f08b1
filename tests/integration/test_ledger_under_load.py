"""Thirty-two callers tell five thousand facts at once: whatever happens, the ledger is right."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import pytest

from tests.support.builders import USD, a_tenant
from tests.support.callers import customers_of, tell_all, tellers
from tests.support.order_facts import Story
from tests.support.patience import PATIENCE_SECONDS
from tests.support.restarts import Restarting
from tests.support.service_process import Service

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(600),
]

CALLERS, TELLINGS, ORDERS, CUSTOMERS = 32, 5_000, 2_200, 24


async def test_statistics_equal_the_fold_of_all_that_was_told(empty: str, tmp_path: Path) -> None:
    with Restarting(tmp_path, empty) as service:
        await _tell_and_compare(service, killed_at=())


async def test_a_service_that_is_killed_loses_nothing_acknowledged_and_doubles_nothing(
    empty: str, tmp_path: Path
) -> None:
    with Restarting(tmp_path, empty) as service:
        await _tell_and_compare(service, killed_at=(1_000, 3_000))


async def _tell_and_compare(running: Restarting, *, killed_at: tuple[int, ...]) -> None:
    service, chance, tenant = running.service, Random(20_260_115), a_tenant()
    customers = await customers_of(service.http, tenant, CUSTOMERS)
    story = Story.of(customers, ORDERS, chance)
    tellings = story.tellings(TELLINGS, chance)
    told: list[Any] = []
    async with tellers(service.http, service.grpc, tenant, of_each=CALLERS // 2) as callers:
        telling = asyncio.create_task(tell_all(callers, tellings, told))
        for count in killed_at:
            while len(told) < count and not telling.done():  # noqa: ASYNC110 - it is a list
                await asyncio.sleep(0.01)
            await asyncio.to_thread(running.kill_and_start_again)
        await telling
    for customer_id in customers:
        shown = await asyncio.to_thread(_customer, service, tenant, customer_id)
        expected = story.statistics(customer_id, USD)
        assert shown["totalOrders"] == expected.total_orders
        assert shown["totalSpent"] == expected.total_spent
        assert shown["averageOrderValue"] == expected.average_order_value


def _customer(service: Service, tenant: str, customer_id: UUID) -> dict[str, Any]:
    request = Request(
        f"{service.http}/api/v1/customers/{customer_id}", headers={"X-Tenant-ID": tenant}
    )
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return dict(json.loads(answer.read(), parse_float=Decimal))
