"""The machine's clock and one that is moved; ids by the moment they were made, and counted ones."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

from customers.adapters.clock import MovableClock, SystemClock
from customers.adapters.ids import AppointedIds, CountedIds, TimeOrderedIds
from customers.core.model.customer import Customer
from customers.core.model.journal import Note
from tests.support.builders import NOW, FixedClock

A_DAY = timedelta(days=1)


def test_the_clock_tells_the_moment_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_an_id_is_a_uuid_of_the_standard_library_in_version_7() -> None:
    made = TimeOrderedIds().new("tenant", Customer)
    assert type(made) is UUID
    assert (made.version, made.variant) == (7, RFC_4122)
    assert UUID(str(made)) == made


def test_an_id_holds_the_millisecond_in_which_it_was_made() -> None:
    before = datetime.now(UTC)
    held = datetime.fromtimestamp((TimeOrderedIds().new("tenant", Customer).int >> 80) / 1_000, UTC)
    a_millisecond = timedelta(milliseconds=1)
    assert before - a_millisecond <= held <= datetime.now(UTC) + a_millisecond


def test_of_two_ids_the_later_sorts_after_in_one_millisecond_too() -> None:
    one, other = TimeOrderedIds(), TimeOrderedIds()
    made = [each.new("tenant", Customer) for _ in range(20_000) for each in (one, other)]
    assert len({each.int >> 80 for each in made}) < len(made)
    assert all(first < second for first, second in pairwise(made))


def test_ids_sort_as_text_as_they_sort_as_numbers() -> None:
    made = [TimeOrderedIds().new("tenant", Customer) for _ in range(1_000)]
    assert sorted(map(str, made)) == list(map(str, made))


def run(ids: TimeOrderedIds) -> list[UUID]:
    return [ids.new("tenant", Customer) for _ in range(2_000)]


def test_ids_that_threads_make_at_once_differ_and_each_thread_s_own_ascend() -> None:
    ids = TimeOrderedIds()
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _: run(ids), range(4)))
    assert len({each for run in runs for each in run}) == 8_000
    assert all(run == sorted(run) for run in runs)


def test_counted_ids_depend_on_seed_tenant_kind_and_count_only() -> None:
    ids, others = CountedIds(seed=1), CountedIds(seed=1)
    others.new("other", Customer)
    others.new("tenant", Note)
    assert [ids.new("tenant", Customer) for _ in range(2)] == [
        others.new("tenant", Customer) for _ in range(2)
    ]
    assert CountedIds(seed=2).new("tenant", Customer) != CountedIds(seed=1).new("tenant", Customer)


def test_a_counted_id_is_a_uuid_of_version_7_that_ends_with_its_count() -> None:
    ids = CountedIds()
    made = [ids.new("tenant", Customer) for _ in range(300)]
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert [each.int & 0xFFFF_FFFF_FFFF for each in made] == list(range(1, 301))
    assert made == sorted(set(made))


def test_counts_go_on_from_where_they_are_set() -> None:
    ids, others = CountedIds(), CountedIds()
    for _ in range(3):
        ids.new("tenant", Customer)
    others.count_from(ids.counts())
    assert ids.counts() == {"tenant": {"Customer": 3}}
    assert others.new("tenant", Customer) == ids.new("tenant", Customer)


def test_the_next_id_of_a_kind_in_a_tenant_can_be_appointed() -> None:
    wanted, ids = TimeOrderedIds().new("", Note), AppointedIds(others=TimeOrderedIds())
    ids.appoint("tenant", Customer, wanted)
    others = [ids.new("tenant", Note), ids.new("other", Customer)]
    made = [ids.new("tenant", Customer) for _ in range(2)]
    assert (made[0], wanted in others, made[1] == wanted) == (wanted, False, False)


def test_an_appointment_can_be_dismissed() -> None:
    wanted, ids = TimeOrderedIds().new("", Note), AppointedIds(others=TimeOrderedIds())
    ids.appoint("tenant", Customer, wanted)
    ids.dismiss("tenant", Customer)
    assert ids.new("tenant", Customer) != wanted


def test_a_clock_that_is_told_to_stand_stands() -> None:
    clock = MovableClock(machine=FixedClock(NOW))
    clock.stand(NOW + A_DAY)
    assert (clock.now(), clock.stands) == (NOW + A_DAY, True)
    clock.advance(A_DAY)
    assert clock.now() == NOW + 2 * A_DAY


def test_a_clock_that_runs_runs_on_ahead() -> None:
    machine = FixedClock(NOW)
    clock = MovableClock(machine=machine)
    clock.advance(A_DAY)
    machine.forward(days=1)
    assert (clock.now(), clock.stands) == (NOW + 2 * A_DAY, False)


def test_a_clock_runs_from_the_moment_that_it_is_told() -> None:
    machine = FixedClock(NOW)
    clock = MovableClock(machine=machine, start=NOW)
    clock.run_from(NOW + A_DAY)
    machine.forward(days=1)
    assert (clock.now(), clock.stands) == (NOW + 2 * A_DAY, False)


def test_a_clock_that_starts_over_is_what_it_was_at_first() -> None:
    clock = MovableClock(machine=FixedClock(NOW + A_DAY), start=NOW)
    clock.run_from(NOW)
    clock.start_over()
    assert (clock.now(), clock.stands) == (NOW, True)
