"""The golden examples of the rule language, evaluated by the core."""

import pytest

from customers.core.errors import Invalid
from customers.core.model.rules.matches import matches
from customers.core.model.rules.parse import parse
from tests.support.golden_rules import CUSTOMERS, NOW, REFUSALS, VECTORS, Refusal, Vector


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_rule_has_exactly_its_members(vector: Vector) -> None:
    rule = parse(vector.rule)

    members = {name for name, customer in CUSTOMERS.items() if matches(rule, customer, NOW)}

    assert members == vector.members


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_an_invalid_rule_has_a_problem_at_each_expected_location(refusal: Refusal) -> None:
    with pytest.raises(Invalid) as error:
        parse(refusal.rule)

    pointers = [problem.pointer or "" for problem in error.value.problems]
    for location in refusal.locations:
        assert any(f"{pointer}/".startswith(f"{location}/") for pointer in pointers), pointers
