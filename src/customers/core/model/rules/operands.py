"""What an operator is given, from the decoded JSON value to the typed operand.

Operands are folded and normalised here, once, so that evaluating a rule never does it again.
"""

from collections.abc import Callable
from decimal import Decimal

from customers.core.errors import InvalidValue
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.folding import fold
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.numbers import number
from customers.core.model.problems import Problems
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.tree import Operand, Scalar
from customers.core.model.values import ChoiceGate, DayGate, FlagGate, MomentGate, TextGate

MOST_DAYS = 36_500
MOST_CHARACTERS = 10_000

_NOTHING = frozenset(
    {Operator.IS_EMPTY, Operator.IS_NOT_EMPTY, Operator.IS_TRUE, Operator.IS_FALSE}
)
_LISTS = frozenset(
    {Operator.IN, Operator.NOT_IN, Operator.HAS_ANY, Operator.HAS_ALL, Operator.HAS_NONE}
)
_WINDOWS = frozenset({Operator.WITHIN_LAST_DAYS, Operator.MORE_THAN_DAYS_AGO})


def read_operand(
    field: Field, operator: Operator, raw: object, at: JsonPointer, problems: Problems
) -> Operand:
    """The operand of a condition whose value stands at `at`; None where there are problems."""
    if operator in _NOTHING:
        return None
    if raw is None:
        problems.add(at, "REQUIRED", f"is required by {operator}")
        return None
    gate = _gate(field, operator)
    if operator is Operator.BETWEEN:
        return _pair(gate, raw, at, problems)
    if operator in _LISTS:
        return _many(gate, raw, at, problems)
    return problems.read(gate, raw, at)


def _gate(field: Field, operator: Operator) -> Callable[[object], Scalar]:
    if operator in _WINDOWS:
        return _days
    return _CHOICES[field] if field.kind is Kind.CHOICE else _GATES[field.kind]


def _pair(
    gate: Callable[[object], Scalar], raw: object, at: JsonPointer, problems: Problems
) -> tuple[Scalar, Scalar] | None:
    if not isinstance(raw, list | tuple):
        problems.add(at, "INVALID_TYPE", "must be a list of two values, [low, high]")
        return None
    if len(raw) != 2:
        problems.add(at, "INVALID_VALUE", "must be a list of two values, [low, high]")
        return None
    low, high = (problems.read(gate, each, at.below(i)) for i, each in enumerate(raw))
    return None if low is None or high is None else (low, high)


def _many(
    gate: Callable[[object], Scalar], raw: object, at: JsonPointer, problems: Problems
) -> frozenset[Scalar] | None:
    if not isinstance(raw, list | tuple):
        problems.add(at, "INVALID_TYPE", "must be a list")
        return None
    read = (problems.read(gate, each, at.below(i)) for i, each in enumerate(raw))
    return frozenset(each for each in read if each is not None)


def _text(raw: object) -> str:
    folded = fold(TextGate(most=MOST_CHARACTERS, lines=True).read(raw))
    if len(folded) > MOST_CHARACTERS:
        raise InvalidValue("MAX_LENGTH", f"must have at most {MOST_CHARACTERS:,} characters")
    return folded


def _days(raw: object) -> Decimal:
    days = number(raw)
    if not 0 <= days <= MOST_DAYS:
        raise InvalidValue("INVALID_VALUE", f"must be a number of days from 0 to {MOST_DAYS:,}")
    return days


def _flag(raw: object) -> bool:
    if isinstance(raw, str):
        return FlagGate().read({"true": True, "false": False}.get(raw.strip().lower(), raw))
    return FlagGate().read(raw)


_GATES: dict[Kind, Callable[[object], Scalar]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: number,
    Kind.AGE: _days,
    Kind.MOMENT: MomentGate().read,
    Kind.DATE: DayGate().read,
    Kind.FLAG: _flag,
    Kind.SET: _text,
}
_CHOICES: dict[Field, Callable[[object], Scalar]] = {
    Field.STATUS: ChoiceGate(CustomerStatus).read,
    Field.CUSTOMER_TYPE: ChoiceGate(CustomerType).read,
}
