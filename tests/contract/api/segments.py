"""Creating, reading, updating and deleting segments, and the text of their rules."""

import json
from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import (
    BIG_SPENDERS,
    a_customer,
    a_segment,
    assign,
    segment_path,
    select,
)

SEGMENTS = "/customers/segments"
KEYS = set(
    "id tenantId name description rules isDynamic isActive customerCount createdAt updatedAt "
    "segmentType memberCount buildStatus buildProgress".split()
)
# Rules as callers send them; apart from white space they are returned unchanged.
RULES_TEXTS = [
    '{"conditions":[{"field":"total_spent","operator":"gt","value":1000}],"logic":"AND"}',
    '{"logicalOperator":"OR","rules":[{"field":"totalSpent","operator":"greaterThan",'
    '"value":"1000"}]}',
    '[{"field":"total_orders","operator":"gte","value":1.50}]',
    '[{"value":1.0e3,"operator":"gt","field":"total_spent","note":{"b":1,"a":[null]}}]',
    '"[{\\"field\\":\\"total_orders\\",\\"operator\\":\\"gte\\",\\"value\\":1}]"',
    '{"logic":"not","conditions":[{"field":"tags","operator":"has_any","value":["é","\\u00e9"]}]}',
]
UNUSABLE = [
    ([{"field": "x", "operator": "gt", "value": 1}], {"/rules/0/field"}),
    ([{"field": "total_spent", "operator": "like", "value": 1}], {"/rules/0/operator"}),
    ([{"field": "total_spent", "operator": "gt", "value": "x"}], {"/rules/0/value"}),
    (
        {"conditions": [{"field": "x"}, {"field": "email", "operator": "eq", "value": 1}]},
        {"/rules/conditions/0/field", "/rules/conditions/1/value"},
    ),
    ({"logic": "XOR", "conditions": []}, {"/rules/logic"}),
    (7, {"/rules"}),
    ("not JSON", {"/rules"}),
    ('{"conditions": [], "conditions": []}', {"/rules"}),
]
DYNAMIC = [
    ({}, False),
    ({"rules": None}, False),
    ({"rules": []}, False),
    ({"rules": ""}, False),
    ({"rules": {"conditions": []}}, False),
    ({"rules": BIG_SPENDERS}, True),
    ({"rules": json.dumps(BIG_SPENDERS)}, True),
    ({"isDynamic": True}, True),
    ({"segmentType": "dynamic"}, True),
    ({"segmentType": "STATIC", "rules": BIG_SPENDERS}, False),
    ({"isDynamic": False, "segmentType": "STATIC"}, False),
]


async def raw_rules(api: Api, segment_id: str) -> str:
    """The text of a segment's rules in the answer, without white space."""
    raw = (await api.get(f"{SEGMENTS}/{segment_id}")).raw.decode()
    _, _, rest = raw.replace(" ", "").partition('"rules":')
    _, end = json.JSONDecoder().raw_decode(rest)
    return rest[:end]


