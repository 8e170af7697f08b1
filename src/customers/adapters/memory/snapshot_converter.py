"""Reads and writes model values as plain JSON values: the converter of snapshots.

Keys are the fields of the model in camel case, amounts are decimal strings, moments RFC 3339 in
UTC. A value is read through the gate that the API applies to it, if there is one.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import GenericAlias, NoneType
from typing import Annotated, Any, Final, get_args, get_origin
from uuid import UUID

from attrs import evolve, fields, frozen, has
from cattrs import AttributeValidationNote, Converter, ForbiddenExtraKeysError
from cattrs.errors import ClassValidationError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from immutables import Map

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model import (
    address,
    api_key,
    customer,
    journal,
    ledger,
    moments,
    order,
    payment,
    segment,
    values,
)
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.membership import RefreshState
from customers.core.model.money import ZERO, Currency, Money
from customers.core.model.numbers import exact_number
from customers.core.model.rules.parse import parse_stored
from customers.core.model.tenant import Tenant

_RULES = JsonPointer(("rules",))
Hook = Callable[[Any, Any], Any]

_DETAILS: Final[Mapping[type, type]] = {
    customer.Customer: customer.CustomerDetails,
    address.Address: address.AddressDetails,
    payment.PaymentMethod: payment.PaymentMethodDetails,
    journal.Note: journal.NoteDetails,
    journal.Communication: journal.CommunicationDetails,
    ledger.Entry: order.Order,
    order.StoredRefund: order.Refund,
    segment.Segment: segment.SegmentDetails,
    api_key.ApiKey: api_key.ApiKeyDetails,
}
# Fields that follow from other values, or that only an erased customer has.
OMITTED: Final[Mapping[type, str]] = {
    customer.Customer: "erased_at",
    ledger.Entry: "refunds_total",
    segment.Segment: "rule",
    RefreshState: "member_count",
}


@cache
def converter(currency: Currency) -> Converter:
    """The converter for a deployment with this currency."""
    lists_and_objects: Any = {tuple: list, Mapping: lambda pairs: dict(sorted(pairs))}
    converter = Converter(detailed_validation=True, unstruct_collection_overrides=lists_and_objects)
    for kind, write in _WRITERS.items():
        converter.register_unstructure_hook(kind, write)
    for kind, read in (_READERS | _amounts(currency)).items():
        converter.register_structure_hook(kind, _ignoring_kind(read))
    converter.register_structure_hook(StrEnum, lambda raw, kind: values.ChoiceGate(kind).read(raw))
    add_factory = converter.register_structure_hook_factory
    add_factory(_has_origin(Annotated), lambda kind: _ignoring_kind(get_args(kind)[1].read))
    add_factory(_has_origin(tuple, Mapping), lambda kind: _collection_hook(kind, converter))
    add_factory(has, lambda kind: _object_hook(kind, converter))
    converter.register_unstructure_hook_factory(
        has, lambda kind: make_dict_unstructure_fn(kind, converter, **_overrides(kind, converter))
    )
    return converter


def problems_of(error: Exception, at: JsonPointer) -> Iterator[Problem]:
    """One problem per bad value; raises `error` again if it is not about a value."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        with_notes, others = error.group_exceptions()
        for cause, note in with_notes:
            key = camel(note.name) if isinstance(note, AttributeValidationNote) else note.index
            yield from problems_of(cause, at.below(key))
        for cause in others:
            yield from problems_of(cause, at)
    elif isinstance(error, ForbiddenExtraKeysError):
        for key in error.extra_fields:
            yield problem_at(at.below(str(key)), InvalidValue("UNKNOWN_FIELD", "unknown field"))
    elif isinstance(error, InvalidValue):
        yield problem_at(at, error)
    elif isinstance(error, KeyError):
        yield problem_at(at, InvalidValue("REQUIRED", "is required"))
    else:
        raise error


def problem_at(at: JsonPointer, error: InvalidValue) -> Problem:
    key = at.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    return error.at(key, at.pointer)


