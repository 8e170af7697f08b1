"""Whether any value of a customer's field can meet several demands at once.

What is called impossible is so for every customer at every moment; in doubt a value is possible.
Which demands a rule makes together, and how people are told, is the business of `contradictions`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    looks_back,
    outside,
    stretches,
)
from customers.core.model.rules.timing import date_of
from customers.core.model.rules.tree import Condition


@frozen
class Constraint:
    """A condition that has to hold, or one that must not."""

    condition: Condition
    holds: bool = True

    @property
    def subject(self) -> Field:
        """The field whose value it is about: an age and its moment have one between them."""
        field = self.condition.field
        if field.kind is Kind.AGE:
            return Field(date_of(field).value)
        return Field.TOTAL_SPENT if field is Field.LIFETIME_VALUE else field

    @cached_property
    def plain(self) -> "Constraint":
        """The same demand, by an operator that negates no other."""
        opposite = _OPPOSITES.get(self.condition.operator)
        if opposite is None:
            return self
        return Constraint(evolve(self.condition, operator=opposite), not self.holds)

    @cached_property
    def excluded(self) -> Sequence[Interval]:
        """The stretches of its line on which nothing meets it."""
        held = stretches(self.condition)
        return outside(held) if self.holds else held

    @property
    def is_of_emptiness(self) -> bool:
        return self.condition.operator is Operator.IS_EMPTY


def possible(constraints: Sequence[Constraint]) -> bool:
    """Whether some value might meet all the demands, which are about one subject."""
    if not constraints:
        return True
    return _POSSIBLE[constraints[0].subject.kind]([each.plain for each in constraints])


def _ordered(constraints: Sequence[Constraint]) -> bool:
    """Numbers, moments and days; how long ago a moment was is another line than the moment."""
    subject = constraints[0].subject
    # Of a missing value `is_empty` holds and nothing else.
    if subject in _MAY_BE_MISSING and all(
        each.is_of_emptiness is each.holds for each in constraints
    ):
        return True
    if any(each.is_of_emptiness and each.holds for each in constraints):
        return False
    excluded: dict[bool, list[Interval]] = defaultdict(list)
    if subject.kind is Kind.NUMBER:
        excluded[False].append(NEGATIVE)
    for each in constraints:
        if not each.is_of_emptiness:
            excluded[looks_back(each.condition)] += each.excluded
    return not any(map(cover_everything, excluded.values()))


def _choice(constraints: Sequence[Constraint]) -> bool:
    """Choices and flags."""
    return bool(_allowed(constraints, _ALL_THERE_ARE[constraints[0].subject]))


def _text(constraints: Sequence[Constraint]) -> bool:
    parts = [each for each in constraints if each.condition.operator in _PARTS]
    whole = [each for each in constraints if each.condition.operator not in _PARTS]
    named = next((_values(each) for each in whole if each.holds), None)
    if named is None:
        return _fit_together(parts)
    return any(
        all(_has(text, each.condition) is each.holds for each in parts)
        for text in _allowed(whole, named)
    )


def _fit_together(parts: Sequence[Constraint]) -> bool:
    """Whether a text may have some parts and not have others."""
    wanted = [each.condition for each in parts if each.holds]
    unwanted = [each.condition for each in parts if not each.holds]
    return (
        # What is empty is part of every text.
        all(each.operand for each in unwanted)
        and not any(_implies(one, other) for one in wanted for other in unwanted)
        and all(_share_a_text(one, other) for one, other in combinations(wanted, 2))
    )


def _implies(one: Condition, other: Condition) -> bool:
    """Whether every text that has the one part has the other one too."""
    return other.operator in (Operator.CONTAINS, one.operator) and _has(one.operand, other)


def _share_a_text(one: Condition, other: Condition) -> bool:
    """Whether a text may have both parts: of two beginnings, one has to begin the other."""
    if one.operator is not other.operator or one.operator is Operator.CONTAINS:
        return True
    return _has(one.operand, other) or _has(other.operand, one)


def _has(text: Any, part: Condition) -> bool:
    return _PARTS[part.operator](text, part.operand)


def _tags(constraints: Sequence[Constraint]) -> bool:
    if any(each.is_of_emptiness and each.holds for each in constraints):
        return all(_is_met_by_none(each) for each in constraints)
    asked = [each for each in constraints if not each.is_of_emptiness]
    refused = [each for each in asked if not each.holds]
    lacking = _union(_values(each) for each in refused if not _is_of_all(each))
    any_of = [tags - lacking for each in asked if each.holds for tags in _any_of(each)]
    had = _union(tags for tags in any_of if len(tags) == 1)
    return all(any_of) and all(_values(each) - had for each in refused if _is_of_all(each))


def _is_met_by_none(constraint: Constraint) -> bool:
    """Whether a customer without tags meets it: has all of none, and any of nothing."""
    met = constraint.is_of_emptiness or (_is_of_all(constraint) and not _values(constraint))
    return met is constraint.holds


def _any_of(constraint: Constraint) -> Iterator[frozenset[Any]]:
    """Sets of tags, of each of which a customer needs one."""
    if _is_of_all(constraint):
        yield from (frozenset({tag}) for tag in _values(constraint))
    else:
        yield _values(constraint)


def _is_of_all(constraint: Constraint) -> bool:
    """Whether it is about all of some tags; all of one is any of it."""
    return constraint.condition.operator is Operator.HAS_ALL and len(_values(constraint)) != 1


def _union(sets: Iterable[frozenset[Any]]) -> frozenset[Any]:
    return frozenset().union(*sets)


def _allowed(constraints: Sequence[Constraint], values: frozenset[Any]) -> frozenset[Any]:
    """Those of the values that are named where they have to be, and not where they must not."""
    for each in constraints:
        values = values & _values(each) if each.holds else values - _values(each)
    return values


def _values(constraint: Constraint) -> frozenset[Any]:
    """The values that a condition names, one or several."""
    operator, operand = constraint.condition.operator, constraint.condition.operand
    if isinstance(operand, frozenset):
        return operand
    return _NAMED[operator] if operator in _NAMED else frozenset({operand})


# Of each pair one is the other's complement, also where the value is missing.
_OPPOSITES = {
    Operator.NEQ: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.HAS_NONE: Operator.HAS_ANY,
    Operator.IS_FALSE: Operator.IS_TRUE,
    Operator.IS_NOT_EMPTY: Operator.IS_EMPTY,
}
_MAY_BE_MISSING = frozenset({Field.FIRST_ORDER_DATE, Field.LAST_ORDER_DATE, Field.DATE_OF_BIRTH})
_PARTS: dict[Operator, Callable[[str, Any], bool]] = {
    Operator.CONTAINS: str.__contains__,
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
}
_NAMED: dict[Operator, frozenset[Any]] = {
    Operator.IS_EMPTY: frozenset({""}),
    Operator.IS_TRUE: frozenset({True}),
}
_FLAGS: frozenset[Any] = frozenset({True, False})
_ALL_THERE_ARE: dict[Field, frozenset[Any]] = {
    Field.STATUS: frozenset(CustomerStatus),
    Field.CUSTOMER_TYPE: frozenset(CustomerType),
    Field.MARKETING_OPT_IN: _FLAGS,
    Field.EMAIL_VERIFIED: _FLAGS,
    Field.HAS_ACCOUNT: _FLAGS,
}
_POSSIBLE: dict[Kind, Callable[[Sequence[Constraint]], bool]] = {
    Kind.TEXT: _text,
    Kind.CHOICE: _choice,
    Kind.NUMBER: _ordered,
    Kind.MOMENT: _ordered,
    Kind.DATE: _ordered,
    Kind.FLAG: _choice,
    Kind.SET: _tags,
}
