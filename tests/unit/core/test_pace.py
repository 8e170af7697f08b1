"""The pace of the sweeper: budgets of time, and rests after failures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from attrs import define, field

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors.availability import StorageFault, Unavailable
from customers.core.membership.pace import Pace, Rests
from customers.core.membership.publish import publish
from customers.core.ports.storage import Transaction
from customers.core.services.sweeper import Sweeper
from tests.support.builders import NOW, USD, FixedClock, a_dynamic_segment, an_id
from tests.support.membership_steps import membership_transaction, pending_candidates
from tests.support.oracle import small_steps
from tests.support.storage_steps import a_stored_customer

EVERYONE = '[{"field":"email","operator":"is_not_empty"}]'
LEASE = 60.0


@define(eq=False)
class Watch:
    """A clock in seconds, moved by tests and by each transaction of a `SlowStorage`."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@define(kw_only=True, eq=False)
class SlowStorage(MemoryStorage):
    watch: Watch = field(factory=Watch)
    failures: dict[str, Exception] = field(factory=dict)
    visited: list[str] = field(factory=list)

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        self.visited.append(tenant_id)
        self.watch.seconds += 1
        if tenant_id in self.failures:
            raise self.failures[tenant_id]
        async with MemoryStorage.transaction(self, tenant_id) as tx:
            yield tx

    def visits(self) -> list[str]:
        """The tenants of the transactions since the last call, in order."""
        visited, self.visited = self.visited, []
        return visited


@pytest.fixture
def storage() -> SlowStorage:
    return SlowStorage(currency=USD)


def sweeper_of(storage: SlowStorage, *, budget: float = 60) -> Sweeper:
    pace = Pace(now=storage.watch, budget=budget, min_rest=30, max_rest=60)
    return Sweeper(storage, FixedClock(), an_id(), pace)


async def a_busy_tenant(storage: SlowStorage, tenant: str, changes: int = 1) -> None:
    async with membership_transaction(storage, tenant) as tx:
        await publish(tx, None, a_dynamic_segment(EVERYONE, tenant_id=tenant), NOW)
    for _ in range(changes):
        await a_stored_customer(storage, tenant)
    storage.visits()


async def sweep(sweeper: Sweeper) -> None:
    with pytest.raises(ExceptionGroup):
        await sweeper.refresh(LEASE)


async def test_a_tenant_that_fails_rests_and_the_others_do_not(storage: SlowStorage) -> None:
    for tenant in ("failing", "healthy"):
        await a_busy_tenant(storage, tenant)
    storage.failures["failing"] = ZeroDivisionError()
    sweeper = sweeper_of(storage)
    await sweep(sweeper)
    assert set(storage.visits()) == {"failing", "healthy"}
    assert await pending_candidates(storage, "healthy") == []
    storage.visits()
    await sweeper.refresh(LEASE)
    assert "failing" not in storage.visits()
    storage.watch.seconds += 60
    storage.failures.clear()
    await sweeper.refresh(LEASE)
    assert await pending_candidates(storage, "failing") == []


def test_rests_double_up_to_a_maximum_and_end_with_a_success() -> None:
    watch, lengths = Watch(), list[float]()
    rests = Rests(Pace(now=watch, min_rest=1, max_rest=5))
    for _ in range(4):
        rests.failed("tenant")
        start = watch.seconds
        while rests.is_resting("tenant"):
            watch.seconds += 1
        lengths.append(watch.seconds - start)
    assert lengths == [1, 2, 4, 5]
    rests.succeeded("tenant")
    rests.failed("tenant")
    watch.seconds += 1
    assert not rests.is_resting("tenant")
    assert not rests.is_resting("another")


async def test_a_tenant_with_many_changes_is_left_when_its_budget_is_used_up(
    storage: SlowStorage,
) -> None:
    for tenant in ("a large one", "b"):
        await a_busy_tenant(storage, tenant, changes=9)
    with small_steps(1):
        await sweeper_of(storage, budget=3).refresh(LEASE)
        left = [len(await pending_candidates(storage, tenant)) for tenant in ("a large one", "b")]
    assert left[0] == left[1]
    assert 0 < left[0] < 9


async def test_a_backfill_is_left_when_its_budget_is_used_up(storage: SlowStorage) -> None:
    for _ in range(9):
        await a_stored_customer(storage, "tenant")
    await a_busy_tenant(storage, "tenant", changes=0)
    with small_steps(1):
        progress = await sweeper_of(storage, budget=3).refresh(LEASE)
    assert progress is not None
    assert 0 < progress.progress < 0.5


async def test_an_outage_of_the_storage_is_raised_and_no_other_tenant_is_tried(
    storage: SlowStorage,
) -> None:
    for tenant in ("a", "b"):
        await a_busy_tenant(storage, tenant)
    storage.failures["a"] = Unavailable()
    sweeper = sweeper_of(storage)
    with pytest.raises(Unavailable):
        await sweeper.refresh(LEASE)
    assert storage.visits() == ["a"]
    storage.failures.clear()
    await sweeper.refresh(LEASE)
    assert await storage.tenants_to_refresh() == []


async def test_a_time_out_is_the_failure_of_one_tenant(storage: SlowStorage) -> None:
    for tenant in ("a", "b"):
        await a_busy_tenant(storage, tenant)
    fault = StorageFault(kind="statement_timeout", cause="too slow", remedy="none")
    storage.failures["a"] = Unavailable(fault=fault)
    await sweep(sweeper_of(storage))
    assert await storage.tenants_to_refresh() == ["a"]
