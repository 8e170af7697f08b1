"""Segments that change between manual and dynamic, and their build progress."""

from typing import Any

from tests.contract.api.exact_members import exact_members
from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api
from tests.support.api_steps import (
    a_customer,
    a_segment,
    assign,
    customer_path,
    id_of,
    segment_path,
)
from tests.support.membership_moves import GRACE, VIP, one_condition


async def update_segment(api: Api, segment: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await api.put(segment_path(segment), fields)
    assert answer.status == 200, answer
    return dict(answer.body)


class SegmentKindContract:
    async def test_every_view_of_a_segment_shows_its_build_progress(self, api: Api) -> None:
        customer = await customer_path(api, firstName="Grace", tags=["vip"])
        segment = await a_segment(api, **VIP)
        updated = await update_segment(api, segment, **GRACE)
        bodies = [segment, updated, (await api.get(segment_path(segment))).body]
        bodies += (await api.get(SEGMENTS)).body + (await api.get(f"{customer}/segments")).body
        assert len(bodies) == 5
        for body in bodies:
            progress = body["buildProgress"]
            assert body["buildStatus"] == ("ready" if progress == 1 else "building")
            assert 0 <= progress <= 1

    async def test_a_segment_made_manual_keeps_the_customers_that_matched(self, api: Api) -> None:
        segment = await a_segment(api, **one_condition("days_since_created", "eq", 1))
        customer, late = await customer_path(api), await customer_path(api)
        expected = [id_of(late), id_of(customer)]
        api.clock.forward(days=1)
        young = await customer_path(api)
        manual = await update_segment(api, segment, isDynamic=False)
        assert (manual["segmentType"], manual["memberCount"]) == ("STATIC", 2)
        for _ in range(3):
            assert sorted(await exact_members(api, segment, customer, late, young)) == sorted(
                expected
            )
            api.clock.forward(days=1)

    async def test_members_of_a_segment_made_manual_can_be_removed(self, api: Api) -> None:
        customer, segment = await a_customer(api, tags=["vip"]), await a_segment(api, **VIP)
        await update_segment(api, segment, segmentType="STATIC")
        ids = {"customerIds": [customer["id"]]}
        answer = await api.delete(f"{segment_path(segment)}/customers", ids)
        assert (answer.status, answer.body["removed"]) == (200, 1)
        assert await exact_members(api, segment, f"/customers/{customer['id']}") == []

    async def test_an_inactive_segment_made_manual_has_no_members(self, api: Api) -> None:
        segment, customer = (
            await a_segment(api, isActive=False, **VIP),
            await customer_path(api, tags=["vip"]),
        )
        await update_segment(api, segment, isDynamic=False)
        assert (await update_segment(api, segment, isActive=True))["memberCount"] == 0
        assert await exact_members(api, segment, customer) == []

    async def test_a_manual_segment_made_dynamic_has_the_members_of_its_rule(
        self, api: Api
    ) -> None:
        assigned, matching = await a_customer(api), await a_customer(api, tags=["vip"])
        segment = await a_segment(api, isDynamic=False, **VIP)
        await assign(api, segment, assigned)
        dynamic = await update_segment(api, segment, isDynamic=True)
        assert (dynamic["segmentType"], dynamic["memberCount"]) == ("DYNAMIC", 1)
        paths = [f"/customers/{member['id']}" for member in (assigned, matching)]
        assert await exact_members(api, segment, *paths) == [matching["id"]]
        await update_segment(api, segment, isDynamic=False)
        assert await exact_members(api, segment, *paths) == [matching["id"]]

    async def test_members_of_a_segment_made_dynamic_cannot_be_assigned(self, api: Api) -> None:
        segment, customer = await a_segment(api), await a_customer(api)
        await assign(api, segment, customer)
        await update_segment(api, segment, isDynamic=True, **VIP)
        ids = {"customerIds": [customer["id"]]}
        for method in ("POST", "DELETE"):
            answer = await api.send(method, f"{segment_path(segment)}/customers", ids)
            assert answer.error == (409, "SEGMENT_IS_DYNAMIC")
        assert await exact_members(api, segment, f"/customers/{customer['id']}") == []
