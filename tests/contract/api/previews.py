"""Previews of rules before they are published: matches and warnings."""

import json
from typing import Any, Final

import pytest

from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api
from tests.support.api_steps import a_customer, an_order, customer_path

PREVIEW: Final = f"{SEGMENTS}/preview"
STRICT: Final[dict[str, str | None]] = {"Prefer": "handling=strict"}
VIPS: Final = [{"field": "tags", "operator": "contains", "value": "vip"}]
SPENT: Final = {"field": "total_spent", "operator": "gt", "value": 5}
NOBODY: Final[dict[str, Any]] = {"count": 0, "sample": []}
FORMS: Final[dict[str, Any]] = {
    "seed": {"conditions": VIPS, "logic": "AND"},
    "legacy": {
        "logicalOperator": "OR",
        "rules": [{"field": "tags", "operator": "contains", "value": "vip"}],
    },
    "bare array": VIPS,
    "string": json.dumps(VIPS),
}
EMPTY: Final[list[Any]] = [[], None, "", "null", "[]", {"conditions": [], "logic": "NOT"}]
# Bad rules, with the pointers to their problems in the body.
REFUSED: Final[list[tuple[Any, list[str]]]] = [
    ([{"field": "x", "operator": "gt", "value": 1}], ["/rules/0/field"]),
    ([SPENT, {"field": "tags", "operator": "eq", "value": "a"}], ["/rules/1/operator"]),
    ({"rules": [SPENT | {"value": "x"}, SPENT | {"operator": "y"}]},
     ["/rules/rules/0/value", "/rules/rules/1/operator"]),
    ([SPENT, {"conditions": [SPENT, 7]}], ["/rules/1/conditions/1"]),
    (json.dumps([SPENT, SPENT | {"field": "x"}]), ["/rules/1/field"]),
    (json.dumps({"conditions": [SPENT | {"value": None}]}), ["/rules/conditions/0/value"]),
]  # fmt: skip


def nested(levels: int) -> Any:
    """A rule of nested groups that matches customers who spent more than 5."""
    rule: Any = SPENT
    for _ in range(levels):
        rule = {"conditions": [rule], "logic": "AND"}
    return rule


def ids(sample: dict[str, Any]) -> list[str]:
    """The customer ids of a sample; asserts that it shows all customers that it counts."""
    assert sample["count"] == len(sample["sample"])
    return [customer["id"] for customer in sample["sample"]]


class PreviewContract:
    @pytest.mark.parametrize("rules", FORMS.values(), ids=FORMS)
    async def test_rules_in_any_form_can_be_previewed(self, api: Api, rules: Any) -> None:
        customer = await a_customer(api, tags=["VIP"])
        await a_customer(api)
        answer = await api.post(PREVIEW, {"rules": rules})
        sample = [(await api.get(f"/customers/{customer['id']}")).body]
        assert (answer.status, answer.body) == (200, {"count": 1, "sample": sample, "warnings": []})

    @pytest.mark.parametrize(
        ("fields", "size"),
        [({}, 10), ({"sample": None}, 10), *(({"sample": size}, size) for size in (0, 1, 11, 12))],
    )
    async def test_a_sample_shows_the_newest_matching_customers(
        self, api: Api, fields: dict[str, Any], size: int
    ) -> None:
        newest: list[str] = []
        for _ in range(12):
            newest.insert(0, (await a_customer(api, tags=["vip"]))["id"])
            api.clock.forward(seconds=1)
        preview = (await api.post(PREVIEW, {"rules": VIPS, **fields})).body
        assert [customer["id"] for customer in preview["sample"]] == newest[:size]
        assert preview["count"] == 12

    async def test_a_hundred_is_the_largest_sample(self, api: Api) -> None:
        customer = await a_customer(api, tags=["vip"])
        preview = (await api.post(PREVIEW, {"rules": VIPS, "sample": 100})).body
        assert ids(preview) == [customer["id"]]

    @pytest.mark.parametrize("sample", [-1, 101, 1.5, "10", True, [], {}])
    async def test_a_bad_sample_size_is_refused(self, api: Api, sample: object) -> None:
        answer = await api.post(PREVIEW, {"rules": VIPS, "sample": sample})
        assert (answer.status, answer.pointers) == (400, {"/sample"})

    async def test_bad_rules_and_a_bad_sample_size_are_reported_together(self, api: Api) -> None:
        body = {"rules": [SPENT | {"field": "x"}, SPENT | {"value": "x"}], "sample": 101}
        answer = await api.post(PREVIEW, body)
        assert answer.status == 400
        assert answer.pointers == {"/rules/0/field", "/rules/1/value", "/sample"}

    @pytest.mark.parametrize("logic", ["AND", "NOT"])
    async def test_only_living_customers_of_the_tenant_are_counted(
        self, api: Api, logic: str
    ) -> None:
        rules = {"logic": logic, "conditions": [SPENT | {"operator": "gte", "value": 0}]}
        if logic == "NOT":
            rules = {"logic": "NOT", "conditions": [SPENT]}
        living, deleted = await a_customer(api), await customer_path(api)
        await api.delete(deleted)
        await a_customer(api.of_tenant(f"{api.tenant}-other"))
        assert ids((await api.post(PREVIEW, {"rules": rules})).body) == [living["id"]]

    async def test_a_preview_is_as_of_the_time_of_the_request(self, api: Api) -> None:
        rules = {"rules": [{"field": "days_since_created", "operator": "gt", "value": 90}]}
        customer = await a_customer(api)
        api.clock.forward(days=91, microseconds=-1)
        assert ids((await api.post(PREVIEW, rules)).body) == []
        api.clock.forward(microseconds=1)
        assert ids((await api.post(PREVIEW, rules)).body) == [customer["id"]]

    @pytest.mark.parametrize("rules", EMPTY, ids=repr)
    async def test_rules_without_a_condition_match_nobody(self, api: Api, rules: Any) -> None:
        await a_customer(api)
        answer = await api.post(PREVIEW, {"rules": rules})
        assert (answer.status, NOBODY.items() <= answer.body.items()) == (200, True)

    async def test_a_warning_names_contradicting_conditions(self, api: Api) -> None:
        await an_order(api, await customer_path(api), "o-1", 4)
        contradictory = [SPENT, SPENT | {"operator": "lt", "value": 3}]
        answer = await api.post(PREVIEW, {"rules": contradictory})
        assert (answer.status, NOBODY.items() <= answer.body.items()) == (200, True)
        (warning,) = answer.body["warnings"]
        assert "total_spent gt 5" in warning
        assert "total_spent lt 3" in warning

    async def test_satisfiable_rules_have_no_warning(self, api: Api) -> None:
        clear = [SPENT, SPENT | {"operator": "lt", "value": 6}, *VIPS]
        either = {"logic": "OR", "conditions": [SPENT, SPENT | {"operator": "lt", "value": 3}]}
        for rules in (clear, either):
            assert (await api.post(PREVIEW, {"rules": rules})).body["warnings"] == []

    async def test_a_preview_stores_nothing(self, api: Api) -> None:
        path = await customer_path(api, tags=["vip"])
        before = (await api.get(path)).body
        await api.post(PREVIEW, {"rules": VIPS, "name": "Big"})
        assert (await api.get(SEGMENTS)).body == []
        assert (await api.get(f"{path}/segments")).body == []
        assert (await api.get(path)).body == before


