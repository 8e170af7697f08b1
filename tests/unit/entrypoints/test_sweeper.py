"""The sweeper of a process: when it sweeps, what it logs and measures, and how it stops.

What a sweep and a refresh do is tested in `tests/unit/core`, in `test_sweeper` and `test_refresh`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from io import StringIO
from uuid import UUID

import pytest
from attrs import define

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.publish import publish
from customers.core.model.segment import Segment
from customers.core.services.sweeper import Sweeper
from customers.entrypoints.observability.logs import configure
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.process.sweeper import run_sweeper
from tests.support.builders import (
    NOW,
    USD,
    FixedClock,
    a_dynamic_segment,
    an_id,
    later,
    some_statistics,
)
from tests.support.faulty_storage import FaultyStorage
from tests.support.log_stream import log_stream
from tests.support.membership_steps import membership_transaction, refresh_state_of, stored_members
from tests.support.metric_samples import value
from tests.support.oracle import small_steps
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.storage_steps import a_stored_customer

MODULE = run_sweeper.__module__
SOON, NEVER = 0.001, 3_600.0
LAST_SUCCESS = "customers_sweeper_last_success_timestamp_seconds"
EVERYBODY = '[{"field":"email","operator":"is_not_empty"}]'
LAPSED = '[{"field":"days_since_last_order","operator":"gt","value":90}]'


@define(eq=False)
class CountingStorage(FaultyStorage):
    """Counts how often its lease was requested; can fail to list the tenants to refresh."""

    leases: int = 0
    is_refresh_broken: bool = False

    async def tenants_to_refresh(self) -> Sequence[str]:
        if self.is_refresh_broken:
            raise ZeroDivisionError
        return await super().tenants_to_refresh()

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self.leases += 1
        return await super().lease(holder, seconds)

    async def more_leases(self, times: int = 3) -> None:
        """Waits until the lease was requested this many more times."""
        expected = self.leases + times
        await until(lambda: self.leases >= expected)


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage(MemoryStorage(currency=USD))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics.create(version="1.2.3")


@pytest.fixture
def sweeper(storage: CountingStorage) -> Sweeper:
    return Sweeper(storage, FixedClock(), an_id())


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """The log; a sweeper retries a failed sweep almost at once."""
    monkeypatch.setattr(f"{MODULE}.PAUSE_AFTER_FAILURE", SOON)
    with log_stream() as stream:
        configure("info", as_json=True, stream=stream)
        yield stream


async def refreshed(storage: CountingStorage) -> None:
    """Waits until no tenant has anything to refresh."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await storage.tenants_to_refresh():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(SOON)


async def publish_segment(storage: CountingStorage, rules: str = EVERYBODY) -> Segment:
    """Publishes a segment; its backfill has not started."""
    segment = a_dynamic_segment(rules)
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await publish(tx, None, segment, NOW)
    return segment


@asynccontextmanager
async def open_transaction(storage: CountingStorage) -> AsyncIterator[None]:
    """Keeps a transaction of the tenant open, in another task, while the block runs."""
    is_open, end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with storage.transaction("tenant"):
            is_open.set()
            await end.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold())
        await is_open.wait()
        yield
        end.set()


def backfills(metrics: Metrics) -> tuple[float | None, float | None]:
    """The metrics of backfills: how many are running, and their progress."""
    count = value(metrics, "customers_segment_builds")
    return count, value(metrics, "customers_segment_build_progress_ratio")


def sweeping(metrics: Metrics) -> dict[str, float | None]:
    """The metrics of the sweeper, without the time of the last success."""
    names = ("leader", "pending_changes", "lag_seconds")
    return {name: value(metrics, f"customers_sweeper_{name}") for name in names}


def has_backfills(metrics: Metrics, expected: tuple[float, float]) -> bool:
    return backfills(metrics) == expected


def logged(lines: StringIO) -> list[tuple[str, str]]:
    """Level and event of each line."""
    entries = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [(entry["level"], entry["event"]) for entry in entries]


