"""Rules that would cost too much are refused in every request, before anything is done."""

import json
from typing import Any, Final

import pytest

from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Answer, Api

CHEAP: Final = [{"field": "total_orders", "operator": "gte", "value": 1}]
QUADRATIC: Final = [
    {"field": "notes", "operator": "contains", "value": "x" * 101} for _ in range(100)
]
EXPENSIVE: Final[dict[str, Any]] = {
    "text": [{"field": "notes", "operator": "contains", "value": "x" * 20_000}] * 2,
    "items": [{"field": "total_spent", "operator": "in", "value": [*range(1_001)]}],
    "moments": [
        {"field": field, "operator": "in", "value": [*range(0, 600, 2)]}
        for field in ("days_since_created", "days_since_last_order")
    ],
    "comparisons": QUADRATIC,
    "string": json.dumps(QUADRATIC),
}


async def a_segment_id(api: Api, **fields: Any) -> str:
    answer = await api.post(SEGMENTS, {"name": "Any", "rules": CHEAP, **fields})
    assert answer.status == 201
    return str(answer.body["id"])


def is_refused(answer: Answer) -> bool:
    return (answer.error, answer.pointers) == ((400, "RULE_TOO_EXPENSIVE"), {"/rules"})


class RuleCostContract:
    @pytest.mark.parametrize("rules", EXPENSIVE.values(), ids=EXPENSIVE)
    async def test_an_expensive_rule_is_refused_wherever_it_is_written(
        self, api: Api, rules: Any
    ) -> None:
        path = f"{SEGMENTS}/{await a_segment_id(api)}"
        answers = [
            await api.post(SEGMENTS, {"name": "Expensive", "rules": rules}),
            await api.put(path, {"rules": rules}),
            await api.post(f"{SEGMENTS}/preview", {"rules": rules}),
            await api.post(f"{path}/preview-change", {"rules": rules}),
        ]
        assert [is_refused(answer) for answer in answers] == [True] * 4
        assert [one["rules"] for one in (await api.get(SEGMENTS)).body] == [CHEAP]

    async def test_rules_on_a_manual_segment_are_limited_by_their_size(self, api: Api) -> None:
        fits, large = {"x": "x" * 60_000}, {"x": "x" * 70_000}
        manual = await a_segment_id(api, name="Manual", isDynamic=False, rules=fits)
        body = {"name": "Large", "isDynamic": False, "rules": large}
        assert is_refused(await api.post(SEGMENTS, body))
        assert is_refused(await api.put(f"{SEGMENTS}/{manual}", {"rules": large}))

    async def test_rules_that_were_only_kept_are_measured_when_they_shall_be_followed(
        self, api: Api
    ) -> None:
        manual = await a_segment_id(api, isDynamic=False, rules=QUADRATIC)
        assert is_refused(await api.put(f"{SEGMENTS}/{manual}", {"isDynamic": True}))
        assert (await api.get(f"{SEGMENTS}/{manual}")).body["isDynamic"] is False
