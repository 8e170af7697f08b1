"""Rules as trees of typed conditions, independent of their JSON form and of the storage.

`parse` makes them from JSON; `matches` evaluates them.

The operand of a condition, by the kind of its field:

| kind | one value |
|---|---|
| text, set | folded text |
| choice | the member of the field's enumeration |
| number | exact decimal |
| age, and windows of days on moments | exact decimal of days, 0 to 36,500 |
| moment | moment in UTC |
| date | day |
| flag | bool |

The operand of `between` is a pair (low, high), that of `in`, `not_in` and `has_*` a frozenset, and
that of `is_*` None.
"""

from collections.abc import Iterator, Sequence
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
    """When a group holds: if all, any or none of its members hold."""

    AND = "AND"
    OR = "OR"
    NOT = "NOT"


@frozen(kw_only=True)
class Condition:
    """A comparison of a field; the operator is one of those of the field's kind."""

    field: Field
    operator: Operator
    operand: Operand = None


@frozen(kw_only=True)
class Group:
    """Conditions and groups joined by one logic. A group without members holds with AND and NOT,
    but not with OR.
    """

    logic: Logic = Logic.AND
    members: tuple["Group | Condition", ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the group contains no condition, at any depth."""
        return all(isinstance(member, Group) and member.is_empty for member in self.members)

    def walk(self) -> Iterator[Condition]:
        """Every condition, at any depth, in order."""
        for member in self.members:
            if isinstance(member, Group):
                yield from member.walk()
            else:
                yield member


@frozen(kw_only=True, cache_hash=True)
class Rule:
    """The rule of a segment: its outermost group.

    A stored rule that exceeds the limits of `cost` is loaded without conditions and with
    `is_too_expensive` set.
    """

    root: Group = Group()
    is_too_expensive: bool = False

    @cached_property
    def conditions(self) -> Sequence[Condition]:
        """Every condition, in order."""
        return tuple(self.root.walk())

    @cached_property
    def is_empty(self) -> bool:
        """Whether the rule has no condition; it then matches nobody, whatever its logic."""
        return self.root.is_empty
