"""How rules are written: the forms, the spellings, and the limits of their structure."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.core.errors import Invalid
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import MAX_PROBLEMS
from customers.core.model.rules.fields import Field, Operator
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Condition, Group, Logic, Rule

ORDERED = {"field": "total_orders", "operator": "gte", "value": 1}


def places(written: object, *, strict: bool = False) -> set[tuple[str, str]]:
    """Pointer and code of every problem; none when the rule is taken."""
    try:
        parse(written, strict=strict)
    except Invalid as refused:
        return {(problem.pointer or "", problem.code) for problem in refused.problems}
    return set()


def nested(levels: int) -> dict[str, Any]:
    """A condition in so many groups."""
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
def test_every_form_and_spelling_reads_as_the_same_rule(written: object) -> None:
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


def test_rules_that_say_the_same_are_equal_and_hash_alike() -> None:
    one = parse([{"field": "firstName", "operator": "notIn", "value": ["ANN ", "Straße"]}])
    other = parse([{"field": "first_name", "operator": "not_in", "value": ["strasse", "ann"]}])

    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("operator", ["isNull", "is_empty", "IsEmpty"])
def test_the_value_of_an_operator_without_operand_is_ignored(operator: str) -> None:
    rule = parse([{"field": "tags", "operator": operator, "value": {"any": ["thing"]}}])

    assert rule.root.members == (Condition(field=Field.TAGS, operator=Operator.IS_EMPTY),)


def test_six_levels_are_taken_and_the_seventh_group_is_named() -> None:
    assert places(nested(6)) == set()
    assert places(nested(7)) == {("/conditions/0" * 6, "TOO_DEEP")}
    assert places([[[[[[[ORDERED]]]]]]]) == {("/0" * 6, "TOO_DEEP")}


def test_nesting_without_end_is_a_problem_not_a_crash() -> None:
    bottomless: list[Any] = []
    for _ in range(100_000):
        bottomless = [bottomless]

    assert places("[" * 200_000) == {("", "TOO_DEEP")}
    assert places(bottomless) == {("/0" * 6, "TOO_DEEP")}


def test_conditions_are_counted_in_the_whole_tree() -> None:
    halves = {"conditions": [[ORDERED] * 50, {"rules": [ORDERED] * 50}]}
    assert places(halves) == set()

    assert places({"conditions": [halves, ORDERED]}) == {("", "TOO_MANY_CONDITIONS")}


def test_empty_groups_cannot_be_piled_up_without_end() -> None:
    assert places([ORDERED, *[[]] * 999]) == set()
    assert places([ORDERED, *[[]] * 1_000]) == {("", "TOO_MANY_CONDITIONS")}


@pytest.mark.parametrize(
    ("written", "found"),
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
def test_a_broken_structure_is_named_at_its_place(
    written: object, found: set[tuple[str, str]]
) -> None:
    assert places(written) == found


@pytest.mark.parametrize(
    ("condition", "found"),
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
def test_a_condition_names_all_that_is_wrong_with_it(
    condition: object, found: set[tuple[str, str]]
) -> None:
    assert places([condition]) == found


def test_all_problems_of_all_conditions_are_told() -> None:
    bad = {"field": "total_spent", "operator": "in", "value": ["many", 1, None]}

    assert places({"conditions": [ORDERED, [bad, {"field": "nope", "operator": "eq"}]]}) == {
        ("/conditions/1/0/value/0", "INVALID_FORMAT"),
        ("/conditions/1/0/value/2", "INVALID_TYPE"),
        ("/conditions/1/1/field", "UNKNOWN_FIELD"),
    }


def test_pointers_go_on_inside_a_string_and_begin_at_the_place_of_the_rule() -> None:
    with pytest.raises(Invalid) as refused:
        parse('{"rules": [{"field": "nope", "operator": "eq"}]}', location=JsonPointer(("rules",)))

    (problem,) = refused.value.problems
    assert problem.pointer == "/rules/rules/0/field"
    assert problem.field == "rules.rules[0].field"


def test_unknown_keys_are_ignored_unless_handling_is_strict() -> None:
    written = {"conditions": [{**ORDERED, "a/b~": 1}], "note": "mine"}

    assert places(written) == set()
    assert places(written, strict=True) == {
        ("/note", "UNKNOWN_FIELD"),
        ("/conditions/0/a~1b~0", "UNKNOWN_FIELD"),
    }


@pytest.mark.parametrize("text", ["\0", "a\ud800"])
def test_what_no_storage_keeps_is_refused_even_where_it_is_ignored(text: str) -> None:
    assert places([{**ORDERED, "label": [text]}]) == {("/0/label/0", "INVALID_VALUE")}
    assert places([{**ORDERED, text: 1}]) == {("/0", "INVALID_VALUE")}
    assert places(json.dumps([{**ORDERED, "label": text}])) == {("/0/label", "INVALID_VALUE")}


def test_a_key_that_cannot_be_shown_leaves_a_pointer_that_can() -> None:
    assert places([{**ORDERED, "\ud800": 1}], strict=True) == {
        ("/0", "INVALID_VALUE"),
        ("/0/?", "UNKNOWN_FIELD"),
    }


def test_the_answer_to_a_megabyte_of_nonsense_is_short() -> None:
    nonsense = {"field": "tags", "operator": "has_any", "value": [1] * 200_000}
    unknown = dict.fromkeys(map(str, range(10_000)))

    assert len(places([nonsense])) == MAX_PROBLEMS
    assert len(places([{**ORDERED, **unknown}], strict=True)) == MAX_PROBLEMS


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
def test_any_json_is_a_rule_or_is_refused_with_pointers(written: object, strict: bool) -> None:
    pointers = {pointer for pointer, _ in places(written, strict=strict)}

    assert all(pointer == "" or pointer.startswith("/") for pointer in pointers)
    assert pointers or parse(written) == parse(written, strict=strict)
