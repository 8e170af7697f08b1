"""Parses rules: from a decoded JSON value to a tree, or to the problems of the rule.

A rule may be a group with `conditions` and `logic`, a legacy group with `rules` and
`logicalOperator`, a list, a single condition, null, or a string that contains any of these as JSON;
the forms may be mixed. The tree does not show in which form its rule was written.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from customers.core.errors import RULE_TOO_EXPENSIVE, Invalid
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import Problems
from customers.core.model.rules.cost import MAX_CHARACTERS, check_cost, check_size
from customers.core.model.rules.embedded_json import decode_embedded_json, find_unstorable
from customers.core.model.rules.fields import (
    Field,
    Operator,
    field_named,
    operator_named,
    operators_of,
)
from customers.core.model.rules.operands import read_operand
from customers.core.model.rules.tree import Condition, Group, Logic, Rule

MAX_LEVELS = 6
MAX_CONDITIONS = 100
# Only rules with many empty groups reach this; an empty group costs as much to evaluate as others.
MAX_GROUPS = 1_000

_LISTS = ("conditions", "rules")
_LOGICS = ("logic", "logicalOperator")
_GROUP_KEYS = frozenset(_LISTS + _LOGICS)
_CONDITION_KEYS = frozenset({"field", "operator", "value"})
_ROOT = JsonPointer()
# The canonical form of a moment may be longer than the form in which it was written.
_MAX_STORED = 2 * MAX_CHARACTERS
TOO_EXPENSIVE = Rule(is_too_expensive=True)

Member = Group | Condition
N = TypeVar("N", Field, Operator)


def parse(
    rules_value: object,
    *,
    strict: bool = False,
    location: JsonPointer = _ROOT,
    is_stored: bool = False,
) -> Rule:
    """The rule of a decoded JSON value (numbers as int or Decimal, never float).

    Raises Invalid with the problems of the rule, or as `cost` does. Pointers begin at `location`,
    the location of the rule in its body, and continue inside a string as if it were a JSON value.
    Unknown keys are ignored, or are problems if `strict`. With `is_stored` the rule may be longer,
    as its canonical form is, and a string may repeat keys, which older releases accepted.
    """
    problems = Problems()
    value = decode_embedded_json(rules_value, location, problems, allows_repeats=is_stored)
    check_size(value, location, _MAX_STORED if is_stored else MAX_CHARACTERS)
    find_unstorable(value, location, problems)
    root = _Parser(problems, strict=strict).root(value, location)
    problems.raise_if_any()
    rule = Rule(root=root)
    check_cost(rule, location)
    return rule


def parse_stored(rules_value: object, location: JsonPointer = _ROOT) -> Rule:
    """As `parse`, for rules that were accepted before, as they were written or in their canonical
    form. A rule that exceeds the limits, which older releases did not have, gives a rule that
    `is_too_expensive`.
    """
    try:
        return parse(rules_value, location=location, is_stored=True)
    except Invalid as error:
        if error.headline != RULE_TOO_EXPENSIVE:
            raise
        return TOO_EXPENSIVE


class _Parser:
    """Parses one tree, and counts its conditions and groups. An invalid member becomes None."""

    def __init__(self, problems: Problems, *, strict: bool) -> None:
        self._problems = problems
        self._strict = strict
        self._conditions = 0
        self._groups = 0

    def root(self, value: object, location: JsonPointer) -> Group:
        if value is None:
            return Group()
        if not isinstance(value, dict | list | tuple):
            self._problems.add(
                location, "INVALID_TYPE", "must be a rule: an object, a list or null"
            )
            return Group()
        member = self._member(value, location, level=1)
        self._check_size(location)
        if isinstance(member, Condition):
            return Group(members=(member,))
        return member or Group()

    def _member(self, value: object, location: JsonPointer, *, level: int) -> Member | None:
        """The group or the condition that a value at this level of nesting represents."""
        if isinstance(value, list | tuple):
            return self._group(Logic.AND, value, location, location, level=level)
        if isinstance(value, dict) and any(key in value for key in _LISTS):
            return self._group_object(value, location, level=level)
        self._conditions += 1
        return self._condition(value, location) if self._conditions <= MAX_CONDITIONS else None

    def _group_object(
        self, value: dict[str, object], location: JsonPointer, *, level: int
    ) -> Group | None:
        lists = [key for key in (*_LISTS, "field") if key in value]
        if len(lists) > 1:
            self._problems.add(
                location, "INVALID_VALUE", f"must have only one of {', '.join(lists)}"
            )
            return None
        self._check_keys(value, _GROUP_KEYS, location)
        logic = self._logic(value, location)
        items = value[lists[0]]
        if not isinstance(items, list | tuple):
            self._problems.add(
                location.below(lists[0]), "INVALID_TYPE", "must be a list of conditions"
            )
            return None
        return self._group(logic, items, location, location.below(lists[0]), level=level)

    def _group(
        self,
        logic: Logic,
        items: Sequence[object],
        location: JsonPointer,
        items_location: JsonPointer,
        *,
        level: int,
    ) -> Group | None:
        self._groups += 1
        if level > MAX_LEVELS:
            message = f"must not be nested more than {MAX_LEVELS} levels deep"
            self._problems.add(location, "TOO_DEEP", message)
            return None
        members = []
        for index, item in enumerate(items):
            if self._groups > MAX_GROUPS:
                break
            members.append(self._member(item, items_location.below(index), level=level + 1))
        return Group(logic=logic, members=tuple(filter(None, members)))

    def _logic(self, value: dict[str, object], location: JsonPointer) -> Logic:
        """The logic of a group; AND when it is absent, null or blank."""
        choices = [self._logic_in(value.get(key), location.below(key)) for key in _LOGICS]
        logics = {logic for logic in choices if logic is not None}
        if len(logics) > 1:
            self._problems.add(location.below(_LOGICS[1]), "INVALID_VALUE", "must agree with logic")
        return logics.pop() if logics else Logic.AND

    def _logic_in(self, raw: object, location: JsonPointer) -> Logic | None:
        if isinstance(raw, str):
            name = raw.strip().upper()
            if name in Logic.__members__ or not name:
                return Logic.__members__.get(name)
            self._problems.add(location, "INVALID_VALUE", "must be AND, OR or NOT")
        elif raw is not None:
            self._problems.add(location, "INVALID_TYPE", "must be AND, OR or NOT")
        return None

    def _condition(self, value: object, location: JsonPointer) -> Condition | None:
        if not isinstance(value, dict):
            self._problems.add(location, "INVALID_TYPE", "must be a condition or a group of them")
            return None
        self._check_keys(value, _CONDITION_KEYS, location)
        field = self._named("field", value, location, field_named, tuple(Field))
        operators = operators_of(field.kind) if field else tuple(Operator)
        operator = self._named("operator", value, location, operator_named, operators)
        if field is None or operator is None:
            return None
        raw = value.get("value")
        operand = read_operand(field, operator, raw, location.below("value"), self._problems)
        return Condition(field=field, operator=operator, operand=operand)

    def _named(
        self,
        key: str,
        value: dict[str, object],
        location: JsonPointer,
        find: Callable[[str], N | None],
        allowed: tuple[N, ...],
    ) -> N | None:
        """The field or operator whose name a condition has under a key, if it is allowed."""
        raw, key_location = value.get(key), location.below(key)
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            self._problems.add(key_location, "REQUIRED", "is required in a condition")
        elif not isinstance(raw, str):
            self._problems.add(key_location, "INVALID_TYPE", "must be a string")
        elif (item := find(raw)) in allowed:
            return item
        else:
            message = f"must be one of {', '.join(allowed)}"
            self._problems.add(key_location, f"UNKNOWN_{key.upper()}", message)
        return None

    def _check_keys(
        self, value: dict[str, object], allowed: frozenset[str], location: JsonPointer
    ) -> None:
        if self._strict:
            for key in value:
                if key not in allowed:
                    self._problems.add(location.below(key), "UNKNOWN_FIELD", "unknown field")

    def _check_size(self, location: JsonPointer) -> None:
        """Adds a problem if the tree has too many conditions or groups."""
        if self._conditions > MAX_CONDITIONS:
            message = f"must have at most {MAX_CONDITIONS} conditions"
            self._problems.add(location, "TOO_MANY_CONDITIONS", message)
        elif self._groups > MAX_GROUPS:
            message = f"must have at most {MAX_GROUPS:,} groups"
            self._problems.add(location, "TOO_MANY_CONDITIONS", message)
