"""Contradictions in a rule: constraints that no customer can satisfy at any time.

A rule with contradictions is accepted; previews show them as warnings. A contradiction is
reported only if it is certain; `satisfiability` decides whether constraints can hold together.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from customers.core.model.rules.canonical import to_json
from customers.core.model.rules.satisfiability import Constraint, is_satisfiable
from customers.core.model.rules.tree import Condition, Group, Logic, Rule

# Conditions with longer lists are not checked: the warnings must not cost more than the preview.
MAX_VALUES = 100
# The maximum length of a value in a message.
MAX_CHARACTERS = 80


@frozen(kw_only=True)
class Contradiction:
    """A minimal set of constraints that cannot hold together, with a message for people.

    Without constraints, the message is about a group or a rule that has no conditions.
    """

    message: str
    constraints: tuple[Constraint, ...] = ()


def contradictions(rule: Rule) -> Sequence[Contradiction]:
    """The contradictions of a rule, without duplicates.

    Constraints that must hold together are checked together, field by field; then each alternative
    is checked with the constraints that must hold beside it. A contradictory alternative is
    reported even if other alternatives can hold.
    """
    if rule.is_empty:
        return [Contradiction(message="a rule without conditions has no members")]
    return list(dict.fromkeys(_contradictions(tuple(_requirements(rule.root, True)), ())))


@frozen
class _Alternatives:
    """A choice: all requirements of at least one alternative must hold."""

    alternatives: tuple[tuple["_Requirement", ...], ...]


_Requirement = Constraint | _Alternatives


def _requirements(member: Group | Condition, holds: bool) -> Iterator[_Requirement]:
    """The requirements for a member to hold, or not to hold if `holds` is False."""
    if isinstance(member, Condition):
        if not _is_long(member):
            yield Constraint(member, holds)
        return
    if member.logic is Logic.NOT:
        holds = not holds
    inner = [tuple(_requirements(child, holds)) for child in member.members]
    if (member.logic is Logic.AND) is holds or len(inner) == 1:
        for requirements in inner:
            yield from requirements
    else:
        yield _Alternatives(tuple(inner))


def _is_long(condition: Condition) -> bool:
    return isinstance(condition.operand, frozenset) and len(condition.operand) > MAX_VALUES


def _contradictions(
    requirements: Sequence[_Requirement], outer: tuple[Constraint, ...]
) -> Iterator[Contradiction]:
    """The contradictions of requirements, among themselves and with the constraints `outer`, which
    were checked before.
    """
    own = [item for item in requirements if isinstance(item, Constraint)]
    together = (*outer, *own)
    for subject in dict.fromkeys(constraint.subject for constraint in own):
        constraints = tuple(item for item in together if item.subject is subject)
        if is_satisfiable(constraints):
            continue
        core = _core(constraints)
        if not set(own).isdisjoint(core):
            yield Contradiction(message=_message(core), constraints=core)
    for item in requirements:
        if isinstance(item, _Alternatives):
            if not item.alternatives:
                yield Contradiction(message="a group without conditions can never hold here")
            for alternative in item.alternatives:
                yield from _contradictions(alternative, together)


def _core(constraints: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    """A minimal unsatisfiable subset of unsatisfiable constraints, in their order."""
    core: tuple[Constraint, ...] = ()
    while is_satisfiable(core):
        last = _last_needed(constraints, core)
        core = (constraints[last], *core)
        constraints = constraints[:last]
    return core


def _last_needed(constraints: tuple[Constraint, ...], core: tuple[Constraint, ...]) -> int:
    """The index of the first constraint that is unsatisfiable with its predecessors and `core`."""
    return bisect_left(
        range(len(constraints)),
        True,
        key=lambda last: not is_satisfiable((*constraints[: last + 1], *core)),
    )


def _message(core: Sequence[Constraint]) -> str:
    """A message such as `total_spent gt 5 and total_spent lt 3 can never both hold`."""
    *others, last = map(_text, core)
    if not others:
        return f"{last} can never hold"
    return f"{', '.join(others)} and {last} can never {'both' if len(core) == 2 else 'all'} hold"


def _text(constraint: Constraint) -> str:
    rule: Any = to_json(Rule(root=Group(members=(constraint.condition,))))
    (condition,) = rule["conditions"]
    words = [condition["field"], condition["operator"]]
    if "value" in condition:
        words.append(_shortened(_json(condition["value"])))
    return " ".join(words) if constraint.holds else f"NOT ({' '.join(words)})"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def _json(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
