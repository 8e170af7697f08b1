"""The canonical JSON form of a rule is the same for every spelling."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from customers.core.model.rules.canonical import to_json
from customers.core.model.rules.parse import parse
from tests.support.golden_rules import VECTORS, Vector
from tests.support.rule_strategies import written_rules


def canonical_value(field: str, operator: str, value: object) -> Any:
    """The value of a condition in the canonical form."""
    form: Any = to_json(parse([{"field": field, "operator": operator, "value": value}]))
    return form["conditions"][0]["value"]


def test_the_canonical_form_has_snake_case_names() -> None:
    written = {"rules": [[{"field": "lastName", "operator": "isNull", "value": ""}]]}

    assert to_json(parse(written)) == {
        "conditions": [
            {"conditions": [{"field": "last_name", "operator": "is_empty"}], "logic": "AND"}
        ],
        "logic": "AND",
    }


@pytest.mark.parametrize(
    ("field", "operator", "value", "canonical"),
    [
        ("first_name", "eq", " Straße", "strasse"),
        ("tags", "has_any", ["VIP", "beta", "vip"], ["beta", "vip"]),
        ("status", "in", ["Blocked", "active"], ["ACTIVE", "BLOCKED"]),
        ("email_verified", "eq", "TRUE", True),
        ("total_spent", "between", ["1e3", "0.50"], [1000, Decimal("0.5")]),
        ("created_at", "before", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
        ("date_of_birth", "after", "1990-01-31T00:00:00Z", "1990-01-31"),
    ],
)
def test_values_have_one_spelling(
    field: str, operator: str, value: object, canonical: object
) -> None:
    assert canonical_value(field, operator, value) == canonical


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_canonical_form_of_a_golden_rule_is_the_same_rule(vector: Vector) -> None:
    rule = parse(vector.rule)

    assert parse(to_json(rule)) == rule


@given(written_rules())
def test_the_canonical_form_of_any_rule_is_the_same_rule(written: object) -> None:
    rule = parse(written)

    assert parse(to_json(rule)) == rule
