"""Shapes: how values of the model become rows of plain data, and how rows are read.

A field is read by a gate of the model, as the API reads it. Which shapes there are is found in
`rows`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Final, Generic, TypeVar, cast, get_args, get_origin
from uuid import UUID

from attrs import NOTHING, Attribute, fields, frozen

from customers.core.errors import InvalidValue
from customers.core.model.money import ZERO, Currency, Money
from customers.core.model.numbers import exact_number
from customers.core.model.order import OrderDate, RefundAmount, refund_amount
from customers.core.model.values import (
    ChoiceGate,
    DayGate,
    FlagGate,
    IdGate,
    MomentGate,
    WholeNumberGate,
)

T = TypeVar("T")
Row = dict[str, Any]
Reads = Callable[[object, Currency], object]

MOST: Final = 2**63 - 1
# Of what amounts add up to: so many can be rounded exactly.
MOST_DIGITS: Final = 24
_NO_READS: Final[Mapping[str, Reads]] = MappingProxyType({})


class Shape(Generic[T]):
    """What rows of one kind of value are like.

    They hold the value's fields in camelCase, or `only` some, or all `without` those that the
    row's place or other rows say; under the keys `inside` stand other rows. A field is read by
    what `reads` it, by its gate in the `details` that the API takes, or else by its type.
    """

    def __init__(
        self,
        kind: type[T],
        details: type | None = None,
        *,
        only: Collection[str] = (),
        without: Collection[str] = (),
        inside: Collection[str] = (),
        reads: Mapping[str, Reads] = _NO_READS,
    ) -> None:
        self.kind = kind
        gates = {} if details is None else {each.name: each for each in _fields(details)}
        self._fields = [
            _Field.of(each, reads.get(each.name) or _reads(gates.get(each.name, each).type))
            for each in _fields(kind)
            if each.name not in without and (not only or each.name in only)
        ]
        self._keys = {each.key for each in self._fields} | set(inside)

    def write(self, value: T, **inside: object) -> Row:
        """The row of a value, with what stands inside."""
        return {each.key: _plain(getattr(value, each.name)) for each in self._fields} | inside

    def read(
        self, row: Mapping[str, object], currency: Currency
    ) -> tuple[dict[str, Any], list[tuple[str, InvalidValue]]]:
        """The fields that the row tells, and what is wrong under which key."""
        told: dict[str, Any] = {}
        unknown = InvalidValue("UNKNOWN_FIELD", "is not known here")
        wrong = [(str(key), unknown) for key in row if key not in self._keys]
        for each in self._fields:
            try:
                told |= each.read(row, currency)
            except InvalidValue as refused:
                wrong.append((each.key, refused))
        return told, wrong


@frozen(kw_only=True)
class _Field:
    name: str
    key: str
    reads: Reads
    is_nullable: bool
    is_required: bool

    @classmethod
    def of(cls, each: "Attribute[Any]", reads: Reads) -> "_Field":
        return cls(
            name=each.name,
            key=_camel(each.name),
            reads=reads,
            is_nullable=NoneType in get_args(each.type),
            is_required=each.default is NOTHING,
        )

    def read(self, row: Mapping[str, object], currency: Currency) -> dict[str, object]:
        """The field by its name; nothing where the model's default is to stand."""
        if self.key not in row:
            if self.is_required:
                raise InvalidValue("REQUIRED", "is required")
            return {}
        if (raw := row[self.key]) is not None:
            return {self.name: self.reads(raw, currency)}
        if not self.is_nullable:
            raise InvalidValue("INVALID_TYPE", "must not be null")
        return {self.name: None}


def gated(gate: Any) -> Reads:
    """What reads by a gate."""
    return lambda raw, _: gate.read(raw)


def _fields(kind: Any) -> Iterable["Attribute[Any]"]:
    return cast(Iterable["Attribute[Any]"], fields(kind))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value or ZERO:f}"
    if isinstance(value, StrEnum | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _reads(kind: Any) -> Reads:
    """What reads values of a type, None aside. A text without a gate has nothing: KeyError."""
    if get_origin(kind) is Annotated:
        return gated(get_args(kind)[1])
    if NoneType in get_args(kind):
        return _reads(next(each for each in get_args(kind) if each is not NoneType))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return gated(ChoiceGate(kind))
    return _BY_TYPE[kind]


def _sum(raw: object, currency: Currency) -> Decimal:
    """Of amounts, so that it may be greater than any of them."""
    value = exact_number(raw, max_digits=MOST_DIGITS)
    if value < 0:
        raise InvalidValue("INVALID_VALUE", "must not be negative")
    if value != currency.rounded(value):
        raise InvalidValue("INVALID_VALUE", f"must have at most {currency.exponent} decimals")
    return value


_BY_TYPE: Mapping[Any, Reads] = {
    UUID: gated(IdGate()),
    datetime: gated(MomentGate()),
    OrderDate: gated(MomentGate()),
    date: gated(DayGate()),
    bool: gated(FlagGate()),
    int: gated(WholeNumberGate(0, MOST)),
    Money: lambda raw, currency: currency.amount(raw),
    RefundAmount: refund_amount,
    Decimal: _sum,
}
