"""Explanations of dynamic segments: the rule with a verdict for every condition and group."""

import json
from datetime import datetime
from typing import Any, Final

import pytest

from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Answer, Api
from tests.support.api_steps import (
    USER,
    a_segment,
    an_order,
    an_unknown_id,
    customer_path,
    id_of,
    segment_path,
)

KEYS: Final = {"member", "evaluatedAt", "nextChangeAt", "tree"}
LEAF: Final = {"field", "operator", "expected", "actual", "matches", "changesAt"}
SPENT: Final = {"field": "total_spent", "operator": "gt", "value": 5}
VIP: Final = {"field": "tags", "operator": "contains", "value": "vip"}
ADA: Final = {"field": "first_name", "operator": "eq", "value": " ADA "}
# Fields that rules and customers have in common.
SHOWN: Final = (
    "email first_name last_name phone country country_code notes status customer_type total_orders "
    "total_spent average_order_value lifetime_value created_at first_order_date last_order_date "
    "date_of_birth marketing_opt_in email_verified tags"
).split()
# Conditions whose value is returned as it was sent.
EXPECTED: Final[list[tuple[str, str, Any]]] = [
    ("first_name", "eq", " ÁDA"),
    ("first_name", "in", ["Straße", "ada"]),
    ("status", "neq", "BLOCKED"),
    ("total_spent", "gte", 1000),
    ("total_spent", "between", [1, 5]),
    ("days_since_created", "in", [1, 2]),
    ("created_at", "before", "2026-01-01T00:00:00Z"),
    ("created_at", "within_last_days", 30),
    ("date_of_birth", "after", "1990-01-31T00:00:00Z"),
    ("marketing_opt_in", "eq", True),
    ("tags", "has_any", ["VIP", "vip", "Ünü"]),
]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def explain(api: Api, segment: dict[str, Any], customer: str) -> Answer:
    """Requests the explanation of a segment for the customer with that id or path."""
    customer_id = id_of(customer)
    return await api.get(f"{segment_path(segment)}/customers/{customer_id}/explain")


async def tree(api: Api, rules: Any, customer: str) -> Any:
    segment = await a_segment(api, isDynamic=True, rules=rules)
    answer = await explain(api, segment, customer)
    assert (answer.status, set(answer.body)) == (200, KEYS)
    return answer.body["tree"]


