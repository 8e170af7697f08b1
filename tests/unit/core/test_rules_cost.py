"""What a rule may cost, just within each limit and just beyond it."""

from typing import Any

import pytest

from customers.core.errors import RULE_TOO_EXPENSIVE, Invalid
from customers.core.model.rules.parse import parse, parse_stored
from customers.core.model.segment import RulesText

ORDERED = {"field": "total_orders", "operator": "gte", "value": 1}


def condition(field: str, operator: str, value: object) -> dict[str, object]:
    return {"field": field, "operator": operator, "value": value}


def texts(number: int, length: int) -> list[object]:
    return [condition("notes", "contains", "x" * length)] * number


def numbers(*sizes: int) -> list[object]:
    return [condition("total_spent", "in", [*range(size)]) for size in sizes]


def days(*fields: str, number: int) -> list[object]:
    """Conditions on `number` days for each field; each day is two moments, its start and end."""
    return [condition(field, "in", [*range(1, 2 * number, 2)]) for field in fields]


def emails(number: int, length: int) -> list[object]:
    return [condition("email", "in", [f"{n:0{length}}" for n in range(number)])]


def refusal(rules: object) -> Invalid | None:
    try:
        parse(rules)
    except Invalid as error:
        return error
    return None


LIMITS: dict[str, tuple[Any, Any, str]] = {
    "characters": (emails(999, 20), emails(1_000, 20), "characters in all"),
    "characters of ignored keys": (
        [ORDERED | {"x" * 19_000: 1}],
        [ORDERED | {"x" * 20_000: 1}],
        "characters in all",
    ),
    "characters when folded": (
        texts(1, 1),
        [condition("email", "in", ["\ufdfa" * 50 + f"{n:02}" for n in range(100)])],
        "when they are folded",
    ),
    "items": (numbers(1_000), numbers(1_001), "items in a list"),
    "all items": (numbers(1_000, 996), numbers(1_000, 1_000, 1), "items in all its lists"),
    "moments": (
        days("days_since_created", number=250),
        days("days_since_created", "days_since_last_order", number=130),
        "moments",
    ),
    "comparisons": (texts(100, 100), texts(100, 101), "comparisons"),
    "values": ([ORDERED, *[[]] * 999], [[]] * 30_000, "characters in all"),
}


@pytest.mark.parametrize(("within", "beyond", "what"), LIMITS.values(), ids=LIMITS)
def test_a_rule_beyond_a_limit_is_refused_with_what_costs(
    within: Any, beyond: Any, what: str
) -> None:
    assert refusal(within) is None

    error = refusal(beyond)
    assert error is not None
    assert (error.headline, [problem.code for problem in error.problems]) == (
        RULE_TOO_EXPENSIVE,
        [RULE_TOO_EXPENSIVE],
    )
    assert what in str(error)


def test_keys_and_names_of_rules_are_free() -> None:
    conditions = [condition("days_since_first_order", "greaterThanOrEqual", 1)] * 100

    assert refusal({"logicalOperator": "and", "rules": conditions}) is None


def test_a_string_with_a_rule_is_measured_before_it_is_decoded() -> None:
    error = refusal("[" + " " * 160_000 + "]")

    assert error is not None
    assert "JSON text of 160,002 characters" in str(error)


def test_rules_are_refused_by_their_text_before_they_are_looked_at() -> None:
    rules = RulesText(text=" " * 160_001, value=None)

    with pytest.raises(Invalid, match="JSON text"):
        rules.rule(is_dynamic=True, strict=False)


@pytest.mark.parametrize("character", ["x", "é"])
def test_rules_of_a_manual_segment_are_limited_in_bytes(character: str) -> None:
    size = 64 * 1024 // len(character.encode())
    RulesText(text=character * size, value=None).rule(is_dynamic=False, strict=False)

    with pytest.raises(Invalid, match="bytes of rules of a manual segment"):
        RulesText(text=character * (size + 1), value=None).rule(is_dynamic=False, strict=False)


@pytest.mark.parametrize(
    "rules",
    [texts(3, 10_000), *(LIMITS[name][1] for name in ("items", "all items", "moments"))],
    ids=["characters", "items", "all items", "moments"],
)
def test_a_rule_stored_before_there_were_limits_has_no_conditions_and_says_so(rules: Any) -> None:
    rule = parse_stored(rules)

    assert (rule.is_too_expensive, rule.is_empty) == (True, True)


def test_other_problems_of_a_stored_rule_are_raised() -> None:
    assert not parse_stored([ORDERED]).is_too_expensive
    with pytest.raises(Invalid, match="must be one of"):
        parse_stored([condition("nobody", "eq", 1)])
