"""Operands: from a decoded JSON value to the typed operand of a condition.

Operands are folded and normalized here, so that the evaluation of a rule does not need to.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from customers.core.errors import InvalidValue
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.folding import fold
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.moments import DayGate, MomentGate
from customers.core.model.numbers import exact_number
from customers.core.model.problems import Problems
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.tree import Operand, Scalar
from customers.core.model.values import ChoiceGate, FlagGate, TextGate

MAX_DAYS = 36_500
MAX_CHARACTERS = 10_000

_WITHOUT_OPERAND = frozenset(
    {Operator.IS_EMPTY, Operator.IS_NOT_EMPTY, Operator.IS_TRUE, Operator.IS_FALSE}
)
_LIST_OPERATORS = frozenset(
    {Operator.IN, Operator.NOT_IN, Operator.HAS_ANY, Operator.HAS_ALL, Operator.HAS_NONE}
)
_WINDOWS = frozenset({Operator.WITHIN_LAST_DAYS, Operator.MORE_THAN_DAYS_AGO})


def read_operand(
    field: Field, operator: Operator, raw: object, location: JsonPointer, problems: Problems
) -> Operand:
    """The operand of a condition, from its JSON value at a location; None for an operator without
    operand. Adds problems and returns None if the value is invalid, but only leaves out invalid
    items of a list.
    """
    if operator in _WITHOUT_OPERAND:
        return None
    if raw is None:
        problems.add(location, "REQUIRED", f"is required by {operator}")
        return None
    gate = _gate(field, operator)
    if operator is Operator.BETWEEN:
        return _pair(gate, raw, location, problems)
    if operator in _LIST_OPERATORS:
        return _set(gate, raw, location, problems)
    return problems.read(gate, raw, location)


def _gate(field: Field, operator: Operator) -> Callable[[object], Scalar]:
    if operator in _WINDOWS:
        return _days
    return _CHOICES[field] if field.kind is Kind.CHOICE else _GATES[field.kind]


def _pair(
    gate: Callable[[object], Scalar], raw: object, location: JsonPointer, problems: Problems
) -> tuple[Scalar, Scalar] | None:
    if not isinstance(raw, list | tuple):
        problems.add(location, "INVALID_TYPE", "must be a list of two values, [low, high]")
        return None
    if len(raw) != 2:
        problems.add(location, "INVALID_VALUE", "must be a list of two values, [low, high]")
        return None
    low, high = _values(gate, raw, location, problems)
    return None if low is None or high is None else (low, high)


def _set(
    gate: Callable[[object], Scalar], raw: object, location: JsonPointer, problems: Problems
) -> frozenset[Scalar] | None:
    if not isinstance(raw, list | tuple):
        problems.add(location, "INVALID_TYPE", "must be a list")
        return None
    values = _values(gate, raw, location, problems)
    return frozenset(value for value in values if value is not None)


def _values(
    gate: Callable[[object], Scalar],
    items: Sequence[object],
    location: JsonPointer,
    problems: Problems,
) -> Iterator[Scalar | None]:
    """The value of each item; None, with a problem added, for an invalid one."""
    for index, item in enumerate(items):
        yield problems.read(gate, item, location.below(index))


def _text(raw: object) -> str:
    folded = fold(TextGate(max_length=MAX_CHARACTERS, multiline=True).read(raw))
    if len(folded) > MAX_CHARACTERS:
        raise InvalidValue("MAX_LENGTH", f"must have at most {MAX_CHARACTERS:,} characters")
    return folded


def _days(raw: object) -> Decimal:
    days = exact_number(raw)
    if not 0 <= days <= MAX_DAYS:
        raise InvalidValue("INVALID_VALUE", f"must be a number of days from 0 to {MAX_DAYS:,}")
    return days


def _flag(raw: object) -> bool:
    if isinstance(raw, str):
        return FlagGate().read({"true": True, "false": False}.get(raw.strip().lower(), raw))
    return FlagGate().read(raw)


_GATES: dict[Kind, Callable[[object], Scalar]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: exact_number,
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
