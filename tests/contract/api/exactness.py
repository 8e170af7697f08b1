"""Members are exact at every read, whichever way one asks: after each thing that can move somebody,
and after time alone has passed.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from tests.contract.api.explanations import explained
from tests.contract.api.segments import SEGMENTS
from tests.contract.api.status_moves import GRACE, MOVES, VIP, Move, by_rule, done
from tests.contract.api.steps import a_customer, a_segment, an_order, at, members, put_into
from tests.support.api_client import Api
from tests.support.builders import NOW

INSTANT: Final = timedelta(microseconds=1)
# Some moments of orders, in their order, of which two fall together.
ORDERED: Final = [
    NOW - timedelta(days=3, microseconds=1),
    NOW - timedelta(seconds=1),
    NOW,
    NOW,
    NOW + timedelta(hours=5),
]


async def told(api: Api, segment: dict[str, Any], *customers: str) -> list[str]:
    """The ids of a segment's members, newest customer first, as all that tells of them agrees,
    asked about the customers at those paths too.
    """
    own = f"{SEGMENTS}/{segment['id']}"
    page = (await api.get(f"{own}/customers?page=1")).body
    walked = (await api.get(f"{own}/customers?cursor=")).body["customers"]
    ids = [customer["id"] for customer in page["customers"]]
    assert await members(api, segment) == [customer["id"] for customer in walked] == ids
    shown = (await api.get(own)).body
    assert (shown["customerCount"], shown["memberCount"], page["total"]) == (len(ids),) * 3
    assert shown in (await api.get(SEGMENTS)).body
    for customer in customers:
        await check_customer(api, shown, customer, customer.rpartition("/")[2] in ids)
    return ids


async def check_customer(api: Api, segment: dict[str, Any], customer: str, is_member: bool) -> None:
    """A customer's segments and the explanation say the same; one who is gone has neither."""
    segments, explanation = (
        await api.get(f"{customer}/segments"),
        await explained(api, segment, customer),
    )
    if (await api.get(customer)).status == 404:
        assert (segments.status, explanation.status, is_member) == (404, 404, False)
    else:
        assert (segment in segments.body) is is_member
        assert explanation.body["member"] is is_member


class ExactMembersContract:
    @pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
    @pytest.mark.parametrize("is_followed", [True, False])
    async def test_members_are_exact_before_and_after(
        self, api: Api, move: Move, is_followed: bool
    ) -> None:
        segment, customer = await a_segment(api, **move.segment), await at(api)
        prepared = await done(api, move.before, segment, customer)
        customer_id = customer.rpartition("/")[2]
        assert (customer_id in await told(api, segment, customer)) is not move.becomes
        await follow(api, segment, is_followed)
        moved = await done(api, [move.call], segment, customer)
        assert {answer.status for answer in prepared + moved} == {200}
        assert (customer_id in await told(api, segment, customer)) is move.becomes

    async def test_a_new_customer_is_in_the_segments_of_their_rules_at_once(self, api: Api) -> None:
        grace, vips = await a_segment(api, **GRACE), await a_segment(api, **VIP)
        customer = await a_customer(api, tags=["vip"])
        path = f"/customers/{customer['id']}"
        assert await told(api, grace, path) == []
        assert await told(api, vips, path) == [customer["id"]]

    async def test_a_new_segment_has_those_who_were_there_before(self, api: Api) -> None:
        customer, other = await at(api, tags=["vip"]), await at(api)
        segment = await a_segment(api, **VIP)
        assert await told(api, segment, customer, other) == [customer.rpartition("/")[2]]

    async def test_a_segment_born_inactive_has_members_once_it_is_active(self, api: Api) -> None:
        segment, customer = await a_segment(api, isActive=False, **VIP), await at(api, tags=["VIP"])
        assert await told(api, segment, customer) == []
        await api.put(f"{SEGMENTS}/{segment['id']}", {"isActive": True})
        assert await told(api, segment, customer) == [customer.rpartition("/")[2]]

    async def test_a_customer_shows_their_segments_newest_first(self, api: Api) -> None:
        found = []
        for fields in (VIP, {}, GRACE, VIP):
            found.append(await a_segment(api, **fields))
            api.clock.forward(seconds=1)
        customer = await a_customer(api, tags=["vip"])
        await put_into(api, found[1], customer)
        shown = (await api.get(f"/customers/{customer['id']}/segments")).body
        assert [segment_shown["id"] for segment_shown in shown] == [
            found[number]["id"] for number in (3, 1, 0)
        ]


