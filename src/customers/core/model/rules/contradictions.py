"""What in a rule can never hold, whoever the customer is and whatever the time: its clashes.

Such a rule is accepted, and people are told. Nothing is told that is not certain; whether values
can meet demands at once is decided in `domains`.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from customers.core.model.rules.canonical import to_json
from customers.core.model.rules.satisfiability import Constraint, possible
from customers.core.model.rules.tree import Condition, Group, Logic, Rule

# A longer list is taken to clash with nothing: a warning must not cost more than its answer.
MOST_VALUES = 100
# Of a value, in a message.
MOST_CHARACTERS = 80


@frozen(kw_only=True)
class Contradiction:
    """Demands that cannot be met together, though any fewer of them can; in a sentence too.

    Without demands it tells of a group, or of a whole rule, in which no condition stands.
    """

    message: str
    constraints: tuple[Constraint, ...] = ()


def contradictions(rule: Rule) -> Sequence[Contradiction]:
    """The clashes of a rule, each one once.

    All that has to hold at once is looked at together, one field after the other; then each
    alternative, with what has to hold beside it. An alternative that clashes is told although
    others may hold.
    """
    if rule.is_empty:
        return [Contradiction(message="a rule without conditions has no members")]
    return list(dict.fromkeys(_clashes(tuple(_parts(rule.root, True)), ())))


@frozen
class _Alternatives:
    """Of each the parts; all parts of one of them have to hold."""

    each: tuple[tuple["_Part", ...], ...]


_Part = Constraint | _Alternatives


def _parts(member: Group | Condition, holds: bool) -> Iterator[_Part]:
    """What has to hold at once for the member to hold, or for it not to."""
    if isinstance(member, Condition):
        if not _is_long(member):
            yield Constraint(member, holds)
        return
    if member.logic is Logic.NOT:
        holds = not holds
    inside = [tuple(_parts(each, holds)) for each in member.members]
    if (member.logic is Logic.AND) is holds or len(inside) == 1:
        for parts in inside:
            yield from parts
    else:
        yield _Alternatives(tuple(inside))


def _is_long(condition: Condition) -> bool:
    return isinstance(condition.operand, frozenset) and len(condition.operand) > MOST_VALUES


def _clashes(parts: Sequence[_Part], beside: tuple[Constraint, ...]) -> Iterator[Contradiction]:
    """The clashes of parts that have to hold at once, beside demands that are looked at."""
    own = [each for each in parts if isinstance(each, Constraint)]
    together = (*beside, *own)
    for subject in dict.fromkeys(each.subject for each in own):
        constraints = tuple(each for each in together if each.subject is subject)
        if not possible(constraints) and not set(own).isdisjoint(core := _core(constraints)):
            yield Contradiction(message=_told(core), constraints=core)
    for part in parts:
        if isinstance(part, _Alternatives):
            if not part.each:
                yield Contradiction(message="a group without conditions can never hold here")
            for alternative in part.each:
                yield from _clashes(alternative, together)


def _core(constraints: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    """Of demands that cannot be met together, so few that any fewer can; in their order."""
    core: tuple[Constraint, ...] = ()
    while possible(core):
        last = _last_needed(constraints, core)
        core = (constraints[last], *core)
        constraints = constraints[:last]
    return core


def _last_needed(constraints: tuple[Constraint, ...], core: tuple[Constraint, ...]) -> int:
    """The place of the first demand that, with those before it and the core, is too much."""
    return bisect_left(
        range(len(constraints)),
        True,
        key=lambda last: not possible((*constraints[: last + 1], *core)),
    )


def _told(core: Sequence[Constraint]) -> str:
    """In a sentence: `total_spent gt 5 and total_spent lt 3 can never both hold`."""
    *before, last = map(_named, core)
    if not before:
        return f"{last} can never hold"
    return f"{', '.join(before)} and {last} can never {'both' if len(core) == 2 else 'all'} hold"


def _named(constraint: Constraint) -> str:
    written: Any = to_json(Rule(root=Group(members=(constraint.condition,))))
    (condition,) = written["conditions"]
    words = [condition["field"], condition["operator"]]
    if "value" in condition:
        words.append(_shortened(_shown(condition["value"])))
    return " ".join(words) if constraint.holds else f"NOT ({' '.join(words)})"


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _shown(value: Any) -> str:
    """The value as JSON."""
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
