"""The machine's clock, and the ids that sort by the moment they were made."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

from customers.adapters.clock import SystemClock
from customers.adapters.ids import TimeOrderedIds


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


def test_ids_that_threads_make_at_once_differ_and_each_thread_s_own_ascend() -> None:
    ids = TimeOrderedIds()
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _: [ids.new() for _ in range(2_000)], range(4)))
    assert len({each for run in runs for each in run}) == 8_000
    assert all(run == sorted(run) for run in runs)
