"""Replaying the feed of a segment yields its members."""

import asyncio
from random import Random
from typing import Any, Final

import pytest

from tests.contract.api.membership_changes import EVERYBODY, changes, read_feed, replay
from tests.support.api_client import NOTHING, Api
from tests.support.api_steps import a_customer, a_segment, customer_path, members
from tests.support.membership_moves import Call, an_order, make_calls, one_condition

RULES: Final = [
    one_condition("days_since_last_order", "gt", 1),
    one_condition("days_since_created", "between", [1, 3]),
    one_condition("total_spent", "gte", 10),
    one_condition("tags", "not_contains", "vip"),
    {"rules": []},
]


def anything(chance: Random, number: int) -> Call:
    """A random call that may move a customer."""
    segment = chance.choice([*RULES, {"isActive": False}, *[{"isActive": True}] * 3])
    days = chance.choice([0, 1, 2])
    order = an_order(f"o-{number}", 7, orderDate=f"2026-01-{13 + days}T00:00:00Z")
    calls: list[Call] = [
        ("PUT", "{segment}", segment),
        ("PUT", "{customer}", {"tags": chance.choice([[], ["vip"]])}),
        ("POST", f"{{customer}}/orders/o-{chance.randint(0, number)}/cancel", NOTHING),
        ("DELETE", "{customer}", NOTHING),
        ("POST", "{customer}/restore", NOTHING),
    ]
    return chance.choice([*calls, order, order])


class ReplayContract:
    @pytest.mark.parametrize("seed", range(4))
    async def test_a_replayed_feed_yields_the_members(self, api: Api, seed: int) -> None:
        chance, after, members_followed = Random(seed), 0, set[str]()
        segment = await a_segment(api, **RULES[seed])
        customers = [await customer_path(api) for _ in range(4)]
        followed: list[dict[str, Any]] = []
        for number in range(40):
            await make_calls(api, [anything(chance, number)], segment, chance.choice(customers))
            api.clock.forward(days=chance.choice([0, 0, 0.4, 1]))
            if chance.random() < 0.5:
                page = (await changes(api, segment, f"?after={after}")).body
                members_followed, after = replay(page["changes"], members_followed), page["next"]
                followed += page["changes"]
                assert members_followed == set(await members(api, segment)), number
        feed = await read_feed(api, segment, 7)
        assert feed[: len(followed)] == followed
        assert replay(feed) == set(await members(api, segment))

    async def test_reading_the_feed_during_concurrent_writes_skips_nothing(self, api: Api) -> None:
        segment = await a_segment(api, **EVERYBODY)
        followed: list[dict[str, Any]] = []

        async def follow(after: int) -> int:
            page = (await changes(api, segment, f"?after={after}&limit=3")).body
            followed.extend(page["changes"])
            return int(page["next"])

        writing, after = asyncio.gather(*(a_customer(api) for _ in range(20))), 0
        while not writing.done():
            after = await follow(after)
        while after != (after := await follow(after)):
            pass
        assert followed == await read_feed(api, segment)
        assert replay(followed) == {customer["id"] for customer in await writing}