class SegmentContract:
    async def test_a_new_segment_has_every_key(self, api: Api) -> None:
        body = {"name": "Big", "description": "one\r\ntwo"}
        answer = await api.post(SEGMENTS, body)
        assert (answer.status, set(answer.body)) == (201, KEYS)
        expected = {
            "tenantId": api.tenant,
            "name": "Big",
            "description": "one\ntwo",
            "rules": None,
            "isDynamic": False,
            "isActive": True,
            "segmentType": "STATIC",
            "customerCount": 0,
            "memberCount": 0,
            "buildStatus": "ready",
            "buildProgress": 1,
        }
        assert select(answer.body, expected) == expected
        assert (await api.get(f"{SEGMENTS}/{answer.body['id']}")).body == answer.body

    @pytest.mark.parametrize(("fields", "is_dynamic"), DYNAMIC)
    async def test_a_segment_is_dynamic_by_request_or_if_it_has_a_condition(
        self, api: Api, fields: dict[str, Any], is_dynamic: bool
    ) -> None:
        segment = await a_segment(api, **fields)
        kind = "DYNAMIC" if is_dynamic else "STATIC"
        assert (segment["isDynamic"], segment["segmentType"]) == (is_dynamic, kind)

    async def test_segments_are_listed_newest_first(self, api: Api) -> None:
        added = []
        for _ in range(3):
            added.append((await a_segment(api))["id"])
            api.clock.forward(seconds=1)
        assert [segment["id"] for segment in (await api.get(SEGMENTS)).body] == added[::-1]

    @pytest.mark.parametrize("written", RULES_TEXTS)
    async def test_rules_are_returned_as_they_were_sent(self, api: Api, written: str) -> None:
        body = f'{{ "a": {{"rules": 1}},\n"rules" : {written} ,"name":"Big"}} '.encode()
        segment = (await api.post(SEGMENTS, body)).body
        echoed = await raw_rules(api, segment["id"])
        assert echoed == written
        await api.put(segment_path(segment), {"description": "x"})
        assert await raw_rules(api, segment["id"]) == echoed

    @pytest.mark.parametrize(("rules", "pointers"), UNUSABLE)
    async def test_rules_that_cannot_be_evaluated_are_refused(
        self, api: Api, rules: Any, pointers: set[str]
    ) -> None:
        answer = await api.post(SEGMENTS, {"name": "Big", "rules": rules})
        assert answer.status == 400
        assert {pointer for pointer in answer.pointers if pointer in pointers} == pointers
        assert all(pointer.startswith("/rules") for pointer in answer.pointers)
        segment = await a_segment(api, isDynamic=True)
        answer = await api.put(segment_path(segment), {"rules": rules})
        assert answer.status == 400
        assert (await api.get(SEGMENTS)).body == [segment]

    async def test_bad_rules_and_other_bad_fields_are_reported_together(self, api: Api) -> None:
        rules = [{"field": "email", "operator": "eq", "value": "\ud800"}]
        body: dict[str, Any] = {"name": "\ud800", "rules": rules, "ignored": "\ud800"}
        answer = await api.post(SEGMENTS, body)
        assert (answer.status, answer.pointers) == (400, {"/name", "/rules/0/value"})
        body = {"name": "Big", "rules": BIG_SPENDERS, "ignored": "\ud800"}
        assert (await api.post(SEGMENTS, body)).status == 201

    async def test_an_unpaired_surrogate_in_rules_of_a_manual_segment_is_refused(
        self, api: Api
    ) -> None:
        body = {"name": "Big", "isDynamic": False, "rules": {"a": "\ud800"}}
        answer = await api.post(SEGMENTS, body)
        assert (answer.status, answer.pointers) == (400, {"/rules"})

    @pytest.mark.parametrize("levels", [10, 100, 199, 200, 500, 900, 970, 974, 975, 976, 977, 978])
    @pytest.mark.parametrize("is_dynamic", [True, False])
    async def test_rules_of_any_depth_are_stored_or_refused(
        self, api: Api, levels: int, is_dynamic: bool
    ) -> None:
        rules = "[" * levels + "]" * levels
        body = f'{{"name": "Deep", "isDynamic": {str(is_dynamic).lower()}, "rules": {rules}}}'
        answer = await api.post(SEGMENTS, body.encode())
        assert answer.status == 400 if is_dynamic else answer.status in (201, 400)
        assert (await api.get(SEGMENTS)).status == 200

    async def test_an_update_sets_the_fields_sent_and_no_others(self, api: Api) -> None:
        before = await a_segment(api, description="old", rules=BIG_SPENDERS)
        path = segment_path(before)
        api.clock.forward(hours=1)
        answer = await api.put(path, {"name": "New", "rules": None, "description": None})
        # A build waits for other writers, so it may be complete now or not.
        changed_names = ("name", "updatedAt", "buildStatus", "buildProgress")
        assert (answer.status, answer.body["name"]) == (200, "New")
        assert answer.body == before | {name: answer.body[name] for name in changed_names}
        cleared = await api.put(path, {"rules": []})
        assert (cleared.body["rules"], cleared.body["isDynamic"]) == ([], True)
        off = await api.put(path, {"isActive": False, "segmentType": "static"})
        assert (off.body["isActive"], off.body["isDynamic"]) == (False, False)

    @pytest.mark.parametrize("name", ["BIG straße", "big STRASSE", " Big Straße "])
    async def test_segment_names_are_unique_ignoring_case(self, api: Api, name: str) -> None:
        await a_segment(api, name="Big Straße")
        answer = await api.post(SEGMENTS, {"name": name})
        assert answer.error == (409, "SEGMENT_NAME_TAKEN")
        other = await a_segment(api)
        renamed = await api.put(segment_path(other), {"name": name})
        assert renamed.error == (409, "SEGMENT_NAME_TAKEN")

    async def test_a_segment_may_change_the_case_of_its_name(self, api: Api) -> None:
        segment = await a_segment(api, name="big")
        answer = await api.put(segment_path(segment), {"name": "BIG"})
        assert (answer.status, answer.body["name"]) == (200, "BIG")

    async def test_a_deleted_segment_is_not_found_and_its_name_is_free(self, api: Api) -> None:
        segment = await a_segment(api, name="Big")
        customer = await a_customer(api)
        await assign(api, segment, customer)
        path = segment_path(segment)
        answer = await api.delete(path)
        assert (answer.status, answer.body) == (200, {"message": "segment deleted successfully"})
        for call in (api.get(path), api.get(f"{path}/customers"), api.put(path, {})):
            assert (await call).status == 404
        assert (await api.delete(path)).status == 404
        assert (await api.get(f"/customers/{customer['id']}/segments")).body == []
        await a_segment(api, name="Big")
