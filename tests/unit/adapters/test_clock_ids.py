"""The machine's clock and one that is moved; ids by the moment they were made, and counted ones."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

from customers.adapters.clock import MovableClock, SystemClock
from customers.adapters.ids import ScriptedIds, TimeOrderedIds
from tests.support.builders import NOW, FixedClock

A_DAY = timedelta(days=1)


def test_the_clock_tells_the_moment_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_an_id_is_a_uuid_of_the_standard_library_in_version_7() -> None:
    made = TimeOrderedIds().new()
    assert type(made) is UUID
    assert (made.version, made.variant) == (7, RFC_4122)
    assert UUID(str(made)) == made


def test_an_id_holds_the_millisecond_in_which_it_was_made() -> None:
    before = datetime.now(UTC)
    held = datetime.fromtimestamp((TimeOrderedIds().new().int >> 80) / 1_000, UTC)
    a_millisecond = timedelta(milliseconds=1)
    assert before - a_millisecond <= held <= datetime.now(UTC) + a_millisecond


def test_of_two_ids_the_later_sorts_after_in_one_millisecond_too() -> None:
    one, other = TimeOrderedIds(), TimeOrderedIds()
    made = [each.new() for _ in range(20_000) for each in (one, other)]
    assert len({each.int >> 80 for each in made}) < len(made)
    assert all(first < second for first, second in pairwise(made))


def test_ids_sort_as_text_as_they_sort_as_numbers() -> None:
    made = [TimeOrderedIds().new() for _ in range(1_000)]
    assert sorted(map(str, made)) == list(map(str, made))


def run(ids: TimeOrderedIds) -> list[UUID]:
    return [ids.new() for _ in range(2_000)]


def test_ids_that_threads_make_at_once_differ_and_each_thread_s_own_ascend() -> None:
    ids = TimeOrderedIds()
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _: run(ids), range(4)))
    assert len({each for run in runs for each in run}) == 8_000
    assert all(run == sorted(run) for run in runs)


def predicted(
    ids: ScriptedIds, count: int = 1, *, tenant: str = "tenant", kind: str = "Customer"
) -> list[UUID]:
    with ids.scope(tenant, kind):
        return [ids.new() for _ in range(count)]


def sequential(seed: int = 0) -> ScriptedIds:
    return ScriptedIds(is_sequential=True, seed=seed)


def test_sequential_ids_depend_on_seed_tenant_kind_and_count_only() -> None:
    ids, others = sequential(1), sequential(1)
    predicted(others, tenant="other")
    predicted(others, kind="Note")
    assert predicted(ids, 2) == predicted(others, 2)
    assert predicted(sequential(2)) != predicted(sequential(1))


def test_a_sequential_id_is_a_uuid_of_version_7_that_ends_with_its_count() -> None:
    ids = predicted(sequential(), 300)
    assert {(each.version, each.variant) for each in ids} == {(7, RFC_4122)}
    assert [each.int & 0xFFFF_FFFF_FFFF for each in ids] == list(range(1, 301))
    assert ids == sorted(set(ids))


def test_counts_continue_from_where_they_are_set() -> None:
    ids, others = sequential(), sequential()
    predicted(ids, 3)
    others.count_from(ids.counts())
    assert ids.counts() == {"tenant": {"Customer": 3}}
    assert predicted(others) == predicted(ids)


def test_outside_a_scope_ids_are_ordered_by_time_and_not_counted() -> None:
    ids = sequential()
    assert ids.new() != ids.new()
    assert ids.counts() == {}


def test_a_given_id_comes_first_and_once() -> None:
    given, ids = TimeOrderedIds().new(), ScriptedIds()
    with ids.scope("tenant", "Customer", given):
        assert ids.new() == given
        assert ids.new() != given


def test_a_given_id_is_not_left_behind_by_its_scope() -> None:
    given, ids = TimeOrderedIds().new(), ScriptedIds()
    with ids.scope("tenant", "Customer", given):
        pass
    assert predicted(ids) != [given]


def test_an_inner_scope_does_not_take_the_outer_one_s_id() -> None:
    given, ids = TimeOrderedIds().new(), ScriptedIds()
    with ids.scope("tenant", "Customer", given):
        assert given not in predicted(ids, kind="Note")
        assert ids.new() == given


def test_a_clock_that_is_told_to_stand_stands() -> None:
    clock = MovableClock(machine=FixedClock(NOW))
    clock.freeze(NOW + A_DAY)
    assert (clock.now(), clock.is_frozen) == (NOW + A_DAY, True)
    clock.advance(A_DAY)
    assert clock.now() == NOW + 2 * A_DAY


def test_a_clock_that_runs_runs_on_ahead() -> None:
    machine = FixedClock(NOW)
    clock = MovableClock(machine=machine)
    clock.advance(A_DAY)
    machine.forward(days=1)
    assert (clock.now(), clock.is_frozen) == (NOW + 2 * A_DAY, False)


def test_a_clock_runs_from_the_moment_that_it_is_told() -> None:
    machine = FixedClock(NOW)
    clock = MovableClock(machine=machine, start=NOW)
    clock.run_from(NOW + A_DAY)
    machine.forward(days=1)
    assert (clock.now(), clock.is_frozen) == (NOW + 2 * A_DAY, False)


def test_a_clock_that_starts_over_is_what_it_was_at_first() -> None:
    clock = MovableClock(machine=FixedClock(NOW + A_DAY), start=NOW)
    clock.run_from(NOW)
    clock.reset()
    assert (clock.now(), clock.is_frozen) == (NOW, True)
