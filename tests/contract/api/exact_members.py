"""Every read of members is exact: after each change that can move a customer, and after time has
passed.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from tests.contract.api.explanations import explain
from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api
from tests.support.api_steps import (
    a_customer,
    a_segment,
    an_order,
    assign,
    customer_path,
    id_of,
    members,
    segment_path,
)
from tests.support.builders import NOW
from tests.support.membership_moves import GRACE, MOVES, VIP, Move, make_calls, one_condition

INSTANT: Final = timedelta(microseconds=1)
# The times of some orders, of which two are equal.
ORDERED: Final = [
    NOW - timedelta(days=3, microseconds=1),
    NOW - timedelta(seconds=1),
    NOW,
    NOW,
    NOW + timedelta(hours=5),
]


async def exact_members(api: Api, segment: dict[str, Any], *customers: str) -> list[str]:
    """The ids of a segment's members, newest customer first. Asserts that all reads agree, those of
    the customers at these paths included.
    """
    own = segment_path(segment)
    page = (await api.get(f"{own}/customers?page=1")).body
    walked = (await api.get(f"{own}/customers?cursor=")).body["customers"]
    ids = [customer["id"] for customer in page["customers"]]
    assert await members(api, segment) == [customer["id"] for customer in walked] == ids
    body = (await api.get(own)).body
    assert (body["customerCount"], body["memberCount"], page["total"]) == (len(ids),) * 3
    assert body in (await api.get(SEGMENTS)).body
    for customer in customers:
        await check_customer(api, body, customer, id_of(customer) in ids)
    return ids


async def check_customer(api: Api, segment: dict[str, Any], customer: str, is_member: bool) -> None:
    """Asserts that a customer's segments and the explanation agree with `is_member`."""
    segments, explanation = (
        await api.get(f"{customer}/segments"),
        await explain(api, segment, customer),
    )
    if (await api.get(customer)).status == 404:
        assert (segments.status, explanation.status, is_member) == (404, 404, False)
    else:
        assert (segment in segments.body) is is_member
        assert explanation.body["member"] is is_member


