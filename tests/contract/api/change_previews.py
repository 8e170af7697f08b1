"""Previews of a change of rules: who would enter the segment, and who would leave."""

from typing import Any

import pytest

from tests.contract.api.previews import EMPTY, FORMS, NOBODY, REFUSED, VIPS, ids
from tests.support.api_client import Api
from tests.support.api_steps import (
    BIG_SPENDERS,
    a_customer,
    a_segment,
    an_order,
    an_unknown_id,
    assign,
    customer_path,
    id_of,
    members,
    segment_path,
)


def preview_path(segment: dict[str, Any]) -> str:
    return f"{segment_path(segment)}/preview-change"


async def a_crowd(api: Api, **segment: Any) -> tuple[dict[str, Any], str, str, str]:
    """A segment and the ids of three customers, created a second apart: a big spender, a big
    spender who is a VIP, and a VIP. A fourth customer is neither.
    """
    ids = []
    for number, (amount, tags) in enumerate([(2000, []), (2000, ["vip"]), (1, ["vip"])]):
        path = await customer_path(api, tags=tags)
        await an_order(api, path, f"o-{number}", amount)
        ids.append(id_of(path))
        api.clock.forward(seconds=1)
    await a_customer(api)
    return await a_segment(api, **segment), ids[0], ids[1], ids[2]


class ChangePreviewContract:
    async def test_a_preview_shows_who_would_enter_and_who_would_leave(self, api: Api) -> None:
        segment, spender, both, vip = await a_crowd(api, rules=BIG_SPENDERS)
        answer = await api.post(preview_path(segment), {"rules": VIPS})
        assert (answer.status, set(answer.body)) == (200, {"entering", "leaving"})
        assert ids(answer.body["entering"]) == [vip]
        assert ids(answer.body["leaving"]) == [spender]
        assert await members(api, segment) == [both, spender]
        assert (await api.get(segment_path(segment))).body["rules"] == BIG_SPENDERS

    async def test_an_inactive_segment_is_previewed_as_if_it_were_active(self, api: Api) -> None:
        segment, spender, _, vip = await a_crowd(api, rules=BIG_SPENDERS, isActive=False)
        answer = await api.post(preview_path(segment), {"rules": VIPS})
        assert ids(answer.body["entering"]) == [vip]
        assert ids(answer.body["leaving"]) == [spender]
        assert await members(api, segment) == []

    @pytest.mark.parametrize("is_active", [True, False])
    async def test_assigned_customers_who_do_not_match_would_leave(
        self, api: Api, is_active: bool
    ) -> None:
        segment, spender, both, vip = await a_crowd(api, rules=None)
        await assign(api, segment, {"id": spender}, {"id": both})
        await api.put(segment_path(segment), {"isActive": is_active})
        answer = await api.post(preview_path(segment), {"rules": VIPS})
        assert ids(answer.body["entering"]) == [vip]
        assert ids(answer.body["leaving"]) == [spender]

    @pytest.mark.parametrize("rules", EMPTY, ids=repr)
    async def test_without_a_condition_everybody_would_leave(self, api: Api, rules: Any) -> None:
        segment, spender, both, _ = await a_crowd(api, rules=BIG_SPENDERS)
        answer = await api.post(preview_path(segment), {"rules": rules})
        assert answer.body["entering"] == NOBODY
        assert ids(answer.body["leaving"]) == [both, spender]

    async def test_all_matching_customers_would_enter_a_segment_without_a_condition(
        self, api: Api
    ) -> None:
        segment, _, both, vip = await a_crowd(api, isDynamic=True, rules=[])
        answer = await api.post(preview_path(segment), {"rules": VIPS})
        assert ids(answer.body["entering"]) == [vip, both]
        assert answer.body["leaving"] == NOBODY

    async def test_the_same_rule_in_another_form_moves_nobody(self, api: Api) -> None:
        segment, *_ = await a_crowd(api, rules=VIPS)
        answer = await api.post(preview_path(segment), {"rules": FORMS["string"]})
        assert answer.body == {"entering": NOBODY, "leaving": NOBODY}

    async def test_the_sample_size_applies_to_each_side(self, api: Api) -> None:
        segment, spender, _, vip = await a_crowd(api, rules=BIG_SPENDERS)
        preview: dict[str, Any] = {}
        for sample, expected in ((0, [[], []]), (1, [[vip], [spender]])):
            preview = (
                await api.post(preview_path(segment), {"rules": VIPS, "sample": sample})
            ).body
            sides = [preview["entering"], preview["leaving"]]
            assert [side["count"] for side in sides] == [1, 1]
            assert [[customer["id"] for customer in side["sample"]] for side in sides] == expected

    async def test_deleted_customers_neither_enter_nor_leave(self, api: Api) -> None:
        segment, *customer_ids = await a_crowd(api, rules=BIG_SPENDERS)
        for customer_id in customer_ids:
            await api.delete(f"/customers/{customer_id}")
        answer = await api.post(preview_path(segment), {"rules": VIPS})
        assert answer.body == {"entering": NOBODY, "leaving": NOBODY}

    async def test_a_customer_who_already_left_with_time_does_not_leave(self, api: Api) -> None:
        rules = [{"field": "days_since_created", "operator": "lt", "value": 1}]
        segment, lapsed = await a_segment(api, rules=rules), await customer_path(api)
        api.clock.forward(days=1, microseconds=-1)
        young = await customer_path(api)
        expected = [id_of(path) for path in (young, lapsed)]
        assert (
            ids((await api.post(preview_path(segment), {"rules": []})).body["leaving"]) == expected
        )
        api.clock.forward(microseconds=1)
        assert (
            ids((await api.post(preview_path(segment), {"rules": []})).body["leaving"])
            == expected[:1]
        )

    @pytest.mark.parametrize(("rules", "pointers"), REFUSED, ids=repr)
    async def test_bad_rules_are_refused(self, api: Api, rules: Any, pointers: list[str]) -> None:
        segment = await a_segment(api, rules=VIPS)
        answer = await api.post(preview_path(segment), {"rules": rules})
        assert (answer.status, answer.pointers) == (400, set(pointers))

    async def test_rules_are_required_and_a_sample_has_its_bounds(self, api: Api) -> None:
        segment = await a_segment(api)
        answer = await api.post(preview_path(segment), {"sample": 101})
        assert (answer.status, answer.pointers) == (400, {"/rules", "/sample"})

    async def test_an_unknown_segment_is_not_found(self, api: Api) -> None:
        deleted = await a_segment(api)
        await api.delete(segment_path(deleted))
        for unknown in (deleted, {"id": an_unknown_id()}):
            answer = await api.post(preview_path(unknown), {"rules": VIPS})
            assert answer.error == (404, "SEGMENT_NOT_FOUND")