async def test_members_are_refreshed_while_the_block_runs_and_not_after_it(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    segment = await publish_segment(storage)
    others = asyncio.all_tasks()
    async with run_sweeper(sweeper, metrics, SOON):
        for number in range(1, 4):
            await a_stored_customer(storage, "tenant")
            await refreshed(storage)
            assert len(await stored_members(storage, segment)) == number
    assert asyncio.all_tasks() == others
    await a_stored_customer(storage, "tenant")
    assert await storage.tenants_to_refresh() == ["tenant"]


async def test_a_pause_of_0_disables_the_sweeper(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    others = asyncio.all_tasks()
    async with run_sweeper(sweeper, metrics, 0):
        assert asyncio.all_tasks() == others
        await asyncio.sleep(SOON)
    assert storage.leases == 0


async def test_members_that_change_with_time_are_moved_before_they_are_read(
    storage: CountingStorage, metrics: Metrics
) -> None:
    clock, long_ago = FixedClock(), later(days=-90.5)
    statistics = some_statistics(last_order_date=long_ago)
    customer = await a_stored_customer(
        storage, "tenant", statistics=statistics, updated_at=long_ago
    )
    segment = await publish_segment(storage, LAPSED)
    sweeper = Sweeper(storage, clock, an_id())
    await sweeper.refresh(1)
    clock.forward(days=1)
    async with run_sweeper(sweeper, metrics, SOON):
        await storage.more_leases()
    assert (await refresh_state_of(storage, segment)).watermark == clock.now()
    assert await stored_members(storage, segment) == [customer]


async def test_it_does_not_sweep_while_another_sweeper_holds_the_lease(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    await publish_segment(storage)
    other = an_id()
    assert await storage.lease(other, 60)
    async with run_sweeper(sweeper, metrics, SOON):
        await storage.more_leases()
        assert await storage.tenants_to_refresh() == ["tenant"]
        assert backfills(metrics) == (0, 1)
        assert await storage.lease(other, 0)
        await refreshed(storage)


async def test_metrics_show_that_another_sweeper_holds_the_lease(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    await publish_segment(storage)
    await a_stored_customer(storage, "tenant")
    assert await storage.lease(other := an_id(), 60)
    async with run_sweeper(sweeper, metrics, SOON):
        await storage.more_leases()
        assert sweeping(metrics) == {"leader": 0, "pending_changes": 0, "lag_seconds": 0}
        assert value(metrics, LAST_SUCCESS) == 0
        assert await storage.lease(other, 0)
        await until(lambda: bool(value(metrics, LAST_SUCCESS)))
        assert sweeping(metrics)["leader"] == 1


async def test_metrics_show_what_was_to_do_when_the_last_sweep_began(
    storage: CountingStorage, metrics: Metrics
) -> None:
    await publish_segment(storage)
    for _ in range(2):
        await a_stored_customer(storage, "tenant")
    sweeper = Sweeper(storage, FixedClock(later(seconds=30)), an_id())
    for pending_changes, seconds in ((2, 30), (0, 0)):
        async with run_sweeper(sweeper, metrics, NEVER):
            await until(lambda: sweeping(metrics)["leader"] == 1)
            await refreshed(storage)
        assert sweeping(metrics) == {
            "leader": 1,
            "pending_changes": pending_changes,
            "lag_seconds": seconds,
        }
        metrics.set_sweeper(is_leader=False)


async def test_a_sweep_that_fails_keeps_the_lease_and_is_no_success(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics, lines: StringIO
) -> None:
    await publish_segment(storage)
    storage.is_refresh_broken = True
    async with run_sweeper(sweeper, metrics, SOON):
        await until(lambda: ("error", "sweep failed") in logged(lines))
        assert sweeping(metrics)["leader"] == 1
        assert value(metrics, LAST_SUCCESS) == 0
        storage.is_refresh_broken = False
        await until(lambda: bool(value(metrics, LAST_SUCCESS)))


async def test_metrics_show_no_leader_while_the_storage_is_unavailable(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    async with run_sweeper(sweeper, metrics, SOON):
        await until(lambda: sweeping(metrics)["leader"] == 1)
        storage.is_unavailable = True
        await until(lambda: sweeping(metrics)["leader"] == 0)


async def test_the_sweeper_goes_on_when_an_unavailable_storage_is_back(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics, lines: StringIO
) -> None:
    await publish_segment(storage)
    storage.is_unavailable = True
    async with run_sweeper(sweeper, metrics, SOON):
        await storage.more_leases()
        storage.is_unavailable = False
        await refreshed(storage)
    assert logged(lines) == []  # the storage logs the cause itself


async def test_an_unexpected_exception_is_logged_and_the_sweeper_goes_on(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics, lines: StringIO
) -> None:
    await publish_segment(storage)
    storage.is_broken = True
    async with run_sweeper(sweeper, metrics, SOON):
        await storage.more_leases()
        storage.is_broken = False
        await refreshed(storage)
    assert set(logged(lines)) == {("error", "sweep failed")}
    assert "ZeroDivisionError" in lines.getvalue()
    assert "a secret of the driver" not in lines.getvalue()


async def test_it_stops_during_a_pause(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    others = asyncio.all_tasks()
    async with run_sweeper(sweeper, metrics, NEVER):
        await storage.more_leases(1)
    assert asyncio.all_tasks() == others


async def test_it_stops_while_it_waits_for_a_transaction(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    segment = await publish_segment(storage)
    others = asyncio.all_tasks()
    async with open_transaction(storage):
        async with run_sweeper(sweeper, metrics, SOON):
            await storage.more_leases(2)
        assert not (await refresh_state_of(storage, segment)).is_ready
    assert asyncio.all_tasks() == others
    await sweeper.refresh(1)
    assert (await refresh_state_of(storage, segment)).is_ready


async def test_an_exception_in_the_block_is_passed_on(sweeper: Sweeper, metrics: Metrics) -> None:
    with pytest.raises(KeyError):
        async with run_sweeper(sweeper, metrics, SOON):
            raise KeyError


async def test_metrics_show_the_progress_of_backfills(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.PAUSE_DURING_BACKFILL", NEVER)
    for _ in range(4):
        await a_stored_customer(storage, "tenant")
    await publish_segment(storage)
    assert backfills(metrics) == (0, 1)
    with small_steps(1):
        for expected in ((1, 0.25), (1, 0.5), (1, 0.75), (0, 1)):
            async with run_sweeper(sweeper, metrics, NEVER):
                await until(partial(has_backfills, metrics, expected))


async def test_a_backfill_does_not_wait_for_the_pause(
    storage: CountingStorage, sweeper: Sweeper, metrics: Metrics
) -> None:
    customers = [await a_stored_customer(storage, "tenant") for _ in range(4)]
    segment = await publish_segment(storage)
    with small_steps(1):
        async with run_sweeper(sweeper, metrics, NEVER):
            await refreshed(storage)
    assert await stored_members(storage, segment) == customers
