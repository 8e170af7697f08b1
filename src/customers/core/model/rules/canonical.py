"""The one JSON form of a rule that does not depend on how it was written.

Callers are answered with the rule as they wrote it, which is kept beside the tree.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum

from customers.core.model.rules.tree import Condition, Group, Operand, Rule, Scalar


def to_json(rule: Rule) -> dict[str, object]:
    """The rule in the seed's form, such that parsing it gives an equal rule.

    Names are in snake_case, operands folded, whole numbers int and others Decimal, moments and
    days RFC 3339 texts, lists sorted.
    """
    return _group(rule.root)


def _group(group: Group) -> dict[str, object]:
    shown = [
        _group(each) if isinstance(each, Group) else _condition(each) for each in group.members
    ]
    return {"conditions": shown, "logic": group.logic.value}


def _condition(condition: Condition) -> dict[str, object]:
    shown: dict[str, object] = {
        "field": condition.field.value,
        "operator": condition.operator.value,
    }
    if condition.operand is not None:
        shown["value"] = _operand(condition.operand)
    return shown


def _operand(operand: Operand) -> object:
    if isinstance(operand, tuple):
        return [_scalar(each) for each in operand]
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
