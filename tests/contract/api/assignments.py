"""Explanations of manual segments: when and by whom a customer was assigned."""

from typing import Final

import pytest

from tests.contract.api.explanations import KEYS, VIP, explain, moment
from tests.support.api_client import Api
from tests.support.api_steps import (
    USER,
    a_customer,
    a_segment,
    an_unknown_id,
    assign,
    customer_path,
    id_of,
    members,
    segment_path,
)

MANUAL_KEYS: Final = KEYS | {"assignedAt", "assignedBy"}


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
    async def test_an_explanation_says_when_and_by_whom_a_member_was_assigned(
        self, api: Api, headers: dict[str, str], actor: str | None
    ) -> None:
        segment, customer = (
            await a_segment(api, rules=[VIP], isDynamic=False),
            await customer_path(api),
        )
        ids = {"customerIds": [id_of(customer)]}
        await api.post(f"{segment_path(segment)}/customers", ids, headers=headers)
        then = api.clock.moment
        api.clock.forward(hours=1)
        explanation = (await explain(api, segment, customer)).body
        assert (set(explanation), explanation["member"], explanation["tree"]) == (
            MANUAL_KEYS,
            True,
            None,
        )
        assert (moment(explanation["assignedAt"]), explanation["assignedBy"]) == (then, actor)
        assert (moment(explanation["evaluatedAt"]), explanation["nextChangeAt"]) == (
            api.clock.moment,
            None,
        )

    async def test_a_customer_who_is_not_assigned_has_no_assignment_in_the_explanation(
        self, api: Api
    ) -> None:
        segment, customer, other = (
            await a_segment(api),
            await a_customer(api),
            await customer_path(api),
        )
        await assign(api, segment, customer)
        ids = {"customerIds": [customer["id"]]}
        await api.delete(f"{segment_path(segment)}/customers", ids)
        for customer_id in (customer["id"], other):
            explanation = (await explain(api, segment, customer_id)).body
            assert (set(explanation), explanation["member"], explanation["tree"]) == (
                MANUAL_KEYS,
                False,
                None,
            )
            assert (explanation["assignedAt"], explanation["assignedBy"]) == (None, None)

    async def test_an_assigned_customer_is_no_member_of_an_inactive_segment(self, api: Api) -> None:
        segment, customer = await a_segment(api), await a_customer(api)
        await assign(api, segment, customer)
        for is_active in (False, True):
            await api.put(segment_path(segment), {"isActive": is_active})
            explanation = (await explain(api, segment, customer["id"])).body
            assert (explanation["member"], explanation["tree"]) == (is_active, None)

    async def test_a_segment_made_manual_is_explained_by_assignment(self, api: Api) -> None:
        customer, segment = (
            await customer_path(api, tags=["vip"]),
            await a_segment(api, rules=[VIP]),
        )
        await api.put(segment_path(segment), {"isDynamic": False})
        explanation = (await explain(api, segment, customer)).body
        assert (set(explanation), explanation["member"], explanation["tree"]) == (
            MANUAL_KEYS,
            True,
            None,
        )
        assert await members(api, segment) == [id_of(customer)]