class ExactMembersContract:
    @pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
    @pytest.mark.parametrize("is_followed", [True, False])
    async def test_members_are_exact_before_and_after_each_move(
        self, api: Api, move: Move, is_followed: bool
    ) -> None:
        segment, customer = await a_segment(api, **move.segment), await customer_path(api)
        earlier = await make_calls(api, move.before, segment, customer)
        customer_id = id_of(customer)
        assert (customer_id in await exact_members(api, segment, customer)) is not move.becomes
        await read_feed(api, segment, is_followed)
        answers = await make_calls(api, [move.call], segment, customer)
        assert {answer.status for answer in earlier + answers} == {200}
        assert (customer_id in await exact_members(api, segment, customer)) is move.becomes

    async def test_a_new_customer_is_in_matching_segments_immediately(self, api: Api) -> None:
        grace, vips = await a_segment(api, **GRACE), await a_segment(api, **VIP)
        customer = await a_customer(api, tags=["vip"])
        path = f"/customers/{customer['id']}"
        assert await exact_members(api, grace, path) == []
        assert await exact_members(api, vips, path) == [customer["id"]]

    async def test_a_new_segment_has_existing_customers(self, api: Api) -> None:
        customer, other = await customer_path(api, tags=["vip"]), await customer_path(api)
        segment = await a_segment(api, **VIP)
        assert await exact_members(api, segment, customer, other) == [id_of(customer)]

    async def test_a_segment_created_inactive_has_members_once_active(self, api: Api) -> None:
        segment, customer = (
            await a_segment(api, isActive=False, **VIP),
            await customer_path(api, tags=["VIP"]),
        )
        assert await exact_members(api, segment, customer) == []
        await api.put(segment_path(segment), {"isActive": True})
        assert await exact_members(api, segment, customer) == [id_of(customer)]

    async def test_a_customer_shows_their_segments_newest_first(self, api: Api) -> None:
        segments = []
        for fields in (VIP, {}, GRACE, VIP):
            segments.append(await a_segment(api, **fields))
            api.clock.forward(seconds=1)
        customer = await a_customer(api, tags=["vip"])
        await assign(api, segments[1], customer)
        bodies = (await api.get(f"/customers/{customer['id']}/segments")).body
        assert [segment_shown["id"] for segment_shown in bodies] == [
            segments[number]["id"] for number in (3, 1, 0)
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
        segment = await a_segment(api, **one_condition(*rule))
        await customer_path(api)
        ordered = await customers_who_ordered(api, ORDERED)
        await read_feed(api, segment, is_followed)
        for edge in sorted({moment + after for moment in ORDERED}):
            for now in (edge - INSTANT, edge):
                api.clock.moment = now
                expected = {path for path, moment in ordered.items() if moment + after <= now}
                member_ids = await exact_members(api, segment, *ordered)
                assert {f"/customers/{customer_id}" for customer_id in member_ids} == expected

    @pytest.mark.parametrize("is_followed", [True, False])
    async def test_each_customer_leaves_at_the_exact_moment(
        self, api: Api, is_followed: bool
    ) -> None:
        segment = await a_segment(api, **one_condition("last_order_date", "within_last_days", 90))
        ordered, window = await customers_who_ordered(api, ORDERED), timedelta(days=90)
        await read_feed(api, segment, is_followed)
        for edge in sorted({moment + window for moment in ORDERED}):
            for now in (edge, edge + INSTANT):
                api.clock.moment = now
                leavers = {path for path, moment in ordered.items() if moment + window < now}
                member_ids = await exact_members(api, segment, *ordered)
                assert {f"/customers/{customer_id}" for customer_id in member_ids} == set(
                    ordered
                ) - leavers

    async def test_time_moves_members_that_the_feed_has_returned(self, api: Api) -> None:
        segment = await a_segment(api, **one_condition("days_since_created", "eq", 1))
        customer = await customer_path(api)
        start, expected = api.clock.moment, [id_of(customer)]
        for hours, ids in ((23, []), (24, expected), (47, expected), (48, []), (72, [])):
            api.clock.moment = start + timedelta(hours=hours)
            assert await exact_members(api, segment, customer) == ids
            await read_feed(api, segment, True)
            assert await exact_members(api, segment, customer) == ids

    async def test_an_order_after_a_lapse_restarts_the_time(self, api: Api) -> None:
        segment = await a_segment(api, **one_condition("days_since_last_order", "gt", 90))
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 1)
        await read_feed(api, segment, True)
        api.clock.forward(days=91)
        assert len(await exact_members(api, segment, customer)) == 1
        await an_order(api, customer, "o-2", 1)
        assert await exact_members(api, segment, customer) == []
        api.clock.forward(days=91, microseconds=-1)
        assert await exact_members(api, segment, customer) == []
        api.clock.forward(microseconds=1)
        assert len(await exact_members(api, segment, customer)) == 1

    async def test_a_reactivated_segment_is_exact_at_that_time(self, api: Api) -> None:
        segment = await a_segment(api, **one_condition("days_since_created", "lt", 2))
        old = await customer_path(api)
        await api.put(segment_path(segment), {"isActive": False})
        api.clock.forward(days=2)
        young = await customer_path(api)
        assert await exact_members(api, segment, old, young) == []
        await api.put(segment_path(segment), {"isActive": True})
        assert await exact_members(api, segment, old, young) == [id_of(young)]


async def read_feed(api: Api, segment: dict[str, Any], is_followed: bool) -> None:
    """Reads the feed if `is_followed`; reading it refreshes the stored members."""
    if is_followed:
        assert (await api.get(f"{segment_path(segment)}/changes")).status == 200


async def customers_who_ordered(api: Api, moments: list[datetime]) -> dict[str, datetime]:
    """The paths of new customers who ordered once, with the time of the order."""
    order_dates = {}
    for number, moment in enumerate(moments):
        customer = await customer_path(api)
        await an_order(api, customer, f"o-{number}", 1, orderDate=moment.isoformat())
        order_dates[customer] = moment
    return order_dates
