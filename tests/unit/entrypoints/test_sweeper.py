"""The sweeper of a process: when it calls the sweeping, what it says, and how it ends.

What sweeping does is tested with the use case, what settling means with the members.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from io import StringIO
from uuid import UUID

import pytest
from attrs import define
from prometheus_client.parser import text_string_to_metric_families

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.publish import publish
from customers.core.model.segment import Segment
from customers.core.services.sweeper import Sweeper
from customers.entrypoints.observability.logs import configure
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.process import sweeper
from customers.entrypoints.process.sweeper import swept
from tests.support.builders import (
    NOW,
    USD,
    FixedClock,
    a_dynamic_segment,
    an_id,
    later,
    some_statistics,
)
from tests.support.membership_steps import membership_transaction, refresh_state_of, stored_members
from tests.support.oracle import steps_of
from tests.support.storage_steps import a_stored_customer
from tests.unit.entrypoints.grpc_service import MoodyStorage

AT_ONCE, NEVER_AGAIN = 0.001, 3_600.0
PATIENCE_SECONDS = 60.0
EVERYBODY = '[{"field":"email","operator":"is_not_empty"}]'
LAPSED = '[{"field":"days_since_last_order","operator":"gt","value":90}]'


@define(eq=False)
class AskedStorage(MoodyStorage):
    """One that knows how often it was asked for the lease."""

    leases: int = 0

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self.leases += 1
        return await super().lease(holder, seconds)

    async def asked_again(self, times: int = 3) -> None:
        """Returns when so many more have asked."""
        expected = self.leases + times
        await eventually(lambda: self.leases >= expected)


@pytest.fixture
def storage() -> AskedStorage:
    return AskedStorage(MemoryStorage(currency=USD))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics.create(version="1.2.3")


@pytest.fixture
def sweeping(storage: AskedStorage) -> Sweeper:
    return Sweeper(storage, FixedClock(), an_id())


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What is logged, where a failure is followed by the next attempt at once."""
    monkeypatch.setattr(sweeper, "PAUSE_AFTER_FAILURE", AT_ONCE)
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    configure("info", as_json=True, stream=(stream := StringIO()))
    yield stream
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(False)


async def eventually(holds: Callable[[], bool]) -> None:
    """Returns when it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - of a number
            await asyncio.sleep(AT_ONCE)


async def settled(storage: AskedStorage) -> None:
    """Returns when no tenant has anything to settle."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await storage.tenants_to_refresh():  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(AT_ONCE)


async def published(storage: AskedStorage, written: str = EVERYBODY) -> Segment:
    """A segment whose members nobody has begun to build."""
    segment = a_dynamic_segment(written)
    async with membership_transaction(storage, segment.tenant_id) as tx:
        await publish(tx, None, segment, NOW)
    return segment


@asynccontextmanager
async def held(storage: AskedStorage) -> AsyncIterator[None]:
    """Somebody else is in a transaction of the tenant while the block runs."""
    background_tasks, end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with storage.transaction("tenant"):
            background_tasks.set()
            await end.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold())
        await background_tasks.wait()
        yield
        end.set()


def builds(metrics: Metrics) -> tuple[float, float]:
    """How many segments are told to be built, and how far they are."""
    text = metrics.render()[0].decode()
    told = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return told["customers_segment_builds"], told["customers_segment_build_progress_ratio"]


def is_recorded(metrics: Metrics, expected: tuple[float, float]) -> bool:
    return builds(metrics) == expected


def logged(lines: StringIO) -> list[tuple[str, str]]:
    """Level and event of each line."""
    read = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [(line["level"], line["event"]) for line in read]


async def test_it_settles_while_the_block_runs_and_not_after_it(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics
) -> None:
    segment = await published(storage)
    others = asyncio.all_tasks()
    async with swept(sweeping, metrics, AT_ONCE):
        for number in range(1, 4):
            await a_stored_customer(storage, "tenant")
            await settled(storage)
            assert len(await stored_members(storage, segment)) == number
    assert asyncio.all_tasks() == others
    await a_stored_customer(storage, "tenant")
    assert await storage.tenants_to_refresh() == ["tenant"]


async def test_with_pauses_of_nothing_it_never_sweeps(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics
) -> None:
    others = asyncio.all_tasks()
    async with swept(sweeping, metrics, 0):
        assert asyncio.all_tasks() == others
        await asyncio.sleep(AT_ONCE)
    assert storage.leases == 0


