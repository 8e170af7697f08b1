"""Parsing rules: forms, spellings, and the limits of their structure."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.core.errors import Invalid
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import MAX_PROBLEMS
from customers.core.model.rules.fields import Field, Operator
from customers.core.model.rules.parse import parse, parse_stored
from customers.core.model.rules.tree import Condition, Group, Logic, Rule

ORDERED = {"field": "total_orders", "operator": "gte", "value": 1}


def problems_of(rules_value: object, *, strict: bool = False) -> set[tuple[str, str]]:
    """Pointer and code of every problem; none for a valid rule."""
    try:
        parse(rules_value, strict=strict)
    except Invalid as error:
        return {(problem.pointer or "", problem.code) for problem in error.problems}
    return set()


def nested(levels: int) -> dict[str, Any]:
    """A condition nested in that number of groups."""
    rule = ORDERED
    for _ in range(levels):
        rule = {"conditions": [rule]}
    return rule


@pytest.mark.parametrize(
    "written",
    [
        {"conditions": [ORDERED], "logic": "AND"},
        {"conditions": [ORDERED], "logic": None},
        {"conditions": [ORDERED], "logic": " "},
        {"rules": [ORDERED], "logic": "and"},
        {"conditions": [ORDERED], "logicalOperator": "And"},
        {"conditions": [ORDERED], "logic": "", "logicalOperator": "AND"},
        [ORDERED],
        ORDERED,
        json.dumps(ORDERED),
        json.dumps([ORDERED]),
        f"\n {json.dumps({'rules': [ORDERED]})} ",
        [{"field": " TotalOrders ", "operator": "greater_Than_OrEqual", "value": "1.0"}],
    ],
)
def test_every_form_and_spelling_is_the_same_rule(written: object) -> None:
    assert parse(written) == parse({"conditions": [ORDERED]})


@pytest.mark.parametrize(
    "written",
    [None, "", "  \n", "null", " null ", [], "[]", {"rules": [], "logic": "NOT"}, [[], [[]]]],
)
def test_a_rule_without_any_condition_is_valid_and_empty(written: object) -> None:
    assert parse(written).is_empty


def test_a_nested_bare_array_is_an_and_group_and_spellings_may_be_mixed() -> None:
    rule = parse(
        {"logicalOperator": "or", "rules": [[ORDERED], {"conditions": [], "logic": "not"}]}
    )

    inner = parse([ORDERED]).root
    assert rule == Rule(root=Group(logic=Logic.OR, members=(inner, Group(logic=Logic.NOT))))


def test_rules_with_the_same_meaning_are_equal_and_have_the_same_hash() -> None:
    one = parse([{"field": "firstName", "operator": "notIn", "value": ["ANN ", "Straße"]}])
    other = parse([{"field": "first_name", "operator": "not_in", "value": ["strasse", "ann"]}])

    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("operator", ["isNull", "is_empty", "IsEmpty"])
def test_the_value_of_an_operator_without_operand_is_ignored(operator: str) -> None:
    rule = parse([{"field": "tags", "operator": operator, "value": {"any": ["thing"]}}])

    assert rule.root.members == (Condition(field=Field.TAGS, operator=Operator.IS_EMPTY),)


def test_six_levels_of_groups_are_accepted_and_the_seventh_is_a_problem() -> None:
    assert problems_of(nested(6)) == set()
    assert problems_of(nested(7)) == {("/conditions/0" * 6, "TOO_DEEP")}
    assert problems_of([[[[[[[ORDERED]]]]]]]) == {("/0" * 6, "TOO_DEEP")}


def test_very_deep_nesting_is_a_problem_not_a_crash() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]

    assert problems_of("[" * 150_000) == {("", "TOO_DEEP")}
    assert problems_of(deep) == {("/0" * 6, "TOO_DEEP")}


def test_conditions_are_counted_in_the_whole_tree() -> None:
    halves = {"conditions": [[ORDERED] * 50, {"rules": [ORDERED] * 50}]}
    assert problems_of(halves) == set()

    assert problems_of({"conditions": [halves, ORDERED]}) == {("", "TOO_MANY_CONDITIONS")}


def test_the_number_of_empty_groups_is_limited() -> None:
    assert problems_of([ORDERED, *[[]] * 999]) == set()
    assert problems_of([ORDERED, *[[]] * 1_000]) == {("", "TOO_MANY_CONDITIONS")}


@pytest.mark.parametrize(
    ("written", "problems"),
    [
        (5, {("", "INVALID_TYPE")}),
        ("5", {("", "INVALID_TYPE")}),
        ('"[]"', {("", "INVALID_TYPE")}),
        ("[] []", {("", "INVALID_FORMAT")}),
        ('[{"field": NaN}]', {("", "INVALID_FORMAT")}),
        ({}, {("/field", "REQUIRED"), ("/operator", "REQUIRED")}),
        ([None, "x"], {("/0", "INVALID_TYPE"), ("/1", "INVALID_TYPE")}),
        ({"conditions": None}, {("/conditions", "INVALID_TYPE")}),
        ({"rules": ORDERED}, {("/rules", "INVALID_TYPE")}),
        ({"conditions": [], "rules": []}, {("", "INVALID_VALUE")}),
        ({"conditions": [], **ORDERED}, {("", "INVALID_VALUE")}),
        ({"rules": [], "logicalOperator": "XOR"}, {("/logicalOperator", "INVALID_VALUE")}),
        ({"rules": [], "logic": 5}, {("/logic", "INVALID_TYPE")}),
        (
            {"rules": [], "logic": "OR", "logicalOperator": "AND"},
            {("/logicalOperator", "INVALID_VALUE")},
        ),
    ],
)
def test_an_invalid_structure_is_reported_at_its_location(
    written: object, problems: set[tuple[str, str]]
) -> None:
    assert problems_of(written) == problems


@pytest.mark.parametrize(
    ("condition", "problems"),
    [
        ({"operator": "eq", "value": 1}, {("/0/field", "REQUIRED")}),
        (
            {"field": 5, "operator": None},
            {("/0/field", "INVALID_TYPE"), ("/0/operator", "REQUIRED")},
        ),
        (
            {"field": "shoe_size", "operator": "resembles"},
            {("/0/field", "UNKNOWN_FIELD"), ("/0/operator", "UNKNOWN_OPERATOR")},
        ),
        (
            {"field": "tags", "operator": "eq", "value": "vip"},
            {("/0/operator", "UNKNOWN_OPERATOR")},
        ),
        ({"field": "email", "operator": "isNotNull"}, {("/0/operator", "UNKNOWN_OPERATOR")}),
        ({"field": "total_spent", "operator": "gt"}, {("/0/value", "REQUIRED")}),
    ],
)
def test_all_problems_of_a_condition_are_reported(
    condition: object, problems: set[tuple[str, str]]
) -> None:
    assert problems_of([condition]) == problems


def test_the_problems_of_all_conditions_are_reported() -> None:
    bad = {"field": "total_spent", "operator": "in", "value": ["many", 1, None]}

    assert problems_of({"conditions": [ORDERED, [bad, {"field": "nope", "operator": "eq"}]]}) == {
        ("/conditions/1/0/value/0", "INVALID_FORMAT"),
        ("/conditions/1/0/value/2", "INVALID_TYPE"),
        ("/conditions/1/1/field", "UNKNOWN_FIELD"),
    }


def test_pointers_begin_at_the_location_of_the_rule_and_continue_inside_a_string() -> None:
    with pytest.raises(Invalid) as error:
        parse('{"rules": [{"field": "nope", "operator": "eq"}]}', location=JsonPointer(("rules",)))

    (problem,) = error.value.problems
    assert problem.pointer == "/rules/rules/0/field"
    assert problem.field == "rules.rules[0].field"


def test_unknown_keys_are_ignored_unless_handling_is_strict() -> None:
    written = {"conditions": [{**ORDERED, "a/b~": 1}], "note": "mine"}

    assert problems_of(written) == set()
    assert problems_of(written, strict=True) == {
        ("/note", "UNKNOWN_FIELD"),
        ("/conditions/0/a~1b~0", "UNKNOWN_FIELD"),
    }


@pytest.mark.parametrize("text", ["\0", "a\ud800"])
def test_text_that_cannot_be_stored_is_refused_also_in_ignored_keys(text: str) -> None:
    assert problems_of([{**ORDERED, "label": [text]}]) == {("/0/label/0", "INVALID_VALUE")}
    assert problems_of([{**ORDERED, text: 1}]) == {("/0", "INVALID_VALUE")}
    assert problems_of(json.dumps([{**ORDERED, "label": text}])) == {("/0/label", "INVALID_VALUE")}


def test_a_key_twice_in_a_string_is_refused_unless_it_was_stored_before() -> None:
    written = '{"conditions": [], "logic": "OR", "conditions": [' + json.dumps(ORDERED) + "]}"
    assert problems_of(written) == {("", "DUPLICATE_KEY")}
    assert parse_stored(written) == parse({"conditions": [ORDERED], "logic": "OR"})


def test_a_pointer_replaces_characters_that_cannot_be_encoded() -> None:
    assert problems_of([{**ORDERED, "\ud800": 1}], strict=True) == {
        ("/0", "INVALID_VALUE"),
        ("/0/?", "UNKNOWN_FIELD"),
    }


def test_the_number_of_problems_is_limited() -> None:
    nonsense = {"field": "tags", "operator": "has_any", "value": [1] * 1_000}
    unknown = dict.fromkeys(map(str, range(1_500)))

    assert len(problems_of([nonsense, nonsense])) == MAX_PROBLEMS + 1
    assert len(problems_of([{**ORDERED, **unknown}], strict=True)) == MAX_PROBLEMS + 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["field", "operator", "value", "conditions", "rules", "logic", "x"]),
            inner | st.sampled_from([*Field, *Operator, *Logic]),
            max_size=4,
        )
    ),
)


@settings(max_examples=300)
@given(JSON | JSON.map(lambda value: json.dumps(value, default=str)), st.booleans())
def test_any_json_is_a_rule_or_has_problems_with_pointers(written: object, strict: bool) -> None:
    pointers = {pointer for pointer, _ in problems_of(written, strict=strict)}

    assert all(pointer == "" or pointer.startswith("/") for pointer in pointers)
    assert pointers or parse(written) == parse(written, strict=strict)
