"""The scenarios about segments: members, previews, explanations and feeds."""

from collections.abc import Iterator
from typing import Any

from tests.support.scenarios.ledger import an_order
from tests.support.scenarios.requests import (
    UNKNOWN,
    USER,
    Scenario,
    a_new_customer,
    create,
    delete,
    get,
    post,
    put,
    read_pages,
)

SEGMENTS = "/customers/segments"
RULES: dict[str, Any] = {
    "spenders": {
        "conditions": [{"field": "total_spent", "operator": "gt", "value": 10.0}],
        "logic": "AND",
    },
    "legacy": {
        "logicalOperator": "OR",
        "rules": [{"field": "totalOrders", "operator": "greaterThan", "value": "0"}],
    },
    "listed": [{"field": "tags", "operator": "has_any", "value": ["segmented"]}],
    "texts": '[{"field":"first_name","operator":"starts_with","value":"SEG"}]',
    "nested": {
        "logic": "NOT",
        "conditions": [
            {"logic": "or", "conditions": [{"field": "phone", "operator": "is_empty"}]},
            {"field": "days_since_created", "operator": "lt", "value": 90},
        ],
    },
    "nobody": [],
}
BAD_RULES: list[Any] = [
    [{"field": "nothing", "operator": "eq", "value": 1}],
    [{"field": "total_spent", "operator": "contains", "value": 1}],
    [{"field": "total_spent", "operator": "gt", "value": "much"}],
    {"conditions": [{"field": "email"}], "logic": "XOR"},
    "no json",
    5,
]


def segment_scenarios() -> Iterator[Scenario]:
    yield dynamic_segments()
    yield manual_segments()
    yield bad_rules()


def dynamic_segments() -> Scenario:
    path = yield from a_new_customer("segmented", tags=["segmented"], phone="1")
    customer = path.rpartition("/")[2]
    yield get(SEGMENTS)
    for name, rules in RULES.items():
        yield post(f"{SEGMENTS}/preview", {"rules": rules, "sample": 2})
        segment = yield from create(
            post(SEGMENTS, {"name": name, "rules": rules, "isDynamic": True})
        )
        one = f"{SEGMENTS}/{segment}"
        yield get(one)
        yield get(f"{one}/customers?page_size=2&sort_by=email&sort_order=asc")
        yield get(f"{one}/customers/{customer}/explain")
        yield post(f"{one}/preview-change", {"rules": RULES["spenders"], "sample": 1})
        yield get(f"{one}/changes?limit=3")
        yield post(f"{path}/record-order", an_order(f"segment-{name}"))
        yield get(f"{one}/changes?after=0&limit=1000")
        yield get(f"{path}/segments")
    yield from read_pages(f"{one}/customers?page_size=2", 4)
    yield put(one, {"rules": RULES["listed"], "description": "Wer\nda ist"})
    yield get(f"{one}/customers")
    yield put(one, {"isActive": False})
    yield get(f"{one}/customers")
    yield put(one, {"isActive": True, "segmentType": "static"})
    yield put(one, {"rules": None, "name": "Spenders"})
    yield put(one, {"isDynamic": True, "segmentType": "STATIC"})
    yield get(f"{one}/changes")
    yield delete(path)
    yield get(f"{one}/customers")
    yield post(f"{path}/restore")
    yield get(SEGMENTS)
    yield delete(one)
    yield delete(one)
    new = yield from create(post(SEGMENTS, {"name": "new", "rules": RULES["listed"]}))
    yield put(f"{SEGMENTS}/{new}", {"isDynamic": False})
    yield get(f"{SEGMENTS}/{new}/customers")


def manual_segments() -> Scenario:
    paths = []
    for number in range(4):
        paths.append((yield from a_new_customer(f"hand-{number}")))
    ids = [path.rpartition("/")[2] for path in paths]
    one = SEGMENTS + "/" + (yield from create(post(SEGMENTS, {"name": "Straße"})))
    yield post(SEGMENTS, {"name": "STRASSE"})
    yield post(f"{one}/customers", {"customerIds": ids[:3]}, X_User_ID=USER)
    yield post(f"{one}/customers", {"customerIds": ids})
    yield post(f"{one}/customers", {"customerIds": [ids[0], UNKNOWN]})
    yield post(f"{one}/customers", {"customerIds": []})
    yield get(f"{one}/customers")
    yield get(f"{one}/customers/{ids[0]}/explain")
    yield delete(f"{one}/customers", {"customerIds": [ids[1], ids[1]]})
    yield delete(f"{one}/customers", {"customerIds": [ids[1]]})
    yield get(f"{one}/customers/{ids[1]}/explain")
    yield get(f"{one}/customers/{UNKNOWN}/explain")
    yield delete(paths[0])
    yield get(one)
    yield get(f"{one}/changes")
    dynamic = yield from create(post(SEGMENTS, {"name": "by rule", "rules": RULES["listed"]}))
    yield post(f"{SEGMENTS}/{dynamic}/customers", {"customerIds": ids[1:2]})
    yield delete(f"{SEGMENTS}/{dynamic}/customers", {"customerIds": ids[1:2]})


def bad_rules() -> Scenario:
    for number, rules in enumerate(BAD_RULES):
        body = {"name": f"bad {number}", "isDynamic": True, "rules": rules}
        yield post(SEGMENTS, body)
        yield post(f"{SEGMENTS}/preview", {"rules": rules})
    yield post(SEGMENTS, {"name": " ", "description": "d" * 1001, "rules": BAD_RULES[0]})
    yield post(f"{SEGMENTS}/preview", {"rules": RULES["listed"], "sample": 101})
    yield post(f"{SEGMENTS}/preview", {})
    yield get(f"{SEGMENTS}/{UNKNOWN}/customers?page=1")
    yield get(f"{SEGMENTS}/{UNKNOWN}/changes?after=-1")