def camel(name: str) -> str:
    """The JSON key of a field: `address_line1` is `addressLine1`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _ignoring_kind(read: Callable[[Any], Any]) -> Hook:
    return lambda raw, _: read(raw)


def _has_origin(*origins: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) in origins


def _collection_hook(kind: Any, converter: Converter) -> Hook:
    """The hook that reads a list as a tuple, or an object as a map."""
    plain, into = (list, tuple) if get_origin(kind) is tuple else (dict, Map)
    alias: Any = GenericAlias(plain, tuple(arg for arg in get_args(kind) if arg is not ...))

    def read(raw: Any, _: Any) -> Any:
        value = into(converter.structure(_instance(raw, plain), alias))
        if plain is dict and {*map(str, value)} != raw.keys():
            raise InvalidValue("INVALID_FORMAT", "must have trimmed keys, ids in lower case")
        return value

    return read


def _object_hook(kind: Any, converter: Converter) -> Hook:
    """The hook that reads an object of a class, each field by its hook, and refuses other keys."""
    overrides: Any = _overrides(kind, converter)
    read = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **overrides)
    finish = _with_rule if kind is segment.Segment else lambda row: row
    return lambda raw, _: finish(read(_instance(raw, dict), kind))


def _instance(raw: Any, kind: type) -> Any:
    if not isinstance(raw, kind):
        names: dict[type, str] = {dict: "an object", list: "a list", str: "a string"}
        raise InvalidValue("INVALID_TYPE", f"must be {names[kind]}")
    return raw


def _overrides(kind: Any, converter: Converter) -> dict[str, Any]:
    """How the fields of a kind are written and read. Empty statistics are left out.

    The gate of a field is looked up by its name in `_GATES`, else by the field of the same name in
    the kind's details, else by its own type.
    """
    details = fields(_DETAILS[kind]) if kind in _DETAILS else ()
    types = {field.name: field.type for field in (*fields(kind), *details)} | _GATES
    return {
        field.name: override(
            rename=camel(field.name),
            omit=field.name == OMITTED.get(kind),
            omit_if_default=field.type is order.Statistics,
            struct_hook=_field_hook(field.type, types[field.name], converter),
        )
        for field in fields(kind)
    }


def _field_hook(kind: Any, gated: Any, converter: Converter) -> Hook:
    """The hook that reads a field by `gated`, its type with the gate, and None if `kind` has it."""
    if NoneType in get_args(gated):
        [gated] = set(get_args(gated)) - {NoneType}
    has_none = NoneType in get_args(kind)
    return lambda raw, _: None if raw is None and has_none else converter.structure(raw, gated)


def _with_rule(row: segment.Segment) -> segment.Segment:
    text = row.rules_text or "null"
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=int)  # int refuses NaN
        return evolve(row, rule=parse_stored(value, _RULES) if row.is_dynamic else None)
    except (Invalid, ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidValue("INVALID_VALUE", f"has rules that cannot be read: {error}") from error


@frozen
class _ReasonGate:
    """The gate of a reason, which is empty when the status was set without one."""

    def read(self, raw: object) -> object:
        return raw if raw == "" else get_args(customer.Reason)[1].read(raw)


def _amounts(currency: Currency) -> dict[Any, Callable[[Any], Any]]:
    def total(raw: object) -> Decimal:
        """Reads a sum or an average of amounts; a sum may exceed the limit of a single amount."""
        value = exact_number(raw, max_digits=24)
        if value < 0 or value != currency.rounded(value):
            raise InvalidValue("INVALID_VALUE", f"must be an amount of {currency.code}")
        return value

    return {
        Money: currency.amount,
        order.RefundAmount: lambda raw: order.refund_amount(raw, currency),
        Decimal: total,
    }


_MAX_NUMBER: Final = 2**63 - 1
_FROM_ONE: Final = Annotated[int, values.WholeNumberGate(1, _MAX_NUMBER)]
_HASH: Final = Annotated[str, values.VisibleGate()]
_GATES: Final[dict[str, Any]] = {
    "tenant_id": Tenant,
    "order_id": order.OrderId,
    "lock_reason": Annotated[str, _ReasonGate()],
    "unlock_reason": Annotated[str, _ReasonGate()],
    "version": _FROM_ONE,
    "number": _FROM_ONE,
    "token_hash": _HASH,
    "address_hash": _HASH,
    "sequence": _FROM_ONE,
    "secret_hash": api_key.Digest,
}
_READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    UUID: values.IdGate().read,
    datetime: moments.MomentGate().read,
    date: moments.DayGate().read,
    bool: values.FlagGate().read,
    int: values.WholeNumberGate(0, _MAX_NUMBER).read,
    str: lambda raw: _instance(raw, str),
}
_WRITERS: Final[dict[Any, Callable[[Any], str]]] = {
    UUID: str,
    datetime: lambda moment: moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    date: date.isoformat,
    Decimal: lambda amount: f"{amount or ZERO:f}",
}
