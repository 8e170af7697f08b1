"""Why a customer is in a manual segment, or is not: when they were put in, and by whom."""

from typing import Final

import pytest

from tests.contract.api.explanations import KEYS, VIP, explained, moment
from tests.contract.api.segments import SEGMENTS
from tests.contract.api.steps import (
    USER,
    a_customer,
    a_segment,
    an_unknown_id,
    at,
    members,
    put_into,
)
from tests.support.api_client import Api

BY_HAND: Final = KEYS | {"assignedAt", "assignedBy"}


class AssignmentContract:
    @pytest.mark.parametrize(
        ("headers", "actor"),
        [
            ({}, None),
            ({"X-User-ID": USER}, USER),
            ({"x-jwt-claim-sub": USER.upper(), "X-User-ID": an_unknown_id()}, USER),
            ({"X-User-ID": "somebody"}, None),
        ],
    )
    async def test_when_and_by_whom_a_member_was_put_in_is_told(
        self, api: Api, headers: dict[str, str], actor: str | None
    ) -> None:
        segment, customer = await a_segment(api, rules=[VIP], isDynamic=False), await at(api)
        ids = {"customerIds": [customer.rpartition("/")[2]]}
        await api.post(f"{SEGMENTS}/{segment['id']}/customers", ids, headers=headers)
        then = api.clock.moment
        api.clock.forward(hours=1)
        told = (await explained(api, segment, customer)).body
        assert (set(told), told["member"], told["tree"]) == (BY_HAND, True, None)
        assert (moment(told["assignedAt"]), told["assignedBy"]) == (then, actor)
        assert (moment(told["evaluatedAt"]), told["nextChangeAt"]) == (api.clock.moment, None)

    async def test_who_was_not_put_in_or_was_taken_out_has_no_assignment(self, api: Api) -> None:
        segment, customer, other = await a_segment(api), await a_customer(api), await at(api)
        await put_into(api, segment, customer)
        ids = {"customerIds": [customer["id"]]}
        await api.delete(f"{SEGMENTS}/{segment['id']}/customers", ids)
        for customer_id in (customer["id"], other):
            told = (await explained(api, segment, customer_id)).body
            assert (set(told), told["member"], told["tree"]) == (BY_HAND, False, None)
            assert (told["assignedAt"], told["assignedBy"]) == (None, None)

    async def test_an_inactive_segment_has_no_members_by_hand_either(self, api: Api) -> None:
        segment, customer = await a_segment(api), await a_customer(api)
        await put_into(api, segment, customer)
        for is_active in (False, True):
            await api.put(f"{SEGMENTS}/{segment['id']}", {"isActive": is_active})
            told = (await explained(api, segment, customer["id"])).body
            assert (told["member"], told["tree"]) == (is_active, None)

    async def test_a_rule_made_manual_explains_no_rule_any_more(self, api: Api) -> None:
        customer, segment = await at(api, tags=["vip"]), await a_segment(api, rules=[VIP])
        await api.put(f"{SEGMENTS}/{segment['id']}", {"isDynamic": False})
        told = (await explained(api, segment, customer)).body
        assert (set(told), told["member"], told["tree"]) == (BY_HAND, True, None)
        assert await members(api, segment) == [customer.rpartition("/")[2]]
