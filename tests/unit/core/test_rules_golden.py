"""The golden vectors of the rule language against its meaning in the core."""

import pytest

from customers.core.errors import Invalid
from customers.core.model.rules.matches import matches
from customers.core.model.rules.parse import parse
from tests.support.golden_rules import CUSTOMERS, NOW, REFUSALS, VECTORS, Refusal, Vector


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_rule_has_exactly_its_members(vector: Vector) -> None:
    rule = parse(vector.rule)

    found = {name for name, customer in CUSTOMERS.items() if matches(rule, customer, NOW)}

    assert found == vector.members


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_bad_rule_is_refused_at_each_offending_place(refusal: Refusal) -> None:
    with pytest.raises(Invalid) as refused:
        parse(refusal.rule)

    pointers = [problem.pointer or "" for problem in refused.value.problems]
    for location in refusal.locations:
        assert any(f"{pointer}/".startswith(f"{location}/") for pointer in pointers), pointers
