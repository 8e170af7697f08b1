"""The feed of a segment, replayed: it gives the members, whatever was done and whoever reads."""

import asyncio
from random import Random
from typing import Any, Final

import pytest

from tests.contract.api.membership_changes import EVERYBODY, changes, replay, told
from tests.contract.api.status_moves import Call, an_order, by_rule, done
from tests.contract.api.steps import a_customer, a_segment, at, members
from tests.support.api_client import NOTHING, Api

RULES: Final = [
    by_rule("days_since_last_order", "gt", 1),
    by_rule("days_since_created", "between", [1, 3]),
    by_rule("total_spent", "gte", 10),
    by_rule("tags", "not_contains", "vip"),
    {"rules": []},
]


def anything(chance: Random, number: int) -> Call:
    """One call of those that may move somebody."""
    segment = chance.choice([*RULES, {"isActive": False}, *[{"isActive": True}] * 3])
    days = chance.choice([0, 1, 2])
    ordered = an_order(f"o-{number}", 7, orderDate=f"2026-01-{13 + days}T00:00:00Z")
    some: list[Call] = [
        ("PUT", "{segment}", segment),
        ("PUT", "{customer}", {"tags": chance.choice([[], ["vip"]])}),
        ("POST", f"{{customer}}/orders/o-{chance.randint(0, number)}/cancel", NOTHING),
        ("DELETE", "{customer}", NOTHING),
        ("POST", "{customer}/restore", NOTHING),
    ]
    return chance.choice([*some, ordered, ordered])


class ReplayContract:
    @pytest.mark.parametrize("seed", range(4))
    async def test_who_follows_the_feed_knows_the_members(self, api: Api, seed: int) -> None:
        chance, after, inside = Random(seed), 0, set[str]()
        segment = await a_segment(api, **RULES[seed])
        customers = [await at(api) for _ in range(4)]
        followed: list[dict[str, Any]] = []
        for number in range(40):
            await done(api, [anything(chance, number)], segment, chance.choice(customers))
            api.clock.forward(days=chance.choice([0, 0, 0.4, 1]))
            if chance.random() < 0.5:
                page = (await changes(api, segment, f"?after={after}")).body
                inside, after = replay(page["changes"], inside), page["next"]
                followed += page["changes"]
                assert inside == set(await members(api, segment)), number
        whole = await told(api, segment, 7)
        assert whole[: len(followed)] == followed
        assert replay(whole) == set(await members(api, segment))

    async def test_nothing_is_skipped_while_many_write_at_once(self, api: Api) -> None:
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
        assert followed == await told(api, segment)
        assert replay(followed) == {customer["id"] for customer in await writing}
