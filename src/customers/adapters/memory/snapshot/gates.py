"""The gates through which the values of a snapshot are read: those that the API applies."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Final, NoReturn, Union, get_args
from uuid import UUID

import attrs

from customers.core.errors import InvalidValue
from customers.core.model.address import Address, AddressDetails
from customers.core.model.customer import Customer, CustomerDetails, Reason
from customers.core.model.erasure import RecordKind
from customers.core.model.journal import Communication, CommunicationDetails, Note, NoteDetails
from customers.core.model.money import Currency, Money
from customers.core.model.numbers import exact_number
from customers.core.model.order import (
    Entry,
    Order,
    OrderDate,
    OrderId,
    Refund,
    RefundAmount,
    StoredRefund,
    refund_amount,
)
from customers.core.model.payment import PaymentMethod, PaymentMethodDetails
from customers.core.model.segment import Segment, SegmentDetails
from customers.core.model.values import (
    DayGate,
    FlagGate,
    IdGate,
    MomentGate,
    Tenant,
    WholeNumberGate,
)

Read = Callable[[object], object]

_MAX_NUMBER: Final = 2**63 - 1
# A sum of amounts may exceed the largest amount; this many digits can be rounded exactly.
_MAX_SUM_DIGITS: Final = 24


def gated_type(kind: type, field: "attrs.Attribute[Any]") -> Any:
    """The type of a field with its gate: by name, of the kind's details, or that of its type."""
    details = _DETAILS.get(kind)
    types = {} if details is None else {gated.name: gated.type for gated in attrs.fields(details)}
    gated = _BY_NAME.get(field.name) or types.get(field.name, field.type)
    if NoneType in get_args(gated):
        [gated] = set(get_args(gated)) - {NoneType}
    return Union[gated, None] if NoneType in get_args(field.type) else gated  # noqa: UP007


def reads_by_type(currency: Currency) -> Mapping[Any, Read]:
    """How values without a gate of their own are read."""

    def total(raw: object) -> Decimal:
        value = exact_number(raw, max_digits=_MAX_SUM_DIGITS)
        if value < 0:
            raise InvalidValue("INVALID_VALUE", "must not be negative")
        if value != currency.rounded(value):
            raise InvalidValue("INVALID_VALUE", f"must have at most {currency.exponent} decimals")
        return value

    return {
        **_READS,
        Money: currency.amount,
        RefundAmount: lambda raw: refund_amount(raw, currency),
        Decimal: total,
    }


def _ungated(_: object) -> NoReturn:
    raise TypeError("a text without a gate: name its gate in _BY_NAME")


@attrs.frozen
class _Gate:
    """A gate that is a function."""

    read: Read


def _reason(raw: object) -> object:
    """A reason; empty when the status was set without one."""
    return raw if raw == "" else get_args(Reason)[1].read(raw)


def _json_text(raw: object) -> object:
    if not isinstance(raw, str):
        raise InvalidValue("INVALID_TYPE", "must be a string")
    try:
        json.loads(raw, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidValue("INVALID_FORMAT", "must be JSON") from error
    return raw


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _row_counts(raw: object) -> object:
    """The row counts of an erasure's receipt by table."""
    if not isinstance(raw, dict) or raw.keys() != set(RecordKind):
        raise InvalidValue("INVALID_VALUE", f"must have the keys {', '.join(RecordKind)}")
    return {kind: WholeNumberGate(0, _MAX_NUMBER).read(raw[kind]) for kind in RecordKind}


def _tenant_key(raw: object) -> object:
    if get_args(Tenant)[1].read(raw) != raw:
        raise InvalidValue("INVALID_FORMAT", "must be trimmed and in NFC")
    return raw


TenantKey = Annotated[str, _Gate(_tenant_key)]
# The gates of a kind's fields are those of its details; other texts have theirs by name.
_DETAILS: Final[Mapping[type, type]] = MappingProxyType(
    {
        Customer: CustomerDetails,
        Address: AddressDetails,
        PaymentMethod: PaymentMethodDetails,
        Note: NoteDetails,
        Communication: CommunicationDetails,
        Entry: Order,
        StoredRefund: Refund,
        Segment: SegmentDetails,
    }
)
_FROM_ONE: Final = Annotated[int, WholeNumberGate(1, _MAX_NUMBER)]
_BY_NAME: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "tenant_id": Tenant,
        "order_id": OrderId,
        "lock_reason": Annotated[str, _Gate(_reason)],
        "unlock_reason": Annotated[str, _Gate(_reason)],
        "rules_text": Annotated[str, _Gate(_json_text)],
        "counts": Annotated[Mapping[RecordKind, int], _Gate(_row_counts)],
        "version": _FROM_ONE,
        "number": _FROM_ONE,
        "sequence": _FROM_ONE,
    }
)
_READS: Final[Mapping[Any, Read]] = MappingProxyType(
    {
        UUID: IdGate().read,
        datetime: MomentGate().read,
        OrderDate: MomentGate().read,
        date: DayGate().read,
        bool: FlagGate().read,
        int: WholeNumberGate(0, _MAX_NUMBER).read,
        str: _ungated,
    }
)
