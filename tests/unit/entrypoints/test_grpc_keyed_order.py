"""Things done at once, and those that touch the same one after the other."""

import asyncio
from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st

from customers.entrypoints.grpc.keyed_order import run_in_key_order

# What an item touches, and how many turns of the loop it takes.
ITEMS = st.lists(
    st.tuples(st.frozensets(st.sampled_from("abc"), max_size=2), st.integers(0, 5)), max_size=12
)
Item = tuple[int, Collection[str], int]


class Watched:
    """Does items, and remembers when each began and ended."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.running = self.most_running = 0

    async def do(self, item: Item) -> int:
        number, _, turns = item
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.told.append(("began", number))
        for _ in range(turns):
            await asyncio.sleep(0)
        self.told.append(("ended", number))
        self.running -= 1
        return number

    async def do_all(self, items: list[Item], at_once: int) -> list[int]:
        return await run_in_key_order(
            items, lambda item: item[1], self.do, asyncio.Semaphore(at_once)
        )


@given(items=ITEMS, at_once=st.integers(1, 4))
@settings(max_examples=50)
def test_what_shares_a_key_is_done_in_the_order_given(
    items: list[tuple[frozenset[str], int]], at_once: int
) -> None:
    watched = Watched()
    numbered: list[Item] = [(number, *item) for number, item in enumerate(items)]
    assert asyncio.run(watched.do_all(numbered, at_once)) == list(range(len(items)))
    assert watched.most_running <= at_once
    for earlier, keys, _ in numbered:
        for later, others, _ in numbered[earlier + 1 :]:
            if not set(keys).isdisjoint(others):
                ended, began = ("ended", earlier), ("began", later)
                assert watched.told.index(ended) < watched.told.index(began)


async def test_what_shares_no_key_is_done_at_once() -> None:
    watched = Watched()
    await watched.do_all([(number, str(number), 3) for number in range(8)], at_once=5)
    assert watched.most_running == 5
