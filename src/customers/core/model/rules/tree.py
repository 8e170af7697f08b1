"""What a rule is once it is read: a tree of typed conditions, the same for every storage.

How it is written is `parse`'s business, what it means `matches`'.

The operand of a condition, by the kind of its field:

| kind | one value |
|---|---|
| text, set | folded text |
| choice | the member of the field's enumeration |
| number | exact decimal |
| age, and the day operators of moments | exact decimal of days, 0 to 36,500 |
| moment | moment in UTC |
| date | day |
| flag | bool |

`between` has a pair (low, high), `in`, `not_in` and `has_*` have a frozenset, the operators that
look for emptiness or truth have None.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from attrs import frozen

from customers.core.model.rules.fields import Field, Operator

Scalar: TypeAlias = str | bool | Decimal | date | datetime
Operand: TypeAlias = Scalar | tuple[Scalar, Scalar] | frozenset[Scalar] | None


class Logic(StrEnum):
    """How a group joins its members: all hold, any holds, none holds."""

    AND = "AND"
    OR = "OR"
    NOT = "NOT"


@frozen(kw_only=True)
class Condition:
    """One question about one field; the operator is one of the field's kind."""

    field: Field
    operator: Operator
    operand: Operand = None


@frozen(kw_only=True)
class Group:
    """Conditions and groups under one logic. Without members: AND true, OR false, NOT true."""

    logic: Logic = Logic.AND
    members: tuple["Group | Condition", ...] = ()

    @property
    def is_bare(self) -> bool:
        """Whether there is no condition in it, at any depth."""
        return all(isinstance(each, Group) and each.is_bare for each in self.members)


@frozen(kw_only=True, cache_hash=True)
class Rule:
    """The rule of a segment: its outermost group."""

    root: Group = Group()

    @cached_property
    def is_empty(self) -> bool:
        """Whether it has no condition at all: then it has no members, whatever its logic."""
        return self.root.is_bare
