"""The ledger under load: 32 callers report 5,000 facts at once, and the service may be killed."""

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
from tests.support.callers import callers, create_customers, report_all
from tests.support.order_facts import Fact, LedgerScenario
from tests.support.patience import PATIENCE_SECONDS
from tests.support.restarts import RestartableService
from tests.support.service_process import Service

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.newest_server,
    pytest.mark.timeout(600),
]

CALLERS, REPORTS, ORDERS, CUSTOMERS = 32, 5_000, 2_200, 24


async def test_statistics_equal_the_fold_of_all_reported_facts(empty: str, tmp_path: Path) -> None:
    with RestartableService(tmp_path, empty) as running:
        await _report_and_compare(running, kills_at=())


async def test_a_killed_service_loses_no_acknowledged_fact_and_counts_none_twice(
    empty: str, tmp_path: Path
) -> None:
    with RestartableService(tmp_path, empty) as running:
        await _report_and_compare(running, kills_at=(1_000, 3_000))


async def _report_and_compare(running: RestartableService, *, kills_at: tuple[int, ...]) -> None:
    """Compares the statistics with the fold; kills the service after so many acknowledgements."""
    service, chance, tenant = running.service, Random(20_260_115), a_tenant()
    customers = await create_customers(service.http, tenant, CUSTOMERS)
    scenario = LedgerScenario.create(customers, ORDERS, chance)
    reports = scenario.reports(REPORTS, chance)
    acknowledged: list[Fact] = []
    async with callers(service.http, service.grpc, tenant, pairs=CALLERS // 2) as all_callers:
        reporting = asyncio.create_task(report_all(all_callers, reports, acknowledged))
        for count in kills_at:
            while len(acknowledged) < count and not reporting.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.to_thread(running.kill_and_restart)
        await reporting
    for customer_id in customers:
        customer = await asyncio.to_thread(_customer, service, tenant, customer_id)
        expected = scenario.statistics(customer_id, USD)
        assert customer["totalOrders"] == expected.total_orders
        assert customer["totalSpent"] == expected.total_spent
        assert customer["averageOrderValue"] == expected.average_order_value


def _customer(service: Service, tenant: str, customer_id: UUID) -> dict[str, Any]:
    request = Request(
        f"{service.http}/api/v1/customers/{customer_id}", headers={"X-Tenant-ID": tenant}
    )
    with urlopen(request, timeout=PATIENCE_SECONDS) as response:
        return dict(json.loads(response.read(), parse_float=Decimal))
