"""Contradictions are certain: in domains whose values can all be tried, a contradiction is reported
if and only if nobody can match.
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
from tests.support.rule_domains import EXACT, TEXTS, Domain, all_of, group
from tests.support.rule_strategies import NOW, customers, written_rules

ANY_DOMAIN = st.sampled_from([*EXACT.values(), TEXTS])


def is_contradictory(written: object) -> bool:
    return bool(contradictions(parse(written)))


def is_satisfied(constraint: Constraint, customer: Customer) -> bool:
    rule = Rule(root=Group(members=(constraint.condition,)))
    return matches(rule, customer, NOW) is constraint.holds


@pytest.mark.parametrize("domain", EXACT.values(), ids=EXACT)
@given(data=st.data())
def test_conditions_are_contradictory_if_and_only_if_nobody_can_match(
    domain: Domain, data: st.DataObject
) -> None:
    written = data.draw(all_of(domain.conditions()))

    assert is_contradictory(written) is not domain.has_match(written)


@given(all_of(TEXTS.conditions()))
def test_conditions_on_texts_are_contradictory_only_if_nobody_can_match(written: Any) -> None:
    assert not (is_contradictory(written) and TEXTS.has_match(written))


@given(written_rules(), st.lists(customers(), min_size=1, max_size=5))
def test_nobody_satisfies_the_constraints_of_a_contradiction(
    written: Any, crowd: list[Customer]
) -> None:
    constraint_sets = [
        contradiction.constraints
        for contradiction in contradictions(parse(written))
        if contradiction.constraints
    ]

    assert not any(
        all(is_satisfied(constraint, customer) for constraint in constraints)
        for constraints in constraint_sets
        for customer in crowd
    )


@given(ANY_DOMAIN, st.data())
def test_a_contradiction_names_a_minimal_set_of_conditions(
    domain: Domain, data: st.DataObject
) -> None:
    written = data.draw(st.lists(all_of(domain.conditions()), min_size=2, max_size=5))

    for contradiction in contradictions(parse(written)):
        for fewer in combinations(contradiction.constraints, len(contradiction.constraints) - 1):
            assert is_satisfiable(fewer)


@given(st.sampled_from([*EXACT.values()]), st.data())
def test_an_alternative_is_contradictory_if_and_only_if_nobody_can_match_it(
    domain: Domain, data: st.DataObject
) -> None:
    outer, one, other = (data.draw(all_of(domain.conditions(), levels=1)) for _ in range(3))
    alternatives = [[outer, one], [outer, other]]

    result = is_contradictory([outer, group("OR", [one], [other])])

    assert result is not all(map(domain.has_match, alternatives))
