"""Warnings are certain: of fields whose values can be tried out, a clash is told if and only if
nobody can match.
"""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.customer import Customer
from customers.core.model.rules.contradictions import contradictions
from customers.core.model.rules.matches import matches
from customers.core.model.rules.parse import parse
from customers.core.model.rules.satisfiability import Constraint, is_satisfiable
from customers.core.model.rules.tree import Group, Rule
from tests.unit.core.rule_domains import EXACT, TEXTS, World, at_once, group
from tests.unit.core.rule_strategies import NOW, customers, written_rules

EVERYWHERE = st.sampled_from([*EXACT.values(), TEXTS])


def clashing(written: object) -> bool:
    return bool(contradictions(parse(written)))


def is_met(constraint: Constraint, customer: Customer) -> bool:
    rule = Rule(root=Group(members=(constraint.condition,)))
    return matches(rule, customer, NOW) is constraint.holds


@pytest.mark.parametrize("world", EXACT.values(), ids=EXACT)
@given(data=st.data())
def test_conditions_clash_if_and_only_if_nobody_can_match(
    world: World, data: st.DataObject
) -> None:
    written = data.draw(at_once(world.conditions()))

    assert clashing(written) is not world.is_anyone_in(written)


@given(at_once(TEXTS.conditions()))
def test_conditions_on_texts_clash_only_if_nobody_can_match(written: Any) -> None:
    assert not (clashing(written) and TEXTS.is_anyone_in(written))


@given(written_rules(), st.lists(customers(), min_size=1, max_size=5))
def test_nobody_meets_the_demands_of_any_clash(written: Any, known: list[Customer]) -> None:
    found = [
        contradiction.constraints
        for contradiction in contradictions(parse(written))
        if contradiction.constraints
    ]

    assert not any(
        all(is_met(constraint, customer) for constraint in constraints)
        for constraints in found
        for customer in known
    )


@given(EVERYWHERE, st.data())
def test_a_clash_names_no_more_conditions_than_it_takes(world: World, data: st.DataObject) -> None:
    written = data.draw(st.lists(at_once(world.conditions()), min_size=2, max_size=5))

    for contradiction in contradictions(parse(written)):
        for left in combinations(contradiction.constraints, len(contradiction.constraints) - 1):
            assert is_satisfiable(left)


@given(st.sampled_from([*EXACT.values()]), st.data())
def test_an_alternative_clashes_if_and_only_if_it_adds_nobody(
    world: World, data: st.DataObject
) -> None:
    beside, one, other = (data.draw(at_once(world.conditions(), levels=1)) for _ in range(3))
    alternatives = [[beside, one], [beside, other]]

    found = clashing([beside, group("OR", [one], [other])])

    assert found is not all(map(world.is_anyone_in, alternatives))
