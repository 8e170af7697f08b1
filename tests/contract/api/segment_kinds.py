"""Segments that change their kind, and what they say of the building of their members."""

from typing import Any

from tests.contract.api.exactness import told
from tests.contract.api.segments import SEGMENTS
from tests.contract.api.status_moves import GRACE, VIP, by_rule
from tests.contract.api.steps import a_customer, a_segment, at, put_into
from tests.support.api_client import Api


async def changed(api: Api, segment: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await api.put(f"{SEGMENTS}/{segment['id']}", fields)
    assert answer.status == 200, answer
    return dict(answer.body)


class SegmentKindContract:
    async def test_a_segment_tells_how_far_its_members_are_built_wherever_it_is_shown(
        self, api: Api
    ) -> None:
        customer = await at(api, firstName="Grace", tags=["vip"])
        segment = await a_segment(api, **VIP)
        put = await changed(api, segment, **GRACE)
        shown = [segment, put, (await api.get(f"{SEGMENTS}/{segment['id']}")).body]
        shown += (await api.get(SEGMENTS)).body + (await api.get(f"{customer}/segments")).body
        assert len(shown) == 5
        for body in shown:
            progress = body["buildProgress"]
            assert body["buildStatus"] == ("ready" if progress == 1 else "building")
            assert 0 <= progress <= 1

    async def test_a_rule_made_manual_keeps_those_whom_it_matched_at_that_moment(
        self, api: Api
    ) -> None:
        segment = await a_segment(api, **by_rule("days_since_created", "eq", 1))
        customer, late = await at(api), await at(api)
        expected = [late.rpartition("/")[2], customer.rpartition("/")[2]]
        api.clock.forward(days=1)
        young = await at(api)
        manual = await changed(api, segment, isDynamic=False)
        assert (manual["segmentType"], manual["memberCount"]) == ("STATIC", 2)
        for _ in range(3):
            assert sorted(await told(api, segment, customer, late, young)) == sorted(expected)
            api.clock.forward(days=1)

    async def test_members_kept_by_hand_can_be_taken_out_again(self, api: Api) -> None:
        customer, segment = await a_customer(api, tags=["vip"]), await a_segment(api, **VIP)
        await changed(api, segment, segmentType="STATIC")
        ids = {"customerIds": [customer["id"]]}
        answer = await api.delete(f"{SEGMENTS}/{segment['id']}/customers", ids)
        assert (answer.status, answer.body["removed"]) == (200, 1)
        assert await told(api, segment, f"/customers/{customer['id']}") == []

    async def test_an_inactive_rule_made_manual_has_nobody_to_keep(self, api: Api) -> None:
        segment, customer = await a_segment(api, isActive=False, **VIP), await at(api, tags=["vip"])
        await changed(api, segment, isDynamic=False)
        assert (await changed(api, segment, isActive=True))["memberCount"] == 0
        assert await told(api, segment, customer) == []

    async def test_a_manual_segment_made_dynamic_has_the_members_of_its_rule(
        self, api: Api
    ) -> None:
        by_hand, by_rule = await a_customer(api), await a_customer(api, tags=["vip"])
        segment = await a_segment(api, isDynamic=False, **VIP)
        await put_into(api, segment, by_hand)
        dynamic = await changed(api, segment, isDynamic=True)
        assert (dynamic["segmentType"], dynamic["memberCount"]) == ("DYNAMIC", 1)
        paths = [f"/customers/{member['id']}" for member in (by_hand, by_rule)]
        assert await told(api, segment, *paths) == [by_rule["id"]]
        await changed(api, segment, isDynamic=False)
        assert await told(api, segment, *paths) == [by_rule["id"]]

    async def test_a_segment_made_dynamic_is_not_changed_by_hand_any_more(self, api: Api) -> None:
        segment, customer = await a_segment(api), await a_customer(api)
        await put_into(api, segment, customer)
        await changed(api, segment, isDynamic=True, **VIP)
        ids = {"customerIds": [customer["id"]]}
        for method in ("POST", "DELETE"):
            answer = await api.send(method, f"{SEGMENTS}/{segment['id']}/customers", ids)
            assert (answer.status, answer.code) == (409, "SEGMENT_IS_DYNAMIC")
        assert await told(api, segment, f"/customers/{customer['id']}") == []
