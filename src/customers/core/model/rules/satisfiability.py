"""Whether any value of a field can satisfy several constraints at once.

Constraints are called unsatisfiable only if that is certain for every customer at every moment.
Which constraints a rule imposes together is decided in `contradictions`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any

from attrs import evolve, frozen

from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.intervals import (
    NEGATIVE,
    Interval,
    cover_everything,
    gaps,
    intervals,
    is_about_age,
)
from customers.core.model.rules.timing import date_of
from customers.core.model.rules.tree import Condition


@frozen
class Constraint:
    """A condition that must hold, or must not hold."""

    condition: Condition
    holds: bool = True

    @property
    def subject(self) -> Field:
        """The constrained field; for an age its date, for the lifetime value the total spent."""
        field = self.condition.field
        if field.kind is Kind.AGE:
            return Field(date_of(field).value)
        return Field.TOTAL_SPENT if field is Field.LIFETIME_VALUE else field

    @cached_property
    def positive(self) -> "Constraint":
        """The same constraint with an operator that is not the negation of another one."""
        if (operator := _NEGATIONS.get(self.condition.operator)) is None:
            return self
        return Constraint(evolve(self.condition, operator=operator), not self.holds)

    @cached_property
    def excluded(self) -> Sequence[Interval]:
        """The intervals of values that violate the constraint."""
        satisfying = intervals(self.condition)
        return gaps(satisfying) if self.holds else satisfying

    @property
    def is_about_emptiness(self) -> bool:
        return self.condition.operator is Operator.IS_EMPTY


def is_satisfiable(constraints: Sequence[Constraint]) -> bool:
    """Whether a value might satisfy all constraints, which have the same subject."""
    if not constraints:
        return True
    check = _CHECKS[constraints[0].subject.kind]
    return check([constraint.positive for constraint in constraints])


def _is_ordered_satisfiable(constraints: Sequence[Constraint]) -> bool:
    """Whether a number, moment or date can satisfy all constraints. An age and its date are checked
    on separate number lines.
    """
    subject = constraints[0].subject
    # Of the operators that are not negations, a missing value satisfies only `is_empty`.
    if subject in _MAY_BE_MISSING and all(
        constraint.is_about_emptiness is constraint.holds for constraint in constraints
    ):
        return True
    if _requires_empty(constraints):
        return False
    excluded: dict[bool, list[Interval]] = defaultdict(list)
    if subject.kind is Kind.NUMBER:
        excluded[False].append(NEGATIVE)
    for constraint in constraints:
        if not constraint.is_about_emptiness:
            excluded[is_about_age(constraint.condition)] += constraint.excluded
    return not any(map(cover_everything, excluded.values()))


def _is_choice_satisfiable(constraints: Sequence[Constraint]) -> bool:
    """Whether a choice or flag can satisfy all constraints."""
    return bool(_allowed(constraints, _ALL_VALUES[constraints[0].subject]))


def _is_text_satisfiable(constraints: Sequence[Constraint]) -> bool:
    """Whether a text can satisfy all constraints: tries the texts that a constraint lists, if there
    is one; otherwise compares the required and forbidden parts.
    """
    about_parts = [item for item in constraints if item.condition.operator in _PART_TESTS]
    about_texts = [item for item in constraints if item.condition.operator not in _PART_TESTS]
    texts = next((_operands(item) for item in about_texts if item.holds), None)
    if texts is None:
        return _are_parts_satisfiable(about_parts)
    return any(
        all(_has_part(text, item.condition) is item.holds for item in about_parts)
        for text in _allowed(about_texts, texts)
    )


def _are_parts_satisfiable(constraints: Sequence[Constraint]) -> bool:
    """Whether a text can have all required parts and none of the forbidden ones."""
    required = [item.condition for item in constraints if item.holds]
    forbidden = [item.condition for item in constraints if not item.holds]
    return (
        # Every text contains the empty text.
        all(part.operand for part in forbidden)
        and not any(_implies(part, other) for part in required for other in forbidden)
        and all(_fit_one_text(part, other) for part, other in combinations(required, 2))
    )


def _implies(part: Condition, other: Condition) -> bool:
    """Whether every text with the first part has the other one too."""
    return other.operator in (Operator.CONTAINS, part.operator) and _has_part(part.operand, other)


def _fit_one_text(part: Condition, other: Condition) -> bool:
    """Whether a text can have both parts. For two prefixes, one must begin with the other; for two
    suffixes, one must end with the other.
    """
    if part.operator is not other.operator or part.operator is Operator.CONTAINS:
        return True
    return _has_part(part.operand, other) or _has_part(other.operand, part)


def _has_part(text: Any, part: Condition) -> bool:
    return _PART_TESTS[part.operator](text, part.operand)


def _is_set_satisfiable(constraints: Sequence[Constraint]) -> bool:
    """Whether a set of tags can satisfy all constraints: each required set has a tag that is not
    forbidden, and each `has_all` that must not hold has a tag that is not certainly required.
    """
    if _requires_empty(constraints):
        return all(map(_allows_no_tags, constraints))
    about_tags = [item for item in constraints if not item.is_about_emptiness]
    must_hold = [item for item in about_tags if item.holds]
    must_not_hold = [item for item in about_tags if not item.holds]
    forbidden = _union(_operands(item) for item in must_not_hold if not _needs_all(item))
    any_of = [tags - forbidden for item in must_hold for tags in _alternatives(item)]
    certain = _union(tags for tags in any_of if len(tags) == 1)
    return all(any_of) and all(
        _operands(item) - certain for item in must_not_hold if _needs_all(item)
    )


def _requires_empty(constraints: Sequence[Constraint]) -> bool:
    return any(item.is_about_emptiness and item.holds for item in constraints)


def _allows_no_tags(constraint: Constraint) -> bool:
    """Whether a customer without tags satisfies the constraint; `has_all` of no tags is true."""
    holds = constraint.is_about_emptiness or (_needs_all(constraint) and not _operands(constraint))
    return holds is constraint.holds


def _alternatives(constraint: Constraint) -> Sequence[frozenset[Any]]:
    """Sets of tags; a customer needs at least one tag of each set."""
    tags = _operands(constraint)
    return [frozenset({tag}) for tag in tags] if _needs_all(constraint) else [tags]


def _needs_all(constraint: Constraint) -> bool:
    """Whether the constraint is a `has_all` that is not also a `has_any`: with a single tag both
    are the same.
    """
    return constraint.condition.operator is Operator.HAS_ALL and len(_operands(constraint)) != 1


def _union(sets: Iterable[frozenset[Any]]) -> frozenset[Any]:
    return frozenset().union(*sets)


def _allowed(constraints: Sequence[Constraint], values: frozenset[Any]) -> frozenset[Any]:
    """Those of `values` that satisfy all constraints, each of which lists values."""
    for constraint in constraints:
        listed = _operands(constraint)
        values = values & listed if constraint.holds else values - listed
    return values


def _operands(constraint: Constraint) -> frozenset[Any]:
    """The values that a condition lists or implies, none or more."""
    operator, operand = constraint.condition.operator, constraint.condition.operand
    if isinstance(operand, frozenset):
        return operand
    return _IMPLIED_VALUES[operator] if operator in _IMPLIED_VALUES else frozenset({operand})


# Each operator and its negation are exact complements, for missing values too.
_NEGATIONS = {
    Operator.NEQ: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.HAS_NONE: Operator.HAS_ANY,
    Operator.IS_FALSE: Operator.IS_TRUE,
    Operator.IS_NOT_EMPTY: Operator.IS_EMPTY,
}
_MAY_BE_MISSING = frozenset({Field.FIRST_ORDER_DATE, Field.LAST_ORDER_DATE, Field.DATE_OF_BIRTH})
_PART_TESTS: dict[Operator, Callable[[str, Any], bool]] = {
    Operator.CONTAINS: str.__contains__,
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
}
_IMPLIED_VALUES: dict[Operator, frozenset[Any]] = {
    Operator.IS_EMPTY: frozenset({""}),
    Operator.IS_TRUE: frozenset({True}),
}
_FLAGS: frozenset[Any] = frozenset({True, False})
_ALL_VALUES: dict[Field, frozenset[Any]] = {
    Field.STATUS: frozenset(CustomerStatus),
    Field.CUSTOMER_TYPE: frozenset(CustomerType),
    Field.MARKETING_OPT_IN: _FLAGS,
    Field.EMAIL_VERIFIED: _FLAGS,
    Field.HAS_ACCOUNT: _FLAGS,
}
_CHECKS: dict[Kind, Callable[[Sequence[Constraint]], bool]] = {
    Kind.TEXT: _is_text_satisfiable,
    Kind.CHOICE: _is_choice_satisfiable,
    Kind.NUMBER: _is_ordered_satisfiable,
    Kind.MOMENT: _is_ordered_satisfiable,
    Kind.DATE: _is_ordered_satisfiable,
    Kind.FLAG: _is_choice_satisfiable,
    Kind.SET: _is_set_satisfiable,
}
