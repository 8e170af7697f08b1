"""Collecting problems: the first one at each location, in order, and not too many."""

import pytest

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import MAX_PROBLEMS, TOO_MANY_PROBLEMS, Name, Problems
from customers.core.model.values import FlagGate

BODY = JsonPointer()


def collected(problems: Problems) -> tuple[Problem, ...]:
    with pytest.raises(Invalid) as error:
        problems.raise_if_any()
    return error.value.problems


def test_no_problems_raise_nothing() -> None:
    problems = Problems()
    problems.raise_if_any()
    assert not problems


def test_all_problems_are_raised_in_order() -> None:
    problems = Problems([InvalidValue("REQUIRED", "is required").at("name", "/name")])
    problems.add(BODY.below("rules", 0, "a/b"), "UNKNOWN_FIELD", "unknown field")
    problems.add(Name("limit"), "INVALID_VALUE", "must be from 1 to 100")
    assert problems
    assert [(problem.field, problem.pointer) for problem in collected(problems)] == [
        ("name", "/name"),
        ("rules[0].a/b", "/rules/0/a~1b"),
        ("limit", None),
    ]


def test_only_the_first_problem_at_a_location_is_collected() -> None:
    problems = Problems()
    problems.add(BODY.below("name"), "REQUIRED", "is required")
    problems.add(BODY.below("name"), "MAX_LENGTH", "is too long")
    problems.add(Name("name"), "MAX_LENGTH", "is too long")
    assert [problem.code for problem in collected(problems)] == ["REQUIRED", "MAX_LENGTH"]


def test_a_value_is_read_by_a_gate_or_becomes_a_problem() -> None:
    problems = Problems()
    assert problems.read(FlagGate().read, True, Name("strict")) is True
    assert problems.read(FlagGate().read, "yes", Name("strict")) is None
    assert collected(problems) == (
        Problem(field="strict", message="must be true or false", code="INVALID_TYPE"),
    )


def test_after_a_hundred_problems_the_last_one_says_that_there_are_more() -> None:
    problems = Problems()
    for index in range(MAX_PROBLEMS + 1):
        assert not problems.is_full
        problems.add(BODY.below(index), "REQUIRED", "is required")
    assert problems.is_full
    *first, last = collected(problems)
    assert ([problem.code for problem in first], last) == (["REQUIRED"] * 100, TOO_MANY_PROBLEMS)


def test_exactly_a_hundred_problems_are_all() -> None:
    problems = Problems(a_problem(index) for index in range(MAX_PROBLEMS))
    problems.extend([a_problem(0)])
    assert [problem.code for problem in collected(problems)] == ["REQUIRED"] * MAX_PROBLEMS


def test_nothing_is_read_when_there_are_too_many_problems() -> None:
    problems = Problems(a_problem(index) for index in range(MAX_PROBLEMS + 1))
    assert problems.read(FlagGate().read, True, Name("strict")) is None
    assert len(collected(problems)) == MAX_PROBLEMS + 1


def test_problems_of_two_places_are_told_together() -> None:
    problems = Problems([a_problem(-1)])
    problems.extend(Problems(a_problem(index) for index in range(MAX_PROBLEMS + 1)))
    *first, last = collected(problems)
    assert (first[0], len(first), last) == (a_problem(-1), MAX_PROBLEMS, TOO_MANY_PROBLEMS)


def a_problem(index: int) -> Problem:
    return InvalidValue("REQUIRED", "is required").at(f"[{index}]", f"/{index}")