class ExactTimeContract:
    @pytest.mark.parametrize("is_followed", [True, False])
    @pytest.mark.parametrize(
        ("rule", "after"),
        [
            (("days_since_last_order", "gt", 90), timedelta(days=91)),
            (("last_order_date", "more_than_days_ago", 90), timedelta(days=90) + INSTANT),
            (("days_since_first_order", "gte", 90), timedelta(days=90)),
        ],
    )
    async def test_each_customer_enters_at_the_exact_moment(
        self, api: Api, rule: tuple[str, str, int], after: timedelta, is_followed: bool
    ) -> None:
        segment = await a_segment(api, **by_rule(*rule))
        await at(api)
        ordered = await customers_of(api, ORDERED)
        await follow(api, segment, is_followed)
        for edge in sorted({moment + after for moment in ORDERED}):
            for now in (edge - INSTANT, edge):
                api.clock.moment = now
                due = {path for path, moment in ordered.items() if moment + after <= now}
                found = await told(api, segment, *ordered)
                assert {f"/customers/{customer_id}" for customer_id in found} == due

    @pytest.mark.parametrize("is_followed", [True, False])
    async def test_each_customer_leaves_at_the_exact_moment(
        self, api: Api, is_followed: bool
    ) -> None:
        segment = await a_segment(api, **by_rule("last_order_date", "within_last_days", 90))
        ordered, span = await customers_of(api, ORDERED), timedelta(days=90)
        await follow(api, segment, is_followed)
        for edge in sorted({moment + span for moment in ORDERED}):
            for now in (edge, edge + INSTANT):
                api.clock.moment = now
                left = {path for path, moment in ordered.items() if moment + span < now}
                found = await told(api, segment, *ordered)
                assert {f"/customers/{customer_id}" for customer_id in found} == set(ordered) - left

    async def test_time_moves_whom_the_feed_has_told_of_already(self, api: Api) -> None:
        segment = await a_segment(api, **by_rule("days_since_created", "eq", 1))
        customer = await at(api)
        start, expected = api.clock.moment, [customer.rpartition("/")[2]]
        for hours, ids in ((23, []), (24, expected), (47, expected), (48, []), (72, [])):
            api.clock.moment = start + timedelta(hours=hours)
            assert await told(api, segment, customer) == ids
            await follow(api, segment, True)
            assert await told(api, segment, customer) == ids

    async def test_an_order_after_a_lapse_begins_the_time_anew(self, api: Api) -> None:
        segment = await a_segment(api, **by_rule("days_since_last_order", "gt", 90))
        customer = await at(api)
        await an_order(api, customer, "o-1", 1)
        await follow(api, segment, True)
        api.clock.forward(days=91)
        assert len(await told(api, segment, customer)) == 1
        await an_order(api, customer, "o-2", 1)
        assert await told(api, segment, customer) == []
        api.clock.forward(days=91, microseconds=-1)
        assert await told(api, segment, customer) == []
        api.clock.forward(microseconds=1)
        assert len(await told(api, segment, customer)) == 1

    async def test_an_inactive_segment_comes_back_as_time_has_left_it(self, api: Api) -> None:
        segment = await a_segment(api, **by_rule("days_since_created", "lt", 2))
        old = await at(api)
        await api.put(f"{SEGMENTS}/{segment['id']}", {"isActive": False})
        api.clock.forward(days=2)
        young = await at(api)
        assert await told(api, segment, old, young) == []
        await api.put(f"{SEGMENTS}/{segment['id']}", {"isActive": True})
        assert await told(api, segment, old, young) == [young.rpartition("/")[2]]


async def follow(api: Api, segment: dict[str, Any], is_followed: bool) -> None:
    """Reads the feed, if anybody follows it, which may leave members stored in another way."""
    if is_followed:
        assert (await api.get(f"{SEGMENTS}/{segment['id']}/changes")).status == 200


async def customers_of(api: Api, moments: list[datetime]) -> dict[str, datetime]:
    """The paths of new customers who ordered once, at those moments."""
    found = {}
    for number, moment in enumerate(moments):
        customer = await at(api)
        await an_order(api, customer, f"o-{number}", 1, orderDate=moment.isoformat())
        found[customer] = moment
    return found
