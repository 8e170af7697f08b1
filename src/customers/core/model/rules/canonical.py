"""The canonical JSON form of a rule, which is the same for all spellings of one rule.

Answers show it only in the warnings of previews. Elsewhere they repeat the caller's own spelling,
which is stored separately.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum

from customers.core.model.rules.tree import Condition, Group, Operand, Rule, Scalar


def to_json(rule: Rule) -> dict[str, object]:
    """The rule as a JSON value; parsing it gives an equal rule.

    Names are in snake_case, operands folded, whole numbers int and others Decimal, dates and
    moments RFC 3339 texts, sets sorted lists.
    """
    return _group(rule.root)


def _group(group: Group) -> dict[str, object]:
    conditions = [
        _group(member) if isinstance(member, Group) else _condition(member)
        for member in group.members
    ]
    return {"conditions": conditions, "logic": group.logic.value}


def _condition(condition: Condition) -> dict[str, object]:
    names = {"field": condition.field.value, "operator": condition.operator.value}
    if condition.operand is None:
        return {**names}
    return {**names, "value": _operand(condition.operand)}


def _operand(operand: Operand) -> object:
    if isinstance(operand, tuple):
        return [_scalar(value) for value in operand]
    if isinstance(operand, frozenset):
        return sorted(map(_scalar, operand))
    return None if operand is None else _scalar(operand)


def _scalar(value: Scalar) -> str | bool | int | Decimal:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        numerator, denominator = value.as_integer_ratio()
        return numerator if denominator == 1 else value
    return value.value if isinstance(value, Enum) else value