class RefusedPreviewContract:
    @pytest.mark.parametrize(("rules", "pointers"), REFUSED, ids=repr)
    async def test_every_condition_that_cannot_be_evaluated_is_reported(
        self, api: Api, rules: Any, pointers: list[str]
    ) -> None:
        answer = await api.post(PREVIEW, {"rules": rules})
        assert (answer.status, answer.pointers) == (400, set(pointers))

    @pytest.mark.parametrize("body", [{}, {"sample": 5}, {"rule": VIPS}])
    async def test_rules_are_required(self, api: Api, body: dict[str, Any]) -> None:
        answer = await api.post(PREVIEW, body)
        assert (answer.status, answer.pointers) == (400, {"/rules"})
        assert {detail["code"] for detail in answer.details} == {"REQUIRED"}

    @pytest.mark.parametrize("is_text", [False, True])
    async def test_rules_may_be_nested_six_levels_deep(self, api: Api, is_text: bool) -> None:
        rules = [nested(6), nested(7)]
        valid, too_deep = map(json.dumps, rules) if is_text else rules
        assert (await api.post(PREVIEW, {"rules": valid})).status == 200
        answer = await api.post(PREVIEW, {"rules": too_deep})
        assert (answer.status, answer.pointers) == (400, {"/rules" + "/conditions/0" * 6})

    async def test_rules_may_have_a_hundred_conditions(self, api: Api) -> None:
        for number, status in ((100, 200), (101, 400)):
            rules = [SPENT] * (number - 50) + [{"logic": "OR", "conditions": [SPENT] * 50}]
            answer = await api.post(PREVIEW, {"rules": rules})
            assert answer.status == status
            assert all(pointer.startswith("/rules") for pointer in answer.pointers)
        assert answer.pointers

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"rules": VIPS, "nonsense": 1}, "/nonsense"),
            ({"rules": [SPENT, SPENT | {"nonsense": 1}]}, "/rules/1/nonsense"),
            ({"rules": {"conditions": VIPS, "nonsense": 1}}, "/rules/nonsense"),
            ({"rules": json.dumps([SPENT | {"nonsense": 1}])}, "/rules/0/nonsense"),
        ],
    )
    async def test_unknown_keys_are_ignored_unless_handling_is_strict(
        self, api: Api, body: dict[str, Any], pointer: str
    ) -> None:
        assert (await api.post(PREVIEW, body)).status == 200
        answer = await api.post(PREVIEW, body, headers=STRICT)
        assert (answer.status, answer.pointers) == (400, {pointer})
