"""The crew of the sweeper: several tenants at once, without waiting for the slow ones."""

import asyncio
from functools import partial

import pytest

from customers.core.membership.pace import Visit
from customers.entrypoints.process import crew
from customers.entrypoints.process.crew import MAX_VISITS, ConcurrentCrew
from tests.support.patience import PATIENCE_SECONDS


class Tenants:
    """Tenants whose slow visits last until their events are set; `began` lists those in order."""

    def __init__(self) -> None:
        self.events: dict[str, asyncio.Event] = {}
        self.began: list[str] = []

    async def slow(self, tenant: str) -> str:
        self.began.append(tenant)
        await self.events.setdefault(tenant, asyncio.Event()).wait()
        return tenant


async def quick() -> str:
    return "quick"


async def failing() -> str:
    raise ZeroDivisionError


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "PATIENCE_SECONDS", 0.01)


async def test_results_and_failures_are_returned() -> None:
    outcomes = await ConcurrentCrew().visit({"a": quick, "b": failing})
    assert [type(outcome) for outcome in outcomes] == [str, ZeroDivisionError]


@pytest.mark.usefixtures("impatient")
async def test_a_slow_visit_delays_no_other_and_is_not_started_twice() -> None:
    tenants, visitors = Tenants(), ConcurrentCrew()
    visits: dict[str, Visit[str]] = {"slow": partial(tenants.slow, "slow"), "quick": quick}
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(2):
            assert list(await visitors.visit(visits)) == ["quick"]
        assert tenants.began == ["slow"]
        tenants.events["slow"].set()
        await asyncio.sleep(0.01)
        assert set(await visitors.visit({"quick": quick})) == {"quick", "slow"}


@pytest.mark.usefixtures("impatient")
async def test_a_few_are_visited_at_once_and_all_are_cancelled_in_the_end() -> None:
    tenants, visitors, others = Tenants(), ConcurrentCrew(), asyncio.all_tasks()
    names = [str(number) for number in range(MAX_VISITS + 2)]
    await visitors.visit({name: partial(tenants.slow, name) for name in names})
    assert tenants.began == names[:MAX_VISITS]
    visitors.leave()
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == others
