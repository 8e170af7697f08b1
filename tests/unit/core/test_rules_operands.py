"""Operands of each kind of field: exact, folded, and refused when invalid."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from customers.core.errors import Invalid
from customers.core.model.customer import CustomerStatus
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Condition


def operand(field: str, operator: str, value: object) -> Any:
    (condition,) = parse([{"field": field, "operator": operator, "value": value}]).root.members
    assert isinstance(condition, Condition)
    return condition.operand


def refusal(field: str, operator: str, value: object) -> tuple[str, str]:
    """Pointer below the condition and code of the only problem."""
    with pytest.raises(Invalid) as error:
        operand(field, operator, value)
    (problem,) = error.value.problems
    return (problem.pointer or "").removeprefix("/0"), problem.code


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("first_name", "eq", " Straße\u00a0", "strasse"),
        ("notes", "contains", "a\r\nB", "a\nb"),
        ("notes", "contains", "", ""),
        ("tags", "has_all", ["VIP", "vip"], frozenset({"vip"})),
        ("tags", "has_any", [], frozenset()),
        ("status", "eq", " blocked ", CustomerStatus.BLOCKED),
        ("status", "in", ["Active", "ACTIVE"], frozenset({CustomerStatus.ACTIVE})),
        ("email_verified", "eq", " TRUE ", True),
        ("email_verified", "neq", False, False),
        ("total_spent", "between", ["2", 1], (Decimal(2), Decimal(1))),
        ("total_spent", "in", [1, Decimal("1.00"), "1e0"], frozenset({Decimal(1)})),
        ("days_since_created", "eq", "29.5", Decimal("29.5")),
        ("created_at", "within_last_days", 36_500, Decimal(36_500)),
        (
            "created_at",
            "before",
            "2026-02-28T11:00:00.1234569+01:00",
            datetime(2026, 2, 28, 10, 0, 0, 123456, UTC),
        ),
        (
            "date_of_birth",
            "between",
            ["1990-01-31", "1990-01-31T00:00:00Z"],
            (date(1990, 1, 31), date(1990, 1, 31)),
        ),
    ],
)
def test_a_value_becomes_an_operand_of_its_kind(
    field: str, operator: str, value: object, expected: object
) -> None:
    result = operand(field, operator, value)

    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (" -1.50 ", "-1.5"),
        ("1E+3", "1000"),
        ("9" * 38, "9" * 38),
        (10**37, "1e37"),
        ("0." + "0" * 37 + "1", "1e-38"),
        (Decimal("0.29999999999999999"), "0.29999999999999999"),
    ],
)
def test_numbers_are_exact(written: object, expected: str) -> None:
    assert operand("total_spent", "eq", written) == Decimal(expected)


@pytest.mark.parametrize("written", [0, "-0", Decimal("-0.0"), "0e-50", Decimal("0e99999")])
def test_every_zero_becomes_a_plain_0(written: object) -> None:
    assert str(operand("total_spent", "eq", written)) == "0"


@pytest.mark.parametrize(
    "written",
    ["+1", "01", ".5", "1.", "1_0", "\u0661", "1,5", "0x1", "1e", "NaN", "-Infinity", "", "1 0"],
)
def test_a_numeric_string_must_be_a_number_of_json(written: str) -> None:
    assert refusal("total_spent", "eq", written) == ("/value", "INVALID_FORMAT")


@pytest.mark.parametrize(
    "written",
    [
        "9" * 39,
        10**38,
        "1" * 20 + "." + "1" * 19,
        "1e-39",
        "1e999999999",
        "-1e999999999999999999999999",
        Decimal("1e-999999999"),
        Decimal("NaN"),
        Decimal("Infinity"),
        pytest.param(10**10_000, id="huge"),
    ],
)
def test_a_number_of_more_than_38_digits_is_refused(written: object) -> None:
    assert refusal("total_spent", "gt", written) == ("/value", "INVALID_VALUE")


@pytest.mark.parametrize(
    "digits",
    [pytest.param("9" * 100_000, id="huge"), "1e999999999", "1e" + "9" * 30, "-1e-" + "9" * 30],
)
def test_a_huge_number_inside_a_string_is_refused_at_its_location(digits: str) -> None:
    with pytest.raises(Invalid) as error:
        parse(f'[{{"field":"total_spent","operator":"gt","value":{digits}}}]')

    assert [problem.pointer for problem in error.value.problems] == ["/0/value"]


@pytest.mark.parametrize("days", [-1, "-0.1", 36_501, Decimal("36500.000001")])
@pytest.mark.parametrize(
    ("field", "operator"), [("days_since_created", "lt"), ("created_at", "within_last_days")]
)
def test_days_are_from_0_to_36500(field: str, operator: str, days: object) -> None:
    assert refusal(field, operator, days) == ("/value", "INVALID_VALUE")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (5, "INVALID_TYPE"),
        ("a\0b", "INVALID_VALUE"),
        ("\udfff", "INVALID_VALUE"),
        pytest.param("a" * 10_001, "MAX_LENGTH", id="long"),
        pytest.param("\ufdfa" * 1_000, "MAX_LENGTH", id="long when folded"),
    ],
)
@pytest.mark.parametrize("field", ["notes", "tags"])
def test_a_text_that_no_customer_can_have_is_refused(field: str, text: object, code: str) -> None:
    assert refusal(field, "contains", text) == ("/value", code)


@pytest.mark.parametrize(
    ("field", "operator", "value", "code"),
    [
        ("status", "eq", "RETIRED", "INVALID_VALUE"),
        ("status", "eq", "", "INVALID_VALUE"),
        ("email_verified", "eq", 1, "INVALID_TYPE"),
        ("email_verified", "eq", "yes", "INVALID_TYPE"),
        ("total_spent", "between", [1], "INVALID_VALUE"),
        ("total_spent", "between", "1,2", "INVALID_TYPE"),
        ("tags", "has_any", "vip", "INVALID_TYPE"),
        ("created_at", "before", "2026-01-01", "INVALID_FORMAT"),
        ("created_at", "before", "2026-01-01T00:00:00", "INVALID_FORMAT"),
        ("created_at", "before", "2026-02-30T00:00:00Z", "INVALID_VALUE"),
        ("created_at", "before", "0001-01-01T00:00:00+01:00", "INVALID_VALUE"),
        ("date_of_birth", "after", "1990-01-31T10:00:00Z", "INVALID_FORMAT"),
        ("date_of_birth", "after", "1990-02-30", "INVALID_VALUE"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(
    field: str, operator: str, value: object, code: str
) -> None:
    assert refusal(field, operator, value) == ("/value", code)


def test_an_invalid_item_is_reported_at_its_index() -> None:
    assert refusal("status", "in", ["ACTIVE", "RETIRED"]) == ("/value/1", "INVALID_VALUE")
    assert refusal("created_at", "between", ["2026-01-01T00:00:00Z", "later"])[0] == "/value/1"
