"""The converter of snapshots: model values to plain JSON values, and back through their gates.

Amounts become decimal strings, moments RFC 3339 in UTC. Keys are the model's field names in camel
case.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import Annotated, Any, Final, get_args, get_origin
from uuid import UUID

import attrs
from cattrs import AttributeValidationNote, BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.errors import ClassValidationError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from customers.adapters.memory.snapshot.gates import gated_type, reads_by_type
from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.customer import Customer
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.membership import RefreshState
from customers.core.model.money import ZERO, Currency
from customers.core.model.order import Entry, Statistics
from customers.core.model.problems import MAX_PROBLEMS
from customers.core.model.segment import RulesText, Segment
from customers.core.model.values import ChoiceGate

Hook = Callable[[object, Any], Any]

# Fields that follow from other rows, or that only an erased customer has.
OMITTED: Final[Mapping[type, str]] = MappingProxyType(
    {
        Customer: "erased_at",
        Entry: "refunds_total",
        Segment: "rule",
        RefreshState: "member_count",
    }
)


@cache
def snapshot_converter(currency: Currency) -> Converter:
    """The converter of a deployment with that currency; read with `structured`."""
    converter = Converter(detailed_validation=True, unstruct_collection_overrides={tuple: list})
    for kind, dump in _DUMPS.items():
        converter.register_unstructure_hook(kind, dump)
    for kind, read in reads_by_type(currency).items():
        converter.register_structure_hook(kind, _ignoring_type(read))
    converter.register_structure_hook(StrEnum, lambda raw, kind: ChoiceGate(kind).read(raw))
    factory = converter.register_structure_hook_factory
    factory(_has_gate, lambda kind: _ignoring_type(get_args(kind)[1].read))
    factory(_is_tuple, lambda kind: _list_hook(converter, kind))
    factory(_is_mapping, lambda kind: _mapping_hook(converter, kind))
    factory(attrs.has, lambda kind: _object_hook(converter, kind))
    converter.register_structure_hook(Segment, _segment_hook(converter))
    converter.register_unstructure_hook_factory(
        attrs.has, lambda kind: make_dict_unstructure_fn(kind, converter, **_overrides(kind))
    )
    return converter


def structured(converter: Converter, data: object, kind: Any, at: JsonPointer) -> Any:
    """The data as a `kind`. Raises Invalid with a pointer to each bad place, below `at`."""
    try:
        return converter.structure(data, kind)
    except (InvalidValue, BaseValidationError) as error:
        problems = islice(_problems_of(error, at), MAX_PROBLEMS)
        raise Invalid(tuple(problems)) from error


def _problems_of(error: Exception, at: JsonPointer) -> Iterator[Problem]:
    """One problem per bad value; errors that are not about a value are raised."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        for cause, place in _causes(error, at):
            yield from _problems_of(cause, place)
    elif isinstance(error, Invalid):
        for problem in error.problems:
            pointer = at.pointer + (problem.pointer or "").replace("/rules", "/rulesText", 1)
            yield problem_at(pointer, InvalidValue(problem.code, problem.message))
    elif isinstance(error, InvalidValue):
        yield problem_at(at.pointer, error)
    else:
        raise error


def _causes(
    error: ClassValidationError | IterableValidationError, at: JsonPointer
) -> Iterator[tuple[Exception, JsonPointer]]:
    """The errors in a group with their places; missing and unknown keys as invalid values."""
    with_notes, others = error.group_exceptions()
    for cause, note in with_notes:
        is_missing = isinstance(cause, KeyError)
        key = camel(note.name) if isinstance(note, AttributeValidationNote) else note.index
        yield InvalidValue("REQUIRED", "is required") if is_missing else cause, at.below(key)
    for cause in others:
        if isinstance(cause, ForbiddenExtraKeysError):
            for key in cause.extra_fields:
                yield InvalidValue("UNKNOWN_FIELD", "unknown field"), at.below(str(key))
        else:
            yield cause, at


def problem_at(pointer: str, error: InvalidValue) -> Problem:
    key = pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    return error.at(key, pointer)


def camel(name: str) -> str:
    """The JSON key of a field: `address_line1` is `addressLine1`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _ignoring_type(read: Callable[[object], object]) -> Hook:
    return lambda raw, _: read(raw)


def _has_gate(kind: Any) -> bool:
    return get_origin(kind) is Annotated


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) is Mapping


def _list_hook(converter: Converter, kind: Any) -> Hook:
    structure = converter.get_structure_hook(list.__class_getitem__(get_args(kind)[0]))

    def read(raw: object, _: Any) -> tuple[Any, ...]:
        if not isinstance(raw, list | tuple):
            raise InvalidValue("INVALID_TYPE", "must be a list")
        return tuple(structure(raw, kind))

    return read


def _mapping_hook(converter: Converter, kind: Any) -> Hook:
    structure = converter.get_structure_hook(dict.__class_getitem__(get_args(kind)))

    def read(raw: object, _: Any) -> Mapping[Any, Any]:
        mapping: Mapping[Any, Any] = structure(_object(raw), kind)
        if len(mapping) < len(_object(raw)):
            raise InvalidValue("DUPLICATE", "must not have two keys for the same id")
        return mapping

    return read


def _object_hook(converter: Converter, kind: type) -> Hook:
    """Reads the fields of a kind, each through its gate; refuses other keys."""
    hooks = {
        field.name: _typed(converter, gated_type(kind, field))
        for field in attrs.fields(kind)
        if field.name != OMITTED.get(kind)
    }
    structure: Any = make_dict_structure_fn(
        kind, converter, _cattrs_forbid_extra_keys=True, **_overrides(kind, hooks)
    )
    return lambda raw, _: structure(_object(raw), kind)


def _typed(converter: Converter, kind: Any) -> Hook:
    """Reads a field by its gated type instead of its own."""
    structure = converter.get_structure_hook(kind)
    return lambda raw, _: structure(raw, kind)


def _segment_hook(converter: Converter) -> Hook:
    """Reads a segment and parses its rules. Raises Invalid with pointers at /rules."""
    structure = _object_hook(converter, Segment)

    def read(raw: object, _: Any) -> Segment:
        segment: Segment = structure(raw, Segment)
        rules = RulesText(text=segment.rules_text or "null", value=segment.rules_value)
        return attrs.evolve(segment, rule=rules.rule(is_dynamic=segment.is_dynamic, strict=False))

    return read


def _overrides(kind: Any, hooks: Mapping[str, Hook] = MappingProxyType({})) -> dict[str, Any]:
    """The JSON keys of a kind. Empty statistics are left out: see `TenantRows`."""
    return {
        field.name: override(
            rename=camel(field.name),
            omit=field.name == OMITTED.get(kind),
            omit_if_default=field.type is Statistics,
            struct_hook=hooks.get(field.name),
        )
        for field in attrs.fields(kind)
    }


def _object(raw: object) -> Mapping[Any, Any]:
    if not isinstance(raw, dict):
        raise InvalidValue("INVALID_TYPE", "must be an object")
    return raw


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_DUMPS: Final[Mapping[type, Callable[[Any], str]]] = MappingProxyType(
    {
        datetime: _moment,
        date: date.isoformat,
        Decimal: lambda amount: f"{amount or ZERO:f}",
        UUID: str,
    }
)
