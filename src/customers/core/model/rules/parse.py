"""From a rule as it is written to its tree, or to everything that is wrong with it.

Accepted are the seed's form (`conditions`, `logic`), the legacy one (`rules`,
`logicalOperator`), a bare list, one bare condition, null, and a string that holds any of them;
the spellings may be mixed. The rule is kept as written by whoever stores it: a tree does not
remember its spelling.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import Problems
from customers.core.model.rules.fields import (
    Field,
    Operator,
    field_named,
    operator_named,
    operators_of,
)
from customers.core.model.rules.operands import read_operand
from customers.core.model.rules.tree import Condition, Group, Logic, Rule
from customers.core.model.rules.unwrap import unwrap

MOST_LEVELS = 6
MOST_CONDITIONS = 100
# Only groups that hold nothing can be so many; they cost as much as others to evaluate.
MOST_GROUPS = 1_000

_LISTS = ("conditions", "rules")
_LOGICS = ("logic", "logicalOperator")
_GROUP_KEYS = frozenset(_LISTS + _LOGICS)
_CONDITION_KEYS = frozenset({"field", "operator", "value"})
_ROOT = JsonPointer()

Member = Group | Condition
N = TypeVar("N", Field, Operator)


def parse(written: object, *, strict: bool = False, at: JsonPointer = _ROOT) -> Rule:
    """The rule of a decoded JSON value (numbers as int or Decimal, never float).

    Raises Invalid with every problem. Pointers and fields begin at `at`, the place of the rule
    in its body, and go on inside a string as if it were its content. Unknown keys are ignored,
    or problems too when `strict`.
    """
    problems = Problems()
    value = unwrap(written, at, problems)
    root = _Reader(problems, strict=strict).root(value, at)
    problems.raise_if_any()
    return Rule(root=root)


class _Reader:
    """Reads one tree, counting what is in it. A member that has problems is read as None."""

    def __init__(self, problems: Problems, *, strict: bool) -> None:
        self._problems = problems
        self._strict = strict
        self._conditions = 0
        self._groups = 0

    def root(self, value: object, at: JsonPointer) -> Group:
        if value is None:
            return Group()
        if not isinstance(value, dict | list | tuple):
            self._problems.add(at, "INVALID_TYPE", "must be a rule: an object, a list or null")
            return Group()
        member = self._member(value, at, level=1)
        self._count(at)
        if isinstance(member, Condition):
            return Group(members=(member,))
        return member or Group()

    def _member(self, value: object, at: JsonPointer, *, level: int) -> Member | None:
        """A group at that level, or a condition."""
        if isinstance(value, list | tuple):
            return self._group(Logic.AND, value, at, at, level=level)
        if isinstance(value, dict) and any(key in value for key in _LISTS):
            return self._written_group(value, at, level=level)
        self._conditions += 1
        return self._condition(value, at) if self._conditions <= MOST_CONDITIONS else None

    def _written_group(
        self, value: dict[str, object], at: JsonPointer, *, level: int
    ) -> Group | None:
        lists = [key for key in (*_LISTS, "field") if key in value]
        if len(lists) > 1:
            self._problems.add(at, "INVALID_VALUE", f"must have only one of {', '.join(lists)}")
            return None
        self._refuse_unknown(value, _GROUP_KEYS, at)
        logic = self._logic(value, at)
        items = value[lists[0]]
        if not isinstance(items, list | tuple):
            self._problems.add(at.below(lists[0]), "INVALID_TYPE", "must be a list of conditions")
            return None
        return self._group(logic, items, at, at.below(lists[0]), level=level)

    def _group(
        self,
        logic: Logic,
        items: Sequence[object],
        at: JsonPointer,
        inside: JsonPointer,
        *,
        level: int,
    ) -> Group | None:
        self._groups += 1
        if level > MOST_LEVELS:
            message = f"must not be deeper than {MOST_LEVELS} levels of groups"
            self._problems.add(at, "TOO_DEEP", message)
            return None
        members = []
        for index, item in enumerate(items):
            if self._groups > MOST_GROUPS:
                break
            members.append(self._member(item, inside.below(index), level=level + 1))
        return Group(logic=logic, members=tuple(each for each in members if each is not None))

    def _logic(self, value: dict[str, object], at: JsonPointer) -> Logic:
        """AND where none is written, or null or nothing."""
        told: set[Logic] = set()
        for key in _LOGICS:
            raw = value.get(key)
            if raw is None:
                continue
            if not isinstance(raw, str):
                self._problems.add(at.below(key), "INVALID_TYPE", "must be AND, OR or NOT")
            elif (name := raw.strip().upper()) in Logic.__members__:
                told.add(Logic[name])
            elif name:
                self._problems.add(at.below(key), "INVALID_VALUE", "must be AND, OR or NOT")
        if len(told) > 1:
            self._problems.add(at.below(_LOGICS[1]), "INVALID_VALUE", "must agree with logic")
        return told.pop() if told else Logic.AND

    def _condition(self, value: object, at: JsonPointer) -> Condition | None:
        if not isinstance(value, dict):
            self._problems.add(at, "INVALID_TYPE", "must be a condition or a group of them")
            return None
        self._refuse_unknown(value, _CONDITION_KEYS, at)
        field = self._named("field", value, at, field_named, tuple(Field))
        fitting = operators_of(field.kind) if field else tuple(Operator)
        operator = self._named("operator", value, at, operator_named, fitting)
        if field is None or operator is None:
            return None
        raw = value.get("value")
        operand = read_operand(field, operator, raw, at.below("value"), self._problems)
        return Condition(field=field, operator=operator, operand=operand)

    def _named(
        self,
        key: str,
        value: dict[str, object],
        at: JsonPointer,
        named: Callable[[str], N | None],
        fitting: tuple[N, ...],
    ) -> N | None:
        """The one among the fitting that the condition names under the key."""
        raw, place = value.get(key), at.below(key)
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            self._problems.add(place, "REQUIRED", "is required in a condition")
        elif not isinstance(raw, str):
            self._problems.add(place, "INVALID_TYPE", "must be a string")
        elif (found := named(raw)) in fitting:
            return found
        else:
            message = f"must be one of {', '.join(fitting)}"
            self._problems.add(place, f"UNKNOWN_{key.upper()}", message)
        return None

    def _refuse_unknown(
        self, value: dict[str, object], known: frozenset[str], at: JsonPointer
    ) -> None:
        if self._strict:
            for key in value.keys() - known:
                self._problems.add(at.below(key), "UNKNOWN_FIELD", "is not known here")

    def _count(self, at: JsonPointer) -> None:
        """Refuses what is too much in the whole tree."""
        if self._conditions > MOST_CONDITIONS:
            message = f"must have at most {MOST_CONDITIONS} conditions"
            self._problems.add(at, "TOO_MANY_CONDITIONS", message)
        elif self._groups > MOST_GROUPS:
            message = f"must have at most {MOST_GROUPS:,} groups"
            self._problems.add(at, "TOO_MANY_CONDITIONS", message)