class ExplanationContract:
    @pytest.mark.parametrize(("tags", "is_member"), [(["VIP"], True), ([], False)])
    async def test_a_rule_is_explained_condition_by_condition(
        self, api: Api, tags: list[str], is_member: bool
    ) -> None:
        customer = await customer_path(api, tags=tags)
        segment = await a_segment(api, rules=[VIP])
        answer = await explain(api, segment, customer)
        condition = {
            "field": "tags",
            "operator": "contains",
            "expected": "vip",
            "actual": tags,
            "matches": is_member,
            "changesAt": None,
        }
        group = {"logic": "AND", "matches": is_member, "conditions": [condition]}
        expected = {"member": is_member, "nextChangeAt": None, "tree": group}
        assert answer.body == {"evaluatedAt": answer.body["evaluatedAt"], **expected}
        assert moment(answer.body["evaluatedAt"]) == api.clock.moment

    async def test_every_group_is_explained_in_order_with_its_verdict(self, api: Api) -> None:
        inner = {"logic": "not", "conditions": [VIP, SPENT]}
        rules = {"logic": "or", "conditions": [SPENT, inner, ADA]}
        explanation = await tree(api, rules, await customer_path(api, tags=["vip"]))
        spent, negation, ada = explanation["conditions"]
        assert (explanation["logic"], explanation["matches"]) == ("OR", True)
        assert (set(explanation), set(spent)) == ({"logic", "matches", "conditions"}, LEAF)
        assert (negation["logic"], negation["matches"]) == ("NOT", False)
        assert [condition["matches"] for condition in negation["conditions"]] == [True, False]
        assert (spent["matches"], ada["matches"]) == (False, True)

    @pytest.mark.parametrize(
        "rules",
        [
            {"logic": "AND", "conditions": [SPENT]},
            {"logicalOperator": "AND", "rules": [SPENT]},
            [SPENT],
            json.dumps([SPENT]),
        ],
    )
    async def test_every_form_of_a_rule_has_the_same_explanation(
        self, api: Api, rules: Any
    ) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 7)
        explanation = await tree(api, rules, customer)
        (leaf,) = explanation["conditions"]
        assert (explanation["logic"], leaf["actual"], leaf["matches"]) == ("AND", 7, True)

    @pytest.mark.parametrize("field", SHOWN)
    async def test_the_actual_value_is_the_one_the_customer_shows(
        self, api: Api, field: str
    ) -> None:
        customer = await customer_path(
            api, email="Ada@Example.test", firstName="Straße", phone="+1 (555)", country="Türkiye",
            countryCode="tr", notes="a\nB", dateOfBirth="1990-01-31", tags=["VIP", "Ünü"],
        )  # fmt: skip
        await an_order(api, customer, "o-1", "12.50", orderDate="2026-01-01T10:00:00.000001+02:00")
        await an_order(api, customer, "o-2", 7)
        head, *rest = field.split("_")
        expected = (await api.get(customer)).body[head + "".join(map(str.title, rest))]
        operator = "after" if "date" in field or field == "created_at" else "neq"
        value: Any = {"after": "1800-01-01T00:00:00Z"}.get(operator, "0")
        choices = {"status": "BLOCKED", "customer_type": "VIP", "marketing_opt_in": False}
        condition = {"field": field, "operator": operator, "value": choices.get(field, value)}
        if field in ("tags", "email_verified"):
            condition["operator"] = "is_empty" if field == "tags" else "is_true"
        assert (await tree(api, [condition], customer))["conditions"][0]["actual"] == expected

    async def test_ages_are_whole_days_and_has_account_is_a_flag(self, api: Api) -> None:
        ages = ["days_since_created", "days_since_first_order", "days_since_last_order"]
        rules = [{"field": age, "operator": "gt", "value": 0} for age in ages]
        customer = await customer_path(api, userId=USER)
        await an_order(api, customer, "o-1", 1, orderDate="2026-01-14T08:59:59Z")
        await an_order(api, customer, "o-2", 1, orderDate="2026-01-15T20:00:00Z")
        api.clock.forward(days=2, microseconds=-1)
        flag = {"field": "has_account", "operator": "is_true"}
        explanation = await tree(api, [*rules, flag], customer)
        assert [condition["actual"] for condition in explanation["conditions"]] == [1, 3, 1, True]
        assert explanation["conditions"][3]["actual"] is True

    async def test_a_missing_value_is_null(self, api: Api) -> None:
        fields = ["last_order_date", "days_since_first_order", "date_of_birth"]
        rules = [{"field": field, "operator": "is_empty"} for field in fields]
        explanation = await tree(api, rules, await customer_path(api))
        assert [condition["actual"] for condition in explanation["conditions"]] == [
            None,
            None,
            None,
        ]
        assert [condition["matches"] for condition in explanation["conditions"]] == [
            True,
            True,
            True,
        ]

    @pytest.mark.parametrize(("field", "operator", "value"), EXPECTED)
    async def test_the_expected_value_is_unfolded(
        self, api: Api, field: str, operator: str, value: Any
    ) -> None:
        rules = [{"field": field, "operator": operator, "value": value}]
        (leaf,) = (await tree(api, rules, await customer_path(api)))["conditions"]
        assert (leaf["field"], leaf["operator"], leaf["expected"]) == (field, operator, value)

    @pytest.mark.parametrize("rules", [None, [], "", {"logic": "NOT", "conditions": []}, "[]"])
    async def test_nobody_is_in_a_segment_without_a_condition(self, api: Api, rules: Any) -> None:
        segment = await a_segment(api, isDynamic=True, rules=rules)
        answer = await explain(api, segment, await customer_path(api))
        assert (answer.status, answer.body["member"]) == (200, False)
        assert answer.body["nextChangeAt"] is None

    async def test_nobody_is_in_an_inactive_segment_even_if_its_rule_matches(
        self, api: Api
    ) -> None:
        young = {"field": "days_since_created", "operator": "lt", "value": 5}
        segment = await a_segment(api, rules=[young], isActive=False)
        answer = await explain(api, segment, await customer_path(api))
        assert (answer.body["member"], answer.body["nextChangeAt"]) == (False, None)
        assert answer.body["tree"]["matches"] is True

    async def test_an_unknown_or_deleted_customer_is_not_explained(self, api: Api) -> None:
        customer, segment = (
            await customer_path(api, tags=["vip"]),
            await a_segment(api, rules=[VIP]),
        )
        await api.delete(customer)
        for unknown in (customer, an_unknown_id()):
            answer = await explain(api, segment, unknown)
            assert answer.error == (404, "CUSTOMER_NOT_FOUND")
        await api.post(f"{customer}/restore")
        assert (await explain(api, segment, customer)).body["member"] is True
        await api.delete(f"{customer}?mode=erase")
        assert (await explain(api, segment, customer)).status == 404

    async def test_an_unknown_segment_explains_nothing(self, api: Api) -> None:
        customer, deleted = await customer_path(api), await a_segment(api, rules=[VIP])
        await api.delete(segment_path(deleted))
        for unknown in (deleted, {"id": an_unknown_id()}):
            answer = await explain(api, unknown, customer)
            assert answer.error == (404, "SEGMENT_NOT_FOUND")

    async def test_malformed_ids_are_reported_together(self, api: Api) -> None:
        answer = await api.get(f"{SEGMENTS}/x/customers/y/explain")
        assert (answer.status, answer.fields) == (400, {"segmentId", "customerId"})
