"""Concurrent items: those that share a key run one after another."""

import asyncio
from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st

from customers.entrypoints.ledger.keyed_order import run_in_key_order

# The keys of an item, and how many turns of the event loop it takes.
ITEMS = st.lists(
    st.tuples(st.frozensets(st.sampled_from("abc"), max_size=2), st.integers(0, 5)), max_size=12
)
Item = tuple[int, Collection[str], int]


class Recorder:
    """Runs items and records when each one starts and ends."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.running = self.max_running = 0

    async def run(self, item: Item) -> int:
        number, _, turns = item
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        self.events.append(("start", number))
        for _ in range(turns):
            await asyncio.sleep(0)
        self.events.append(("end", number))
        self.running -= 1
        return number

    async def run_all(self, items: list[Item], slots: int) -> list[int]:
        free = asyncio.Semaphore(slots)

        async def begin(item: Item) -> asyncio.Task[int]:
            await free.acquire()
            task = asyncio.create_task(self.run(item))
            task.add_done_callback(lambda _: free.release())
            return task

        return await run_in_key_order(items, lambda item: item[1], begin)


@given(items=ITEMS, slots=st.integers(1, 4))
@settings(max_examples=50)
def test_items_that_share_a_key_run_in_sequence(
    items: list[tuple[frozenset[str], int]], slots: int
) -> None:
    recorder = Recorder()
    numbered: list[Item] = [(number, *item) for number, item in enumerate(items)]
    assert asyncio.run(recorder.run_all(numbered, slots)) == list(range(len(items)))
    assert recorder.max_running <= slots
    for earlier, keys, _ in numbered:
        for later, later_keys, _ in numbered[earlier + 1 :]:
            if not set(keys).isdisjoint(later_keys):
                events = recorder.events
                assert events.index(("end", earlier)) < events.index(("start", later))


async def test_items_that_share_no_key_run_concurrently() -> None:
    recorder = Recorder()
    await recorder.run_all([(number, str(number), 3) for number in range(8)], slots=5)
    assert recorder.max_running == 5


async def test_when_the_call_is_cancelled_what_has_begun_ends_and_nothing_else_begins() -> None:
    recorder = Recorder()
    items: list[Item] = [(number, "k" if number else "", 5) for number in range(8)]
    call = asyncio.create_task(recorder.run_all(items, slots=2))
    while recorder.running < 2:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0)
    call.cancel()
    while recorder.running:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0)
    assert call.cancelled()
    assert sorted(recorder.events) == [("end", 0), ("end", 1), ("start", 0), ("start", 1)]