async def test_those_whose_time_has_come_are_moved_before_anybody_asks(
    storage: AskedStorage, metrics: Metrics
) -> None:
    clock, long_ago = FixedClock(), later(days=-90.5)
    statistics = some_statistics(last_order_date=long_ago)
    customer = await a_stored_customer(
        storage, "tenant", statistics=statistics, updated_at=long_ago
    )
    segment = await published(storage, LAPSED)
    sweeping = Sweeper(storage, clock, an_id())
    await sweeping.refresh(1)
    clock.forward(days=1)
    async with swept(sweeping, metrics, AT_ONCE):
        await storage.asked_again()
    assert (await refresh_state_of(storage, segment)).watermark == clock.now()
    assert await stored_members(storage, segment) == [customer]


async def test_while_another_one_sweeps_it_waits_for_its_turn(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics
) -> None:
    await published(storage)
    other = an_id()
    assert await storage.lease(other, 60)
    async with swept(sweeping, metrics, AT_ONCE):
        await storage.asked_again()
        assert await storage.tenants_to_refresh() == ["tenant"]
        assert builds(metrics) == (0, 1)
        assert await storage.lease(other, 0)
        await settled(storage)


async def test_a_storage_that_is_away_is_one_warning_until_it_is_back(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics, lines: StringIO
) -> None:
    await published(storage)
    warning = ("warning", "segments are not swept")
    storage.is_away = True
    async with swept(sweeping, metrics, AT_ONCE):
        for times in (1, 2):
            await storage.asked_again()
            assert logged(lines) == times * [warning]
            storage.is_away = False
            await settled(storage)
            await storage.asked_again()
            storage.is_away = times == 1
    assert logged(lines) == 2 * [warning]


async def test_the_warning_says_what_is_the_matter(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics, lines: StringIO
) -> None:
    storage.is_away = True
    async with swept(sweeping, metrics, AT_ONCE):
        await storage.asked_again()
    assert "the storage is not available, try again in a moment" in lines.getvalue()


async def test_a_defect_is_logged_and_it_goes_on(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics, lines: StringIO
) -> None:
    await published(storage)
    storage.is_broken = True
    async with swept(sweeping, metrics, AT_ONCE):
        await storage.asked_again()
        storage.is_broken = False
        await settled(storage)
    assert set(logged(lines)) == {("error", "segments were not swept")}
    assert "ZeroDivisionError" in lines.getvalue()
    assert "a secret of the driver" not in lines.getvalue()


async def test_it_ends_in_the_middle_of_a_pause(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics
) -> None:
    others = asyncio.all_tasks()
    async with swept(sweeping, metrics, NEVER_AGAIN):
        await storage.asked_again(1)
    assert asyncio.all_tasks() == others


async def test_it_ends_while_it_waits_for_somebody_and_leaves_the_rest(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics
) -> None:
    segment = await published(storage)
    others = asyncio.all_tasks()
    async with held(storage):
        async with swept(sweeping, metrics, AT_ONCE):
            await storage.asked_again(2)
        assert not (await refresh_state_of(storage, segment)).is_ready
    assert asyncio.all_tasks() == others
    await sweeping.refresh(1)
    assert (await refresh_state_of(storage, segment)).is_ready


async def test_a_failure_of_the_block_is_told_as_it_is(sweeping: Sweeper, metrics: Metrics) -> None:
    with pytest.raises(KeyError):
        async with swept(sweeping, metrics, AT_ONCE):
            raise KeyError


async def test_metrics_say_how_far_builds_are(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "PAUSE_OF_BUILDS", NEVER_AGAIN)
    for _ in range(4):
        await a_stored_customer(storage, "tenant")
    await published(storage)
    assert builds(metrics) == (0, 1)
    with steps_of(1):
        for expected in ((1, 0.25), (1, 0.5), (1, 0.75), (0, 1)):
            async with swept(sweeping, metrics, NEVER_AGAIN):
                await eventually(partial(is_recorded, metrics, expected))


async def test_what_is_being_built_does_not_wait_for_the_pause(
    storage: AskedStorage, sweeping: Sweeper, metrics: Metrics
) -> None:
    crowd = [await a_stored_customer(storage, "tenant") for _ in range(4)]
    segment = await published(storage)
    with steps_of(1):
        async with swept(sweeping, metrics, NEVER_AGAIN):
            await settled(storage)
    assert await stored_members(storage, segment) == crowd
