"""The system clock and the movable one; time-ordered ids and sequential ones."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

from customers.adapters.clock import MovableClock, SystemClock
from customers.adapters.ids import ScriptedIds, TimeOrderedIds
from tests.support.builders import NOW, FixedClock

A_DAY = timedelta(days=1)


def test_the_system_clock_returns_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_an_id_is_a_uuid_of_the_standard_library_in_version_7() -> None:
    id = TimeOrderedIds().new()
    assert type(id) is UUID
    assert (id.version, id.variant) == (7, RFC_4122)
    assert UUID(str(id)) == id


def test_an_id_contains_the_millisecond_of_its_creation() -> None:
    before = datetime.now(UTC)
    created_at = datetime.fromtimestamp((TimeOrderedIds().new().int >> 80) / 1_000, UTC)
    a_millisecond = timedelta(milliseconds=1)
    assert before - a_millisecond <= created_at <= datetime.now(UTC) + a_millisecond


def test_a_later_id_sorts_after_an_earlier_one_within_a_millisecond() -> None:
    one, other = TimeOrderedIds(), TimeOrderedIds()
    ids = [generator.new() for _ in range(20_000) for generator in (one, other)]
    assert len({id.int >> 80 for id in ids}) < len(ids)
    assert all(first < second for first, second in pairwise(ids))


def test_ids_sort_as_texts_in_the_order_of_their_numbers() -> None:
    ids = [TimeOrderedIds().new() for _ in range(1_000)]
    assert sorted(map(str, ids)) == list(map(str, ids))


def generate(ids: TimeOrderedIds) -> list[UUID]:
    return [ids.new() for _ in range(2_000)]


def test_ids_of_concurrent_threads_are_unique_and_ascend_within_a_thread() -> None:
    ids = TimeOrderedIds()
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _: generate(ids), range(4)))
    assert len({id for run in runs for id in run}) == 8_000
    assert all(run == sorted(run) for run in runs)


def predicted(
    ids: ScriptedIds, count: int = 1, *, tenant: str = "tenant", kind: str = "Customer"
) -> list[UUID]:
    with ids.scope(tenant, kind):
        return [ids.new() for _ in range(count)]


def sequential(seed: int = 0) -> ScriptedIds:
    return ScriptedIds(is_sequential=True, seed=seed)


def test_sequential_ids_depend_only_on_seed_tenant_kind_and_count() -> None:
    ids, others = sequential(1), sequential(1)
    predicted(others, tenant="other")
    predicted(others, kind="Note")
    assert predicted(ids, 2) == predicted(others, 2)
    assert predicted(sequential(2)) != predicted(sequential(1))


def test_a_sequential_id_is_a_uuid_of_version_7_that_ends_with_its_count() -> None:
    ids = predicted(sequential(), 300)
    assert {(id.version, id.variant) for id in ids} == {(7, RFC_4122)}
    assert [id.int & 0xFFFF_FFFF_FFFF for id in ids] == list(range(1, 301))
    assert ids == sorted(set(ids))


def test_sequential_ids_continue_from_restored_counts() -> None:
    ids, others = sequential(), sequential()
    predicted(ids, 3)
    others.count_from(ids.counts())
    assert ids.counts() == {"tenant": {"Customer": 3}}
    assert predicted(others) == predicted(ids)


def test_ids_outside_a_scope_are_time_ordered_and_not_counted() -> None:
    ids = sequential()
    assert ids.new() != ids.new()
    assert ids.counts() == {}


def test_the_next_id_of_a_scope_comes_first_and_once() -> None:
    next_id, ids = TimeOrderedIds().new(), ScriptedIds()
    with ids.scope("tenant", "Customer", next_id):
        assert ids.new() == next_id
        assert ids.new() != next_id


def test_an_unused_next_id_ends_with_its_scope() -> None:
    next_id, ids = TimeOrderedIds().new(), ScriptedIds()
    with ids.scope("tenant", "Customer", next_id):
        pass
    assert predicted(ids) != [next_id]


def test_an_inner_scope_does_not_use_the_next_id_of_the_outer_one() -> None:
    next_id, ids = TimeOrderedIds().new(), ScriptedIds()
    with ids.scope("tenant", "Customer", next_id):
        assert next_id not in predicted(ids, kind="Note")
        assert ids.new() == next_id


def test_a_frozen_clock_moves_only_when_it_is_advanced() -> None:
    clock = MovableClock(machine=FixedClock(NOW))
    clock.freeze(NOW + A_DAY)
    assert (clock.now(), clock.is_frozen) == (NOW + A_DAY, True)
    clock.advance(A_DAY)
    assert clock.now() == NOW + 2 * A_DAY


def test_a_running_clock_keeps_running_when_it_is_advanced() -> None:
    machine = FixedClock(NOW)
    clock = MovableClock(machine=machine)
    clock.advance(A_DAY)
    machine.forward(days=1)
    assert (clock.now(), clock.is_frozen) == (NOW + 2 * A_DAY, False)


def test_a_clock_runs_from_a_requested_moment() -> None:
    machine = FixedClock(NOW)
    clock = MovableClock(machine=machine, start=NOW)
    clock.run_from(NOW + A_DAY)
    machine.forward(days=1)
    assert (clock.now(), clock.is_frozen) == (NOW + 2 * A_DAY, False)


def test_a_reset_clock_is_as_at_the_start() -> None:
    clock = MovableClock(machine=FixedClock(NOW + A_DAY), start=NOW)
    clock.run_from(NOW)
    clock.reset()
    assert (clock.now(), clock.is_frozen) == (NOW, True)
